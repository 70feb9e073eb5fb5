"""`manage.py experiment stale-read`: write in one region, read in another at once."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table as RichTable

from gtsite.dynamodb import connection
from gtsite.dynamodb.tables import TableDefinition
from gtsite.experiments.entities import Phase, StaleItem, StalePlan, StaleRun
from gtsite.experiments.stale_read import run_stale_read
from gtsite.experiments.verdicts import same
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.experiments.items import (
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
from gtsite.management.subjects import check_regions, find_table
from gtsite.wording import counted

ADVICE = (
    "A write is acknowledged as soon as its own region has it; the others follow. Read in the "
    "region where you wrote when you must see your own writes, and show how old the rest may be."
)


def declare(actions: Any) -> None:
    """Its part of the command line."""
    stale = actions.add_parser(
        "stale-read",
        help="write in one region, read in another at once",
        description="Sets one attribute of some items in one region, reads them in another at "
        "once, and goes on until it holds them all. The items stay as they were set.",
    )
    stale.add_argument("table", help="the table's name")
    stale.add_argument(
        "--set", required=True, metavar="NAME=VALUE", dest="setting", help="what to write"
    )
    stale.add_argument("--write", required=True, metavar="REGION", help="where to write")
    stale.add_argument("--read", required=True, metavar="REGION", help="where to read")
    declare_items(stale)


def run(command: SiteCommand, options: dict[str, Any]) -> None:
    """Writes, reads and prints; raises `PartlyDone` when not all was seen to arrive."""
    write, read = options["write"], options["read"]
    if write == read:
        raise UsageError(f"{write} has its own writes at once: read in another region.")
    definition = find_table(options["table"], region=write)
    attribute, text = split_setting(definition, options["setting"])
    patience = patience_ms(options)
    check_regions(definition, [write, read])
    with connection.regional_table(definition, (write, read)) as regions:
        items = chosen_items(regions, (write, read), options)
        plan = StalePlan(
            keys=tuple(items),
            attribute=attribute,
            value=typed_value(attribute, text, list(items.values())),
            write=write,
            read=read,
            patience_ms=patience,
        )
        with progress_line(sys.stderr, command.say) as line, stopped_by_ctrl_c() as stop:
            found = run_stale_read(
                plan, regions, tell=lambda run: line.show(summary(run)), stop=stop
            )
    command.answer(stale_document(definition, found), stale_lines(definition, found))
    _raise_if_incomplete(found)


def stale_lines(definition: TableDefinition, run: StaleRun) -> list[str]:
    """Item by item what was there, what the first read gave, and when it was right."""
    plan = run.plan
    heading = (
        f"{definition.name}: {plan.attribute} becomes {shown(plan.value)} in {plan.write}, "
        f"and is read in {plan.read}"
    )
    parts: list[RenderableType] = [heading, "", _table(definition, run), "", *_sentences(run)]
    return lines(*parts, *trouble_lines(run.troubles))


def stale_document(definition: TableDefinition, run: StaleRun) -> dict[str, Any]:
    """Everything that was found; times in milliseconds, `written_ms` since the run began."""
    plan = run.plan
    return {
        "experiment": "stale-read",
        "table": definition.name,
        "began_at": run.began_at.isoformat(),
        "phase": run.phase.value,
        "attribute": plan.attribute,
        "value": plain(plan.value),
        "write": plan.write,
        "read": plan.read,
        "patience_ms": plan.patience_ms,
        "wrote_ms": rounded(run.wrote_ms),
        "read_ms": rounded(run.read_ms),
        "written": _written(run),
        "stale": run.stale,
        "longest_ms": rounded(run.longest_ms),
        "items": [_item_document(definition, each) for each in run.items],
        "troubles": troubles_document(run.troubles),
    }


def summary(run: StaleRun) -> str:
    """`10 of 10 items written, 7 of them arrived in eu-west-1`."""
    items = counted(len(run.items), "item")
    arrived = f", {_agreed(run)} of them arrived in {run.plan.read}" if _written(run) else ""
    return f"{_written(run)} of {items} written{arrived}"


def _table(definition: TableDefinition, run: StaleRun) -> RichTable:
    numbers = ("before", "first read", "last read", "right after ms")
    made = table(
        f"{run.plan.attribute} in {run.plan.read}",
        *definition.key_names,
        *numbers[:2],
        "",
        *numbers[2:],
        right=numbers,
    )
    for each in run.items:
        made.add_row(
            *map(shown, each.key),
            shown(each.before),
            shown(each.first),
            _mark(each),
            shown(each.last),
            shown_ms(each.agreed_after_ms),
        )
    return made


def _mark(item: StaleItem) -> str:
    if item.written_ms is None:
        return "not written"
    return "stale" if item.stale else ""


def _sentences(run: StaleRun) -> Sequence[str]:
    plan, written = run.plan, _written(run)
    if not written:
        return []
    items = counted(written, "item")
    said = [f"{items} written, one after the other, in {shown_ms(run.wrote_ms)} ms."]
    if run.read_ms is not None:
        said.append(
            f"The first read in {plan.read} took {shown_ms(run.read_ms)} ms, and found "
            f"{run.stale} of {written} stale."
        )
    if run.longest_ms is not None:
        held = "all" if _agreed(run) == written else f"{_agreed(run)}"
        said.append(
            f"It came to hold {held} of them, each at most {shown_ms(run.longest_ms)} ms after it "
            "was written."
        )
    same_before = sum(_was_so_before(run, each) for each in run.items)
    if same_before:
        said.append(
            f"{counted(same_before, 'item')} held {shown(plan.value)} before: what is written "
            "again cannot be seen to be stale, so set another value."
        )
    return [" ".join(said), "", ADVICE]


def _was_so_before(run: StaleRun, item: StaleItem) -> bool:
    return item.written_ms is not None and same(item.before, run.plan.value)


def _item_document(definition: TableDefinition, item: StaleItem) -> dict[str, Any]:
    return {
        "key": key_document(definition, item.key),
        "before": plain(item.before),
        "written_ms": rounded(item.written_ms),
        "first": plain(item.first),
        "stale": item.stale,
        "last": plain(item.last),
        "agreed_after_ms": rounded(item.agreed_after_ms),
    }


def _written(run: StaleRun) -> int:
    return sum(each.written_ms is not None for each in run.items)


def _agreed(run: StaleRun) -> int:
    return sum(each.agreed_after_ms is not None for each in run.items)


def _raise_if_incomplete(run: StaleRun) -> None:
    if run.phase is Phase.STOPPED:
        raise KeyboardInterrupt
    done = f"So far {summary(run)}." if _written(run) else ""
    raise_for_troubles(run.troubles, done)
    if run.phase is Phase.GAVE_UP:
        raise PartlyDone(
            f"{run.plan.read} did not come to hold everything within "
            f"{run.plan.patience_ms / 1000:,.0f} s: {summary(run)}."
        )
