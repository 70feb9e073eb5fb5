"""What the lab's templates show: every number already set, every sentence already said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bookmarks.lab import state, wording
from bookmarks.lab.entities import Action, Attribute, Entry, Outcome, Panel
from bookmarks.lab.forms import Sent
from bookmarks.lab.sandbox import Switch
from bookmarks.lab.verdict import Histories, Write, judge, list_writes
from gtsite.dynamodb.regions import Region, distance_km, light_time_ms, region
from gtsite.wording import milliseconds

HUES = 6
KEYS = 9
LABELS = {Action.PING: "Ping", Action.GET: "Get"}
TONES = {Outcome.OK: "good", Outcome.BUSY: "warn", Outcome.UNCERTAIN: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One answer in the history; `tone` is good, warn or bad."""

    at: datetime
    label: str
    text: str
    elapsed: str
    since: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelView:
    """One region's panel.

    `key` is the digit that chooses it, empty beyond nine; `hue` is one of `HUES` colours. `value`
    is the bookmark as the region last gave it, `old` what its last update replaced, both empty
    when there is none; `dated` says that the region has not answered since. `tone` is good, warn,
    bad or idle. `state` is the memory to carry on.
    """

    region: Region
    key: str
    hue: int
    here: bool
    distance: str
    step: str
    said: str
    tone: str
    value: str
    old: str
    elapsed: str
    since: str
    dated: bool
    attributes: tuple[Attribute, ...]
    lines: tuple[Line, ...]
    state: str
    switch: Switch | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """The verdict line. `age_ms` is the time since the last update anywhere, None before any.

    `last` names that update, unless the verdict does already.
    """

    kind: str
    headline: str
    facts: tuple[str, ...]
    last: str
    age_ms: int | None


def show_panels(
    sent: Sent, *, local: str, now_ms: int, switches: Mapping[str, Switch]
) -> tuple[PanelView, ...]:
    """Every panel, in the order of the regions; distances are from `local`."""
    return tuple(
        show_panel(sent, name, local=local, now_ms=now_ms, switch=switches.get(name))
        for name in sent.panels
    )


def show_panel(
    sent: Sent, name: str, *, local: str, now_ms: int, switch: Switch | None = None
) -> PanelView:
    panel = sent.panels[name]
    place = region(name).place
    number = list(sent.panels).index(name) + 1
    writes = list_writes(_histories(sent.panels))
    held = next((entry for entry in panel.entries if entry.read), None)
    said, tone = _said(panel, place, sent.errors.get(name, ""))
    return PanelView(
        region=region(name),
        key=str(number) if number <= KEYS else "",
        hue=(number - 1) % HUES + 1,
        here=name == local,
        distance=_distance(local, name),
        step=sent.steps[name],
        said=said,
        tone=tone,
        value=wording.number(held.value) if held else "",
        old=wording.number(held.old) if held and held.wrote else "",
        elapsed=milliseconds(panel.newest.elapsed_ms) if panel.newest else "",
        since=wording.span(now_ms - writes[-1].stamp_ms) if writes else "",
        dated=panel.newest is not None and panel.newest.outcome is not Outcome.OK,
        attributes=panel.attributes,
        lines=tuple(_line(entry, writes) for entry in panel.entries),
        state=state.encode(panel),
        switch=switch,
    )


def show_verdict(panels: Mapping[str, Panel], *, now_ms: int) -> VerdictView:
    histories = _histories(panels)
    verdict = judge(histories)
    writes = list_writes(histories)
    return VerdictView(
        kind=verdict.kind,
        headline=wording.headline(verdict, place_of),
        facts=tuple(wording.facts(verdict, place_of)),
        last=wording.update(writes[-1], place_of) if writes and not verdict.conflicts else "",
        age_ms=max(now_ms - writes[-1].stamp_ms, 0) if writes else None,
    )


def place_of(name: str) -> str:
    """A region's place; its name for one that this site does not know of."""
    try:
        return region(name).place
    except ValueError:
        return name


def _histories(panels: Mapping[str, Panel]) -> Histories:
    return {name: panel.entries for name, panel in panels.items()}


def _said(panel: Panel, place: str, error: str) -> tuple[str, str]:
    if error:
        return f"{error} Nothing was written.", "bad"
    if panel.newest is None:
        return "Not asked yet.", "idle"
    return wording.answer(panel.newest, place), _tone(panel.newest)


def _tone(entry: Entry) -> str:
    return TONES.get(entry.outcome, "bad")


def _distance(local: str, name: str) -> str:
    if name == local:
        return "This site’s own region"
    away = f"{distance_km(local, name):,.0f} km away"
    return f"{away}, light takes {light_time_ms(local, name):.0f} ms"


def _line(entry: Entry, writes: list[Write]) -> Line:
    return Line(
        at=datetime.fromtimestamp(entry.at_ms / 1000, UTC),
        label=LABELS.get(entry.action) or wording.signed(entry.step),
        text=wording.brief(entry),
        elapsed=milliseconds(entry.elapsed_ms),
        since=next(_since(entry, writes), ""),
        tone=_tone(entry),
    )


def _since(entry: Entry, writes: list[Write]) -> Iterator[str]:
    """How long after the last update anywhere it came; nothing before the first one."""
    moment = entry.stamp_ms if entry.wrote and entry.stamp_ms is not None else entry.at_ms
    for write in reversed(writes):
        if write.stamp_ms < moment:
            yield wording.span(moment - write.stamp_ms)
