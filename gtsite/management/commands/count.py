"""`manage.py count`: how many items a table really has, in one region or side by side in all."""

import sys
from collections.abc import Sequence
from threading import Lock
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.counting import RegionCount, count_regions
from gtsite.management.progress import ProgressLine, progress_line
from gtsite.management.rendering import lines, table
from gtsite.management.subjects import chosen_regions, find_table, first_region
from gtsite.wording import counted, listed

MOST_SEGMENTS = 32
NUMBERS = ("Items", "Behind", "Seconds", "Items/s", "Requests", "Read units")


class Command(SiteCommand):
    help = "Count a table's items, in one region or in all of them side by side."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", help="the table's name")
        parser.add_argument(
            "--region",
            metavar="REGION",
            help="one region, several with commas, or all; by default the table's home",
        )
        parser.add_argument(
            "--segments", type=int, default=4, help="parts read at a time in each region (4)"
        )
        parser.add_argument(
            "--consistent",
            action="store_true",
            help="see every write this region has acknowledged, for twice the read units",
        )

    def handle(self, **options: Any) -> None:
        if not 1 <= options["segments"] <= MOST_SEGMENTS:
            raise UsageError(f"--segments is {options['segments']}: write 1 to {MOST_SEGMENTS}.")
        definition = find_table(options["table"], region=first_region(options["region"]))
        regions = chosen_regions(definition, options["region"], say=self.say)
        with progress_line(sys.stderr, self.say) as line:
            far = _SoFar(line)
            try:
                found = count_regions(
                    definition,
                    regions,
                    segments=options["segments"],
                    consistent=options["consistent"],
                    told=far.told,
                )
            except KeyboardInterrupt:
                line.say(f"Stopped before the end: {far.sentence}.")
                raise
        self.answer(_data(options, found), _shown(options, found))
        _raise_if_incomplete(found)


class _SoFar:
    """What every region has counted so far. Told by the regions' threads."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._lock = Lock()
        self._counts: dict[str, RegionCount] = {}

    @property
    def sentence(self) -> str:
        found = [f"{each.items:,} in {each.region}" for each in self._counts.values()]
        return f"{listed(found)} counted so far" if found else "nothing counted yet"

    def told(self, count: RegionCount) -> None:
        with self._lock:
            self._counts[count.region] = count
            self._line.show(self.sentence)


def _agreement(found: Sequence[RegionCount]) -> bool | None:
    """Whether all regions have as many items; None unless several were counted to the end."""
    whole = [each.items for each in found if each.is_whole]
    return len(set(whole)) == 1 if len(whole) > 1 else None


def _shown(options: dict[str, Any], found: Sequence[RegionCount]) -> list[str]:
    most = max((each.items for each in found if each.is_whole), default=0)
    units = any(each.read_units is not None for each in found)
    columns = ["Items", "Seconds", "Items/s", "Requests"] + (["Read units"] if units else [])
    if len(found) > 1:
        columns.insert(1, "Behind")
    made = table(f"Items of {options['table']}", "Region", *columns, right=NUMBERS)
    for each in found:
        row = _row(each, most)
        made.add_row(each.region, *(row[name] for name in columns))
    return lines(made, *_remarks(options, found))


def _row(count: RegionCount, most: int) -> dict[str, str]:
    """What each column says; a count that is not whole has no number of items."""
    behind = f"{most - count.items:,}" if most > count.items else ""
    return {
        "Items": f"{count.items:,}" if count.is_whole else "—",
        "Behind": behind if count.is_whole else "",
        "Seconds": f"{count.seconds:,.2f}",
        "Items/s": f"{count.items_per_second:,.0f}" if count.is_whole else "",
        "Requests": f"{count.requests:,}",
        "Read units": "" if count.read_units is None else f"{count.read_units:,.1f}",
    }


def _remarks(options: dict[str, Any], found: Sequence[RegionCount]) -> list[str]:
    segments = counted(options["segments"], "segment")
    how = "consistent" if options["consistent"] else "eventually consistent"
    remarks = [f"Read in {segments} per region, {how}; items written meanwhile may be missed."]
    match _agreement(found):
        case True:
            remarks.append("The regions counted agree.")
        case False:
            remarks.append("The regions differ: what is on its way, or lost. Count again.")
    return [*remarks, *(_failure(each) for each in found if each.trouble)]


def _failure(count: RegionCount) -> str:
    so_far = f" {counted(count.items, 'item')} counted until then." if count.requests else ""
    return f"{count.trouble}{so_far}"


def _data(options: dict[str, Any], found: Sequence[RegionCount]) -> dict[str, object]:
    return {
        "table": options["table"],
        "segments": options["segments"],
        "consistent": options["consistent"],
        "agree": _agreement(found),
        "regions": [
            {
                "region": each.region,
                "items": each.items if each.is_whole else None,
                "items_so_far": each.items,
                "seconds": round(each.seconds, 3),
                "items_per_second": round(each.items_per_second, 1),
                "requests": each.requests,
                "read_units": each.read_units,
                "error": each.trouble or None,
            }
            for each in found
        ],
    }


def _raise_if_incomplete(found: Sequence[RegionCount]) -> None:
    """Raises `PartlyDone`, or `CommandError` where no region was counted to the end."""
    failed = [each for each in found if each.trouble]
    if not failed:
        return
    if len(failed) == len(found):
        raise CommandError(" ".join(_failure(each) for each in failed))
    names = listed([each.region for each in failed])
    raise PartlyDone(f"{names} not counted to the end: count again when all regions answer.")
