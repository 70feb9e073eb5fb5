"""The lab's log: what was done on it and how that ended, one entry a deed.

The server keeps none of it. Each answer that did something carries its entry in the header
`HX-Trigger`, as the event `lab:did`; the page collects them (`static/js/lablog.js`). A streamed
experiment has its entry in its last frame, in a `<script type="application/json" data-lab-log>`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import HttpResponse
from django_htmx.http import trigger_client_event

from bookmarks.lab import wording
from bookmarks.lab.entities import Action, Entry, Number, Outcome, Panel, digits

Kind = Literal["press", "fault", "experiment"]
Tone = Literal["good", "warn", "bad"]

ACTIONS = {Action.PING: "Ping", Action.GET: "Get item", Action.CLEAR: "Clear"}
TONES: dict[Outcome, Tone] = {
    Outcome.OK: "good",
    Outcome.BUSY: "warn",
    Outcome.UNCERTAIN: "warn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One entry: when (ms since the epoch), what, in which regions, and how it ended in a sentence.

    `facts` are whatever figures belong to it, with units in their names.
    """

    at_ms: int
    kind: Kind
    what: str
    regions: tuple[str, ...]
    outcome: str
    tone: Tone = "good"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """As it stands in the log and in its download."""
        return {
            "at_ms": self.at_ms,
            "kind": self.kind,
            "what": self.what,
            "regions": list(self.regions),
            "outcome": self.outcome,
            "tone": self.tone,
            **self.facts,
        }


def tell(response: HttpResponse, deed: Deed) -> HttpResponse:
    """The response, with the deed for the page's log."""
    return trigger_client_event(response, "lab:did", deed.json)


def press_done(region: str, place: str, entry: Entry) -> Deed:
    """A button of a panel, as its answer tells."""
    return Deed(
        at_ms=entry.at_ms,
        kind="press",
        what=f"{ACTIONS.get(entry.action) or wording.signed(entry.step)} in {place}",
        regions=(region,),
        outcome=wording.answer(entry, place),
        tone=TONES.get(entry.outcome, "bad"),
        facts=_facts(entry),
    )


def clear_done(region: str, place: str, *, at_ms: int) -> Deed:
    return Deed(
        at_ms=at_ms,
        kind="press",
        what=f"Clear in {place}",
        regions=(region,),
        outcome=f"{place}’s panel has forgotten its answers.",
    )


def remembered(panels: Mapping[str, Panel], place_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """What the panels remember, as entries, newest first."""
    deeds = [
        press_done(region, place_of(region), entry)
        for region, panel in panels.items()
        for entry in panel.entries
    ]
    return [deed.json for deed in sorted(deeds, key=lambda each: each.at_ms, reverse=True)]


def document(site: str, entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The log as it is downloaded."""
    return {"log": "Meridian region lab", "site": site, "entries": list(entries)}


def _facts(entry: Entry) -> dict[str, Any]:
    """Numbers as DynamoDB writes them: as text, since they may be longer than a float's."""
    facts: dict[str, Any] = {
        "action": entry.action,
        "result": entry.outcome,
        "elapsed_ms": round(entry.elapsed_ms, 1),
    }
    if entry.action.writes:
        facts |= {"step": entry.step, "old": _number(entry.old), "new": _number(entry.value)}
    elif entry.action is Action.GET:
        facts |= {"value": _number(entry.value), "written_in": entry.writer}
    return facts


def _number(value: Number | None) -> str | None:
    return None if value is None else digits(value)
