"""`manage.py experiment counters`: N times plus one in every region, and how much of it is left."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from rich.console import RenderableType
from rich.table import Table as RichTable

from gtsite.dynamodb import connection
from gtsite.dynamodb.tables import TableDefinition
from gtsite.experiments.counters import run_counters
from gtsite.experiments.entities import Counted, CountersPlan, CountersRun, Counting, Phase
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.experiments.items import (
    check_between,
    patience_ms,
    raise_for_troubles,
    trouble_lines,
    troubles_document,
)
from gtsite.management.experiments.lag import expiring
from gtsite.management.experiments.stopping import stopped_by_ctrl_c
from gtsite.management.progress import progress_line
from gtsite.management.rendering import lines, table
from gtsite.management.subjects import check_regions, find_table, split_names, table_regions
from gtsite.wording import NOTHING, counted

MOST_INCREMENTS = 1_000
MOST_AT_ONCE = 16
LEAST_REGIONS = 2
WAYS: Mapping[Counting, str] = {
    Counting.SHARED: "one item for all",
    Counting.SPLIT: "one item per region",
    Counting.ABSOLUTE: "absolute positions",
}
ADVICE = (
    "Never let several regions add to one item: a region's sum replaces what others have added "
    "meanwhile. Give each region an item of its own and add them up when reading; or write what "
    "is true as a whole, as the site does with the position in a film."
)


def declare(actions: Any) -> None:
    """Its part of the command line."""
    counters = actions.add_parser(
        "counters",
        help="count in several regions at once: how much survives",
        description="Counts in three ways in items of its own, and deletes them.",
    )
    counters.add_argument("table", nargs="?", help="the table's name; by default the site's")
    counters.add_argument("--regions", metavar="R,R[,R…]", help="where to count; all its regions")
    counters.add_argument(
        "-n", "--increments", type=int, default=50, metavar="N", help="in each region; 50"
    )
    counters.add_argument(
        "--at-once", type=int, default=4, metavar="N", help="of a region's writes; 4"
    )
    counters.add_argument(
        "--patience",
        type=int,
        default=60,
        metavar="SECONDS",
        help="how long to wait for the regions to settle; 60",
    )


def run(command: SiteCommand, options: dict[str, Any]) -> None:
    """Counts and prints; raises `PartlyDone` when the regions did not settle."""
    increments = check_between("-n", options["increments"], 1, MOST_INCREMENTS)
    at_once = check_between("--at-once", options["at_once"], 1, MOST_AT_ONCE)
    patience = patience_ms(options)
    named = split_names(options["regions"]) if options["regions"] is not None else ()
    definition = find_table(options["table"] or settings.GT_TABLE, region=next(iter(named), None))
    regions = check_regions(definition, named) if named else table_regions(definition)
    if len(regions) < LEAST_REGIONS:
        raise UsageError(f"Counting in one region loses nothing: name two of {definition.name}'s.")
    plan = CountersPlan(
        regions=regions, increments=increments, at_once=at_once, patience_ms=patience
    )
    with (
        connection.regional_table(expiring(definition, regions[0]), regions) as everywhere,
        progress_line(sys.stderr, command.say) as line,
        stopped_by_ctrl_c() as stop,
    ):
        found = run_counters(plan, everywhere, tell=lambda run: line.show(summary(run)), stop=stop)
    command.answer(counters_document(definition, found), counters_lines(definition, found))
    _raise_if_incomplete(found)


def counters_lines(definition: TableDefinition, run: CountersRun) -> list[str]:
    """The three ways one under the other, and what follows for an application."""
    plan = run.plan
    heading = (
        f"{definition.name}: {counted(plan.increments, 'increment')} in each of "
        f"{len(plan.regions)} regions, {plan.at_once} at a time"
    )
    parts: list[RenderableType] = [heading, "", _table(run), "", *_sentences(run), "", ADVICE]
    return lines(*parts, *trouble_lines(run.troubles))


def counters_document(definition: TableDefinition, run: CountersRun) -> dict[str, Any]:
    """Everything that was found."""
    return {
        "experiment": "counters",
        "table": definition.name,
        "began_at": run.began_at.isoformat(),
        "phase": run.phase.value,
        "regions": list(run.plan.regions),
        "increments": run.plan.increments,
        "at_once": run.plan.at_once,
        "patience_ms": run.plan.patience_ms,
        "counted": [
            {
                "counting": each.counting.value,
                "acknowledged": each.acknowledged,
                "expected": each.expected,
                "held": dict(each.held),
                "lost": each.lost,
                "behind": each.behind,
                "uncertain": each.uncertain,
                "refused": each.refused,
                "settled": each.settled,
            }
            for each in run.counted
        ],
        "troubles": troubles_document(run.troubles),
    }


def summary(run: CountersRun) -> str:
    """`312 of 450 writes acknowledged`."""
    wanted = len(Counting) * len(run.plan.regions) * run.plan.increments
    return f"{_written(run):,} of {counted(wanted, 'write')} acknowledged"


def _table(run: CountersRun) -> RichTable:
    numbers = ("written", "expected", *run.plan.regions, "lost")
    made = table("What every region holds in the end", "counting", *numbers, right=numbers)
    for each in run.counted:
        made.add_row(
            WAYS[each.counting],
            f"{each.acknowledged:,}",
            f"{each.expected:,}",
            *(_number(each.held.get(region)) for region in run.plan.regions),
            _short(each),
        )
    return made


def _sentences(run: CountersRun) -> Sequence[str]:
    said = [_said_of(each) for each in run.counted if each.stands is not None]
    uncertain = sum(each.uncertain for each in run.counted)
    if uncertain:
        said.append(f"{counted(uncertain, 'write')} got no answer, and may count or not.")
    if not all(each.settled for each in run.counted):
        said.append("The regions have not settled.")
    return [" ".join(said)]


def _said_of(way: Counted) -> str:
    match way.counting:
        case Counting.SHARED:
            increments = counted(way.expected, "increment")
            return f"Of {increments} of one item for all {_lost(way)} lost."
        case Counting.SPLIT:
            return f"Of {way.expected:,} in one item per region {_lost(way)} lost."
        case Counting.ABSOLUTE:
            newest = (
                "which is the newest" if not way.behind else f"{way.behind:,} behind the newest"
            )
            return (
                "Of the absolute positions, where only the last one counts, "
                f"position {way.stands:,} stands, {newest}."
            )


def _lost(way: Counted) -> str:
    """`none is`, `1 is`, `at least 10 are`: a write without an answer may hide another's loss."""
    lost = way.lost or 0
    least = "at least " if lost and way.uncertain else ""
    return f"{least}{f'{lost:,}' if lost else 'none'} {'are' if lost > 1 else 'is'}"


def _short(way: Counted) -> str:
    missing = way.lost if way.behind is None else way.behind
    return f"{missing:,} behind" if way.behind else _number(missing)


def _number(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _written(run: CountersRun) -> int:
    return sum(each.acknowledged + each.refused for each in run.counted)


def _raise_if_incomplete(run: CountersRun) -> None:
    if run.phase is Phase.STOPPED:
        raise KeyboardInterrupt
    raise_for_troubles(run.troubles, f"So far {summary(run)}." if _written(run) else "")
    if run.phase is Phase.GAVE_UP:
        raise PartlyDone(
            f"The regions did not settle within {run.plan.patience_ms / 1000:,.0f} s: "
            f"{summary(run)}."
        )
