"""`manage.py experiment race`: several regions write the same items; who wins, what is lost."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table as RichTable

from gtsite.dynamodb import connection
from gtsite.dynamodb.tables import TableDefinition
from gtsite.experiments.entities import Phase, RaceItem, RacePlan, RaceRun, RaceWrite
from gtsite.experiments.race import run_race
from gtsite.experiments.verdicts import same
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.experiments.items import (
    check_between,
    chosen_items,
    declare_items,
    key_document,
    patience_ms,
    raise_for_troubles,
    rounded,
    shown,
    shown_ms,
    split_setting,
    trouble_lines,
    troubles_document,
    typed_value,
)
from gtsite.management.experiments.stopping import stopped_by_ctrl_c
from gtsite.management.looking import plain
from gtsite.management.progress import progress_line
from gtsite.management.rendering import lines, table
from gtsite.management.subjects import check_regions, find_table, table_regions
from gtsite.wording import counted, listed

MOST_GAP_MS = 60_000
MOST_FILMS = 2
"""Of so many items every change is shown; of more, only how it ended."""

ADVICE = (
    "Of two writes that do not know each other the later one stands, with the whole item, and "
    "nobody is told of the other. Let one region write an item at a time, or make every write "
    "right by itself: an absolute value with its moment, or one item per region."
)


def declare(actions: Any) -> None:
    """Its part of the command line."""
    race = actions.add_parser(
        "race",
        help="let several regions write the same items: who wins, what is lost",
        description="Sets one attribute of the same items in one region and then in others, and "
        "watches until all regions agree. The items stay as the race leaves them.",
    )
    race.add_argument("table", help="the table's name")
    race.add_argument(
        "--set", required=True, metavar="NAME=VALUE", dest="setting", help="what is written first"
    )
    race.add_argument(
        "--then",
        action="append",
        required=True,
        metavar="VALUE",
        help="what the next region writes; may be repeated",
    )
    race.add_argument(
        "--in",
        action="append",
        required=True,
        dest="regions",
        metavar="REGION",
        help="where: once for --set and once for each --then, in their order",
    )
    race.add_argument(
        "--gap", type=int, default=0, metavar="MS", help="between one region and the next; 0"
    )
    race.add_argument(
        "--simultaneous", action="store_true", help="item by item, in all regions at once"
    )
    declare_items(race)


def run(command: SiteCommand, options: dict[str, Any]) -> None:
    """Races and prints; raises `PartlyDone` when the regions were not seen to agree."""
    regions = _regions(options)
    gap_ms = check_between("--gap", options["gap"], 0, MOST_GAP_MS)
    patience = patience_ms(options)
    definition = find_table(options["table"], region=regions[0])
    attribute, text = split_setting(definition, options["setting"])
    check_regions(definition, regions)
    watch = tuple(dict.fromkeys([*regions, *table_regions(definition)]))
    with connection.regional_table(definition, watch) as everywhere:
        items = chosen_items(everywhere, regions, options)
        values = [
            typed_value(attribute, each, list(items.values())) for each in (text, *options["then"])
        ]
        plan = RacePlan(
            keys=tuple(items),
            attribute=attribute,
            writes=tuple(map(_race_write, regions, values)),
            watch=watch,
            gap_ms=gap_ms,
            simultaneous=options["simultaneous"],
            patience_ms=patience,
        )
        with progress_line(sys.stderr, command.say) as line, stopped_by_ctrl_c() as stop:
            found = run_race(plan, everywhere, tell=lambda run: line.show(summary(run)), stop=stop)
    command.answer(race_document(definition, found), race_lines(definition, found))
    _raise_if_incomplete(found)


def race_lines(definition: TableDefinition, run: RaceRun) -> list[str]:
    """Item by item what each write replaced and how it ended, and what that comes to."""
    parts: list[RenderableType] = [_heading(definition, run), "", _table(definition, run)]
    for each in run.items if len(run.items) <= MOST_FILMS else ():
        parts += [
            "",
            f"What each region held of {' '.join(map(shown, each.key))}",
            _film(run, each),
        ]
    parts += ["", *_sentences(run)]
    return lines(*parts, *trouble_lines(run.troubles))


def race_document(definition: TableDefinition, run: RaceRun) -> dict[str, Any]:
    """Everything that was found; times in milliseconds since the run began."""
    plan = run.plan
    return {
        "experiment": "race",
        "table": definition.name,
        "began_at": run.began_at.isoformat(),
        "phase": run.phase.value,
        "attribute": plan.attribute,
        "writes": [{"region": each.region, "value": plain(each.value)} for each in plan.writes],
        "watch": list(plan.watch),
        "gap_ms": plan.gap_ms,
        "simultaneous": plan.simultaneous,
        "patience_ms": plan.patience_ms,
        "written": _written(run),
        "lost": run.lost,
        "agreed": _agreed(run),
        "agreed_after_ms": rounded(max(_after_ms(run), default=None)),
        "items": [_item_document(definition, each) for each in run.items],
        "troubles": troubles_document(run.troubles),
    }


def summary(run: RaceRun) -> str:
    """`20 of 20 writes acknowledged, 4 of 10 items agreed, 4 writes lost`."""
    wanted = counted(len(run.items) * len(run.plan.writes), "write")
    acknowledged = f"{_written(run):,} of {wanted} acknowledged"
    items = counted(len(run.items), "item")
    return f"{acknowledged}, {_agreed(run)} of {items} agreed, {counted(run.lost, 'write')} lost"


def _regions(options: dict[str, Any]) -> list[str]:
    regions, wanted = options["regions"], 1 + len(options["then"])
    if len(regions) != wanted:
        raise UsageError(
            f"{counted(wanted, 'value')} for {counted(len(regions), 'region')}: write --in once "
            "for --set and once for each --then."
        )
    if len(set(regions)) < len(regions):
        raise UsageError("A region writes once: name another one with each --in.")
    return list(regions)


def _race_write(region: str, value: Any) -> RaceWrite:
    return RaceWrite(region=region, value=value)


def _heading(definition: TableDefinition, run: RaceRun) -> str:
    plan = run.plan
    writes = [f"{shown(each.value)} in {each.region}" for each in plan.writes]
    gap = f", {plan.gap_ms:,.0f} ms apart" if plan.gap_ms else ""
    how = f"all at once{gap}" if plan.simultaneous else f"one region after the other{gap}"
    return f"{definition.name}: {plan.attribute} becomes {listed(writes)}, {how}"


def _table(definition: TableDefinition, run: RaceRun) -> RichTable:
    regions = [each.region for each in run.plan.writes]
    right = ("stands", "agreed ms")
    made = table(
        "What each write replaced, and what became of it",
        *definition.key_names,
        *regions,
        *right,
        right=right,
    )
    for item in run.items:
        made.add_row(
            *map(shown, item.key),
            *(_fate(item, each) for each in run.plan.writes),
            shown(item.stands) if item.agreed_ms is not None else "",
            shown_ms(_agreed_after_ms(item)),
        )
    return made


def _fate(item: RaceItem, write: RaceWrite) -> str:
    """`222 → 111 lost`: what the write replaced, what it wrote, and how that ended."""
    if write.region not in item.replaced:
        return "no answer" if write.region in item.uncertain else "not written"
    written = f"{shown(item.replaced[write.region])} → {shown(write.value)}"
    return f"{written} {_end_of(item, write)}"


def _end_of(item: RaceItem, write: RaceWrite) -> str:
    if item.agreed_ms is None:
        return "open"
    if same(write.value, item.stands):
        return "stands"
    if write.region in item.lost:
        return "lost"
    return "unclear" if item.unclear else "known"


def _film(run: RaceRun, item: RaceItem) -> RichTable:
    """Every change that was seen, in the order seen, one column a region."""
    made = table("", "at ms", *run.plan.watch, right=("at ms", *run.plan.watch))
    held = dict.fromkeys(run.plan.watch, "")
    for each in sorted(item.film, key=lambda sighting: sighting.at_ms):
        held = {**held, each.region: shown(each.value)}
        made.add_row(f"{each.at_ms:,.0f}", *held.values())
    return made


def _sentences(run: RaceRun) -> Sequence[str]:
    if not _written(run):
        return []
    return [" ".join(_what_happened(run)) or "The regions do not agree yet.", "", ADVICE]


def _what_happened(run: RaceRun) -> Iterator[str]:
    items = counted(len(run.items), "item")
    wins = Counter(each.winner for each in run.items if each.winner is not None)
    for region, won in wins.items():
        yield f"{region} won {won} of {items}."
    lost = counted(run.lost, "acknowledged write")
    if run.lost:
        are, them = ("are", "them") if run.lost > 1 else ("is", "it")
        yield f"{lost} {are} lost: no write that stands knew of {them}."
    unclear = sum(each.unclear for each in run.items)
    if unclear:
        yield f"Of {counted(unclear, 'item')} it is unclear what was lost."
    if _agreed(run) and not run.lost and not unclear:
        yield f"Nothing is lost{_why_nothing(run)}."
    after_ms = max(_after_ms(run), default=None)
    if after_ms is not None:
        everybody = "every region agreed" if _agreed(run) == len(run.items) else "regions agreed"
        on = "" if _agreed(run) == len(run.items) else f" on {_agreed(run)} of {items}"
        yield f"{everybody.capitalize()}{on} {shown_ms(after_ms)} ms after the last write."
    foreign = sum(bool(each.strangers) for each in run.items)
    if foreign:
        yield f"{counted(foreign, 'item')} held values that nobody here wrote: somebody else did."


def _why_nothing(run: RaceRun) -> str:
    """Only a write that replaced another one's value is known to have known it."""
    values = [each.value for each in run.plan.writes]
    known = all(
        any(same(value, replaced) for value in values for replaced in item.replaced.values())
        for item in run.items
    )
    return ": who wrote over a value had seen it" if known else ""


def _item_document(definition: TableDefinition, item: RaceItem) -> dict[str, Any]:
    return {
        "key": key_document(definition, item.key),
        "written_ms": {region: rounded(at_ms) for region, at_ms in item.written_ms.items()},
        "replaced": {region: plain(value) for region, value in item.replaced.items()},
        "winner": item.winner,
        "lost": list(item.lost),
        "unclear": item.unclear,
        "uncertain": list(item.uncertain),
        "strangers": [plain(each) for each in item.strangers],
        "stands": plain(item.stands),
        "agreed_ms": rounded(item.agreed_ms),
        "film": [
            {"at_ms": rounded(each.at_ms), "region": each.region, "value": plain(each.value)}
            for each in item.film
        ],
    }


def _agreed_after_ms(item: RaceItem) -> float | None:
    """How long after its last write all regions held the same; None while they do not."""
    if item.agreed_ms is None or not item.written_ms:
        return None
    return item.agreed_ms - max(item.written_ms.values())


def _after_ms(run: RaceRun) -> list[float]:
    found = (_agreed_after_ms(each) for each in run.items)
    return [each for each in found if each is not None]


def _written(run: RaceRun) -> int:
    return sum(len(each.written_ms) for each in run.items)


def _agreed(run: RaceRun) -> int:
    return sum(each.agreed_ms is not None for each in run.items)


def _raise_if_incomplete(run: RaceRun) -> None:
    if run.phase is Phase.STOPPED:
        raise KeyboardInterrupt
    uncertain = any(each.uncertain for each in run.items)
    done = f"So far {summary(run)}." if _written(run) or uncertain else ""
    raise_for_troubles(run.troubles, done)
    if run.phase is Phase.GAVE_UP:
        raise PartlyDone(
            f"The regions did not come to agree within {run.plan.patience_ms / 1000:,.0f} s: "
            f"{summary(run)}."
        )
