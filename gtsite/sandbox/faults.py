"""What is wrong with each region at the moment: for its callers, and for replication."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Fault = Literal["none", "refuse", "blackhole", "reset"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
ErrorStatus = Literal[500, 503]
ERROR_STATUSES: tuple[ErrorStatus, ...] = get_args(ErrorStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What callers of a region that is there meet: some calls fail, all are late.

    `error_rate` (0 to 1) of the calls get `error_status`; `executed_rate` (0 to 1) of those are
    executed nonetheless: a real 500 leaves that open. Each answer comes `slow_ms` later.
    """

    error_rate: float = 0.0
    error_status: ErrorStatus = 500
    executed_rate: float = 0.0
    slow_ms: int = 0


NO_TROUBLE = Trouble()


class Faults:
    """The faults of each region.

    A region that is away neither answers callers nor replicates; a paused one answers, and neither
    sends nor receives replication; trouble concerns callers alone. All three combine.
    """

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._outages: dict[str, int] = {}
        self._trouble: dict[str, Trouble] = {}
        self._paused: set[str] = set()
        self._paused_ways: set[tuple[str, str]] = set()
        self._changed: dict[str, asyncio.Event] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._random = random.Random()  # noqa: S311

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(region)` after each change of who is away or paused."""
        self._listeners.append(listener)

    def of(self, region: str) -> Fault:
        return self._faults.get(region, "none")

    def away(self, region: str) -> bool:
        return self.of(region) != "none"

    def paused(self, region: str) -> bool:
        """Whether the whole region's replication is paused, in and out."""
        return region in self._paused

    def paused_ways(self) -> list[tuple[str, str]]:
        """The single ways (source, target) that are paused, sorted."""
        return sorted(self._paused_ways)

    def reachable(self, source: str, target: str) -> bool:
        """Whether images travel from one region to another now."""
        ends = (source, target)
        return ends not in self._paused_ways and not any(
            self.away(region) or self.paused(region) for region in ends
        )

    def outages(self, region: str) -> int:
        """How often the region went away so far: whoever sees it grow was cut off meanwhile."""
        return self._outages.get(region, 0)

    def set(self, region: str, fault: Fault) -> None:
        if self.of(region) == fault:
            return
        self._faults[region] = fault
        if fault != "none":
            self._outages[region] = self.outages(region) + 1
        self._changed.pop(region, asyncio.Event()).set()
        self._tell(region)

    def pause(self, region: str) -> None:
        """Hold replication from and to the region; its callers notice nothing."""
        self._paused.add(region)
        self._tell(region)

    def resume(self, region: str) -> None:
        """Let replication go on from and to the region, single ways that were paused as well."""
        self._paused.discard(region)
        self._paused_ways = {way for way in self._paused_ways if region not in way}
        self._tell(region)

    def pause_way(self, source: str, target: str) -> None:
        """Hold replication in one direction only."""
        self._paused_ways.add((source, target))
        self._tell(source)

    def resume_way(self, source: str, target: str) -> None:
        """Let a single way go on; a region that is paused as a whole stays so."""
        self._paused_ways.discard((source, target))
        self._tell(source)

    def trouble(self, region: str) -> Trouble:
        return self._trouble.get(region, NO_TROUBLE)

    def set_trouble(self, region: str, trouble: Trouble) -> None:
        self._trouble[region] = trouble

    def draw(self, rate: float) -> bool:
        """True for `rate` of the calls, by chance."""
        return self._random.random() < rate

    async def change(self, region: str) -> None:
        """Return when the region goes away, comes back or is away in another manner."""
        await self._changed.setdefault(region, asyncio.Event()).wait()

    def _tell(self, region: str) -> None:
        for listener in self._listeners:
            listener(region)
