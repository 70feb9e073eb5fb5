"""Which regions are away at the moment, and in what manner."""

import asyncio
from collections.abc import Callable
from typing import Literal, get_args

Fault = Literal["none", "refuse", "blackhole"]
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Faults:
    """The fault of each region. A region that is away neither sends nor receives replication."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._outages: dict[str, int] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._listeners: list[Callable[[str], None]] = []

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(region)` after each change."""
        self._listeners.append(listener)

    def of(self, region: str) -> Fault:
        return self._faults.get(region, "none")

    def away(self, region: str) -> bool:
        return self.of(region) != "none"

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
        for listener in self._listeners:
            listener(region)

    async def change(self, region: str) -> None:
        """Return when the region's fault changes."""
        await self._changed.setdefault(region, asyncio.Event()).wait()
