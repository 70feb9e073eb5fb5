"""The sandbox's side of the lab: taking a region away, and what it saw that AWS never shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings

from bookmarks.lab.wording import listed
from gtsite.sandbox.client import Fault, SandboxClient, SandboxRefused, SandboxUnreachable, Status

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
    """What the sandbox says, or in `problem` why it says nothing.

    `moving` while images are on their way: the sentence will soon be another.
    """

    switches: dict[str, Switch]
    sentence: str = ""
    problem: str = ""
    moving: bool = False


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
        sentence=f"{_backlog(status, places)} {_conflicts(status.conflicts)}",
        moving=status.backlog > 0,
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


def _backlog(status: Status, places: Callable[[str], str]) -> str:
    pairs = [
        f"{places(pair.source)} to {places(pair.target)} {pair.backlog}"
        for pair in status.pairs
        if pair.backlog
    ]
    if not pairs:
        return "Nothing is on its way between the regions."
    return f"On its way: {listed(pairs)}."


def _conflicts(count: int) -> str:
    if count == 0:
        return "The sandbox has met no conflict yet."
    return f"The sandbox has met {count:,} conflict{'' if count == 1 else 's'} in all its tables."
