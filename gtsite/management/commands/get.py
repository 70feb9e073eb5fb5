"""`manage.py get`: one item, a partition, or a table's sample, in one region or all side by side.

Exits 1 where no region that answers has any of the items, 3 where a region did not answer.
"""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import RenderableType
from rich.table import Table as Grid

from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.looking import Found, FoundItem, find_keys, find_partition, plain, shown
from gtsite.management.rendering import lines, table
from gtsite.management.subjects import chosen_regions, find_table, first_region, read_key
from gtsite.wording import counted, listed

MOST_ITEMS = 1000
NOTHING = "—"


class Command(SiteCommand):
    help = "Look items up, in one region or in all of them side by side, and show differences."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", help="the table's name")
        parser.add_argument(
            "key",
            nargs="*",
            metavar="NAME=VALUE",
            help="the item's key, or the partition key alone for all items of the partition",
        )
        parser.add_argument(
            "--sample",
            action="store_true",
            help="instead of a key: the items the table's document looks at",
        )
        parser.add_argument(
            "--region",
            metavar="REGION",
            help="one region, several with commas, or all; by default the table's home",
        )
        parser.add_argument(
            "--consistent",
            action="store_true",
            help="see every write the region has acknowledged; not what is on its way to it",
        )
        parser.add_argument(
            "--limit", type=int, default=25, help="of a partition, at most so many items (25)"
        )

    def handle(self, **options: Any) -> None:
        definition = find_table(options["table"], region=first_region(options["region"]))
        key = _key(definition, options)
        regions = chosen_regions(definition, options["region"], say=self.say)
        found = _find(definition, regions, key, options)
        if not found.answered:
            raise CommandError(" ".join(each.trouble for each in found.failed))
        if all(each.is_missing for each in found.items):
            raise CommandError(_absence(definition, found, key))
        self.answer(_data(definition, found, options), _shown(definition, found, options))
        if found.failed:
            raise PartlyDone(" ".join(each.trouble for each in found.failed))


def _key(definition: TableDefinition, options: dict[str, Any]) -> tuple[Any, ...]:
    """The key asked for, () for the sample; raises `UsageError`."""
    if not 1 <= options["limit"] <= MOST_ITEMS:
        raise UsageError(f"--limit is {options['limit']}: write 1 to {MOST_ITEMS:,}.")
    if not options["sample"]:
        return read_key(definition, options["key"], partial=True)
    if options["key"]:
        raise UsageError("Name a key or take the --sample, one at a time.")
    if not definition.sample:
        raise UsageError(f"{definition.name} has no sample: name a key.")
    return ()


def _find(
    definition: TableDefinition,
    regions: Sequence[str],
    key: tuple[Any, ...],
    options: dict[str, Any],
) -> Found:
    consistent = options["consistent"]
    if len(key) == 1 and definition.sort_key is not None:
        return find_partition(
            definition, regions, key[0], limit=options["limit"], consistent=consistent
        )
    return find_keys(
        definition, regions, [key] if key else definition.sample, consistent=consistent
    )


def _absence(definition: TableDefinition, found: Found, key: tuple[Any, ...]) -> str:
    regions = listed([each.region for each in found.answered])
    away = "".join(f" {each.trouble}" for each in found.failed)
    if not key:
        sample = counted(len(definition.sample), "item")
        return f"None of the {sample} of the sample is in {definition.name} in {regions}.{away}"
    named = ", ".join(_named(definition, key))
    return f"{definition.name} has no item {named} in {regions}.{away}"


def _named(definition: TableDefinition, key: Sequence[Any]) -> list[str]:
    return [f"{name}={shown(part)}" for name, part in zip(definition.key_names, key, strict=False)]


# For people


def _shown(definition: TableDefinition, found: Found, options: dict[str, Any]) -> list[str]:
    if options["sample"] and definition.measure:
        return lines(_sample_grid(definition, found), *_remarks(found))
    parts: list[RenderableType] = []
    for item in found.items:
        parts += [", ".join(_named(definition, item.key)), _item_grid(item, found), ""]
    return lines(*parts, *_remarks(found))


def _sample_grid(definition: TableDefinition, found: Found) -> Grid:
    """One line an item: its key, then what each region holds of the attribute that counts."""
    regions = [each.region for each in found.answered]
    several = len(regions) > 1
    columns = [*definition.key_names, *regions, *(["Regions"] if several else [])]
    made = table(f"{definition.measure} of {definition.name}", *columns, right=regions)
    for item in found.items:
        values = [_measured(item, region, definition.measure) for region in regions]
        verdict = [_verdict(item, definition.measure)] if several else []
        made.add_row(*map(shown, item.key), *values, *verdict)
    return made


def _measured(item: FoundItem, region: str, attribute: str) -> str:
    held = item.held[region]
    return NOTHING if held is None or attribute not in held else shown(held[attribute])


def _verdict(item: FoundItem, attribute: str) -> str:
    """Whether the regions agree, and where not on the attribute shown, on which ones not."""
    if item.agrees:
        return "agree"
    others = [name for name in item.differs if name != attribute]
    return f"differ in {listed(item.differs)}" if others else "differ"


def _item_grid(item: FoundItem, found: Found) -> Grid:
    """One item: its attributes, and where they differ, which regions hold what."""
    several = len(found.answered) > 1
    made = table("", "Attribute", "Value", *(["Regions"] if several else []))
    for name in item.attributes:
        values = item.values(name)
        for number, (value, regions) in enumerate(values):
            there = any(name in (item.held[region] or {}) for region in regions)
            where = [_where(regions, item)] if several else []
            made.add_row(name if not number else "", shown(value) if there else NOTHING, *where)
    if item.missing_in:
        made.add_row("", "no such item", *([", ".join(item.missing_in)] if several else []))
    return made


def _where(regions: Sequence[str], item: FoundItem) -> str:
    return "all" if len(regions) == len(item.held) else ", ".join(regions)


def _remarks(found: Found) -> list[str]:
    remarks = []
    if len(found.answered) > 1:
        differing = sum(not each.agrees for each in found.items)
        of = counted(len(found.items), "item")
        remarks.append(
            f"The regions differ on {differing:,} of {of}." if differing else "The regions agree."
        )
    if found.more:
        remarks.append(f"More items follow these {len(found.items):,}: see --limit.")
    took = [f"{each.region} in {each.milliseconds:,.0f} ms" for each in found.answered]
    return [*remarks, f"Answered: {', '.join(took)}.", *(each.trouble for each in found.failed)]


# For programs


def _data(definition: TableDefinition, found: Found, options: dict[str, Any]) -> dict[str, object]:
    return {
        "table": definition.name,
        "consistent": options["consistent"],
        "more": found.more,
        "agree": all(each.agrees for each in found.items) if len(found.answered) > 1 else None,
        "regions": [
            {
                "region": each.region,
                "milliseconds": None if each.trouble else round(each.milliseconds, 1),
                "error": each.trouble or None,
            }
            for each in found.regions
        ],
        "items": [_item_data(definition, each) for each in found.items],
    }


def _item_data(definition: TableDefinition, item: FoundItem) -> dict[str, object]:
    return {
        "key": dict(zip(definition.key_names, map(plain, item.key), strict=True)),
        "agree": item.agrees if len(item.held) > 1 else None,
        "differs": list(item.differs),
        "in": {region: plain(held) for region, held in item.held.items()},
    }
