"""The sandbox's side of the lab: taking a region away, and what it saw that AWS never shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings

from gtsite.sandbox.client import (
    Fault,
    PairStatus,
    RegionStatus,
    SandboxClient,
    SandboxRefused,
    SandboxUnreachable,
    Status,
)
from gtsite.wording import listed

LABELS: dict[Fault, str] = {"none": "Up", "refuse": "Refuses", "blackhole": "Black hole"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One position of a region's switch."""

    fault: Fault
    label: str
    pressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A region's switch; no choice is pressed while the sandbox does not answer."""

    region: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxView:
    """What the sandbox says, or in `problem` why it says nothing."""

    switches: dict[str, Switch]
    sentence: str = ""
    problem: str = ""
    status: Status | None = None


def client() -> SandboxClient | None:
    """None on AWS, where no button takes a region away."""
    url: str = settings.SANDBOX_CONTROL_URL
    return SandboxClient(url) if url else None


def turn(control: SandboxClient, region: str, fault: Fault) -> Status:
    """Puts a region's switch into one position; raises what the client raises."""
    return control.heal(region) if fault == "none" else control.outage(region, fault)


def look(
    ask: Callable[[], Status], *, regions: Iterable[str], places: Callable[[str], str]
) -> SandboxView:
    """What `ask` answers, set for the page; a sandbox that does not answer is a sentence, too."""
    names = tuple(regions)
    try:
        status = ask()
    except (SandboxUnreachable, SandboxRefused) as problem:
        return SandboxView(switches=_switches(names, None), problem=str(problem))
    return SandboxView(
        switches=_switches(names, status),
        sentence=" ".join(
            (*_troubles(status, places), *_backlog(status, places), _conflicts(status.conflicts))
        ),
        status=status,
    )


def _switches(regions: Iterable[str], status: Status | None) -> dict[str, Switch]:
    return {region: _switch(region, status) for region in regions}


def _switch(region: str, status: Status | None) -> Switch:
    present = status.fault_of(region) if status else None
    return Switch(
        region=region,
        choices=tuple(
            Choice(fault=fault, label=label, pressed=fault == present)
            for fault, label in LABELS.items()
        ),
    )


def _troubles(status: Status, places: Callable[[str], str]) -> list[str]:
    """A sentence for each region with a fault that its switch does not show."""
    told = ((region.name, _trouble(region)) for region in status.regions)
    return [f"{places(name)} {listed(found)}." for name, found in told if found]


def _trouble(region: RegionStatus) -> list[str]:
    found = []
    if region.fault not in LABELS:
        found.append("resets its connections")
    if region.error_rate:
        found.append(f"fails {region.error_rate:.0%} of its calls")
    if region.slow_ms:
        found.append(f"answers {region.slow_ms:,} ms late")
    if region.paused:
        found.append("has its replication paused")
    if region.skew_ms:
        how = "ahead" if region.skew_ms > 0 else "behind"
        found.append(f"has its clock {abs(region.skew_ms):,} ms {how}")
    return found


def _backlog(status: Status, places: Callable[[str], str]) -> list[str]:
    """What moves by itself, and what a fault or a pause holds back."""
    waiting = [pair for pair in status.pairs if pair.backlog]
    moving = _counts((pair for pair in waiting if pair.flowing), places)
    held = _counts((pair for pair in waiting if not pair.flowing), places)
    told = [f"On its way: {listed(moving)}."] if moving else []
    told += [f"Held back: {listed(held)}."] if held else []
    return told or ["Nothing is on its way between the regions."]


def _counts(pairs: Iterable[PairStatus], places: Callable[[str], str]) -> list[str]:
    return [f"{places(pair.source)} to {places(pair.target)} {pair.backlog}" for pair in pairs]


def _conflicts(count: int) -> str:
    if count == 0:
        return "The sandbox has met no conflict yet."
    return f"The sandbox has met {count:,} conflict{'' if count == 1 else 's'} in all its tables."
