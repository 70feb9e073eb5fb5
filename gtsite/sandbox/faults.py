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
        self._healed: dict[str, asyncio.Event] = {}
        self._listeners: list[Callable[[str], None]] = []

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(region)` after each change."""
        self._listeners.append(listener)

    def of(self, region: str) -> Fault:
        return self._faults.get(region, "none")

    def away(self, region: str) -> bool:
        return self.of(region) != "none"

    def set(self, region: str, fault: Fault) -> None:
        if self.of(region) == "blackhole":
            self._healed.pop(region).set()
        self._faults[region] = fault
        if fault == "blackhole":
            self._healed[region] = asyncio.Event()
        for listener in self._listeners:
            listener(region)

    async def while_blackholed(self, region: str) -> None:
        """Return when the region is a black hole no more."""
        healed = self._healed.get(region)
        if healed is not None:
            await healed.wait()
