"""`manage.py cost`: what writes to a global table take in units, step by step, and in dollars."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from rich.console import RenderableType
from rich.table import Table as Grid

from gtsite.dynamodb import connection
from gtsite.dynamodb.control import TARGET_PERCENT
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.tables import Billing, TableDefinition
from gtsite.experiments.cost import (
    HOURS_A_MONTH,
    PRICES,
    SECONDS_A_MONTH,
    BadPrices,
    Load,
    Prices,
    RegionCost,
    cost_of,
    load_prices,
    monthly_cost,
    total,
    units_2017,
    units_today,
)
from gtsite.management.base import SiteCommand, UsageError
from gtsite.management.rendering import lines, table
from gtsite.management.subjects import find_table, find_table_replicas, read_value, split_names
from gtsite.wording import counted

MOST = Decimal(10) ** 15
MOST_KB = Decimal(400)
"""What an item may have at most."""

UNKNOWN = "not known"
LEFT_OUT = (
    "Left out: storage, indexes, streams, backups, adding a replica, reserved capacity and what "
    "is free."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be reckoned. `per_second` are writes, None where no rate is given."""

    table: str
    regions: tuple[str, ...]
    billing: Billing
    load: Load
    per_second: Decimal | None
    prices: Prices


class Command(SiteCommand):
    help = "Reckon what writes to a global table take in every region, and cost a month."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", help="the table's name")
        parser.add_argument("--writes", default="10", metavar="N", help="how many writes (10)")
        parser.add_argument("--reads", default="0", metavar="N", help="reads beside them (0)")
        parser.add_argument(
            "--consistent", action="store_true", help="the reads are strongly consistent"
        )
        parser.add_argument(
            "--size-kb", default="1", metavar="KB", help="the size of an item, in kilobytes (1)"
        )
        parser.add_argument(
            "--regions",
            metavar="REGION,…",
            help="home first, wherever one thinks of; by default those of the table",
        )
        rate = parser.add_mutually_exclusive_group()
        rate.add_argument("--per-second", metavar="N", help="writes a second, for a month's cost")
        rate.add_argument("--per-month", metavar="N", help="writes a month, for a month's cost")
        parser.add_argument(
            "--billing",
            choices=[each.value for each in Billing],
            help="by default what the table has",
        )
        parser.add_argument(
            "--prices", type=Path, default=PRICES, metavar="FILE", help="instead of our own"
        )

    def handle(self, **options: Any) -> None:
        question = self._question(options)
        example = cost_of(question.load, question.regions, question.prices)
        month = _month(question)
        self.answer(_data(question, example, month), _shown(question, example, month))

    def _question(self, options: dict[str, Any]) -> Question:
        load = Load(
            writes=_number(options, "writes", least=1),
            reads=_number(options, "reads", least=0),
            item_kb=_number(options, "size_kb", least=Decimal("0.001"), most=MOST_KB),
            consistent=options["consistent"],
        )
        per_second = _rate(options)
        prices = _prices(options["prices"])
        regions, billing = self._place(options)
        return Question(
            table=options["table"],
            regions=regions,
            billing=Billing(options["billing"]) if options["billing"] else billing,
            load=load,
            per_second=per_second,
            prices=prices,
        )

    def _place(self, options: dict[str, Any]) -> tuple[tuple[str, ...], Billing]:
        """Where the table is and how it is paid for, or as its definition wants it."""
        wanted = _named_regions(options["regions"])
        definition = find_table(options["table"], region=wanted[0] if wanted else None)
        if wanted and options["billing"]:
            return wanted, Billing(options["billing"])
        try:
            replicas = find_table_replicas(definition)
        except (DataError, UsageError) as error:
            planned = wanted or _planned(definition)
            self.say(f"{error} Reckoned as {definition.name} is defined, in {', '.join(planned)}.")
            return planned, definition.billing
        known = [each.billing for each in replicas if each.billing is not None]
        held = tuple(each.region for each in replicas)
        return wanted or held, known[0] if known else definition.billing


def _planned(definition: TableDefinition) -> tuple[str, ...]:
    return definition.default_regions or connection.site_regions()


def _named_regions(text: str | None) -> tuple[str, ...]:
    """The regions of `--regions`, () without; raises `UsageError`, `UnknownRegion`."""
    if text is None:
        return ()
    names = tuple(known_region(name).name for name in split_names(text))
    if len(set(names)) != len(names):
        raise UsageError(f"--regions {text} names a region twice: name each once.")
    return names


def _number(
    options: dict[str, Any], name: str, *, least: Decimal | int, most: Decimal = MOST
) -> Decimal:
    """An option's number; raises `UsageError` when it is none, or out of bounds."""
    value = read_value(options[name])
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        option = name.replace("_", "-")
        raise UsageError(f"--{option} is {options[name]}: write a number from {least} to {most:,}.")
    return Decimal(value)


def _rate(options: dict[str, Any]) -> Decimal | None:
    """Writes a second, by whichever option they are given."""
    if options["per_second"] is not None:
        return _number(options, "per_second", least=Decimal("0.000001"))
    if options["per_month"] is not None:
        return _number(options, "per_month", least=1) / SECONDS_A_MONTH
    return None


def _prices(path: Path) -> Prices:
    try:
        return load_prices(path)
    except BadPrices as error:
        raise UsageError(str(error)) from error


def _month(question: Question) -> tuple[RegionCost, ...]:
    if question.per_second is None:
        return ()
    return monthly_cost(
        question.load, question.per_second, question.regions, question.prices, question.billing
    )


# For people


def _shown(
    question: Question, example: Sequence[RegionCost], month: Sequence[RegionCost]
) -> list[str]:
    parts: list[RenderableType] = [_steps(question), ""]
    if question.load.reads:
        parts += [_reads(question), ""]
    parts += [_sum("On demand, they cost", example), ""]
    if month:
        parts += [
            _month_title(question),
            _month_grid(question, month),
            _sum("A month costs", month),
            "",
        ]
    return lines(*parts, *_warnings(question))


def _steps(question: Question) -> Grid:
    """The arithmetic, in the order in which one does it."""
    load, regions = question.load, len(question.regions)
    each, today = load.write_units, units_today(load, regions)
    made = table(
        f"{_plural(load.writes, 'write')} of {_plain(load.item_kb)} KB to {question.table} in "
        f"{', '.join(question.regions)}",
        "Write units",
        "Version 2017.11.29",
        "Version 2019.11.21",
    )
    one = f"{_plain(load.item_kb)} KB in steps of 1 KB = {load.units_per_write:,}"
    region = f"{_plain(load.writes)} × {load.units_per_write:,} = {_plain(each)}"
    everywhere = f"{' + '.join([_plain(each)] * regions)} = {_plain(today)}"
    made.add_row("of one write", one, one)
    made.add_row("in one region", region, region)
    made.add_row(f"in {counted(regions, 'region')}", everywhere, everywhere)
    twice = f"{_plain(today)} × 2 = {_plain(units_2017(load, regions))}"
    made.add_row("written twice", twice, "once")
    made.add_row("altogether", _plain(units_2017(load, regions)), _plain(today))
    return made


def _reads(question: Question) -> str:
    load = question.load
    kind = "consistent" if load.consistent else "eventually consistent, at half a unit a step"
    return (
        f"{_plural(load.reads, 'read')} in {question.regions[0]}, {kind}: steps of 4 KB, "
        f"{_plain(load.reads)} × {_plain(load.units_per_read)} = {_plain(load.read_units)} "
        "read units."
    )


def _month_title(question: Question) -> str:
    rate = _plain(_rounded(question.per_second or Decimal(0)))
    return f"A month of {HOURS_A_MONTH} hours at {rate} writes a second, {question.billing}"


def _month_grid(question: Question, month: Sequence[RegionCost]) -> Grid:
    """What each region needs, and its part of the bill."""
    provisioned = question.billing is Billing.PROVISIONED
    of = "a unit's hour" if provisioned else "a million"
    units = "capacity units" if provisioned else "units"
    columns = [f"Write {units}", f"$ {of}"]
    reads = bool(question.load.reads)
    columns += [f"Read {units}", f"$ {of} "] if reads else []
    columns += ["$ a month"]
    made = table("", "Region", *columns, right=columns)
    for each in month:
        row = [_plain(_rounded(each.write_units)), _price(each.write_price)]
        row += [_plain(_rounded(each.read_units)), _price(each.read_price)] if reads else []
        made.add_row(each.region, *row, UNKNOWN if each.dollars is None else _money(each.dollars))
    return made


def _sum(what: str, costs: Sequence[RegionCost]) -> str:
    today, then = total(costs)
    unknown = [each.region for each in costs if each.dollars is None]
    if len(unknown) == len(costs):
        return f"{what} what nobody knows here: no price is known for {', '.join(unknown)}."
    least = "at least " if unknown else ""
    legacy = f" ({least}$ {_money(then)} on version 2017.11.29)"
    but = f": no price is known for {', '.join(unknown)}" if unknown else ""
    return f"{what} {least}$ {_money(today)}{legacy}{but}."


def _warnings(question: Question) -> list[str]:
    prices = question.prices
    used = []
    if question.per_second is not None and question.billing is Billing.PROVISIONED:
        used.append(
            f"Capacity is such that {TARGET_PERCENT:.0f} % are in use, as auto scaling has it."
        )
    return [
        *used,
        LEFT_OUT,
        f"Prices gathered on {prices.date}, in US dollars: check them at {prices.check_at}",
    ]


def _plural(count: Decimal, noun: str) -> str:
    return f"{_plain(count)} {noun}" if count == 1 else f"{_plain(count)} {noun}s"


def _plain(number: Decimal) -> str:
    """With thousands separators, without zeros that say nothing."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(number: Decimal) -> Decimal:
    """To a thousandth, or whole from a thousand on."""
    return round(number, 0 if number >= 1000 else 3)


def _price(price: Decimal | None) -> str:
    return UNKNOWN if price is None else _plain(price)


def _money(dollars: Decimal) -> str:
    """Cents; of less than a dollar, two digits that are not zero."""
    if dollars >= 1 or not dollars:
        return f"{dollars:,.2f}"
    return _plain(Decimal(f"{dollars:.2g}"))


# For programs


def _data(
    question: Question, example: Sequence[RegionCost], month: Sequence[RegionCost]
) -> dict[str, object]:
    load, regions = question.load, len(question.regions)
    return {
        "table": question.table,
        "regions": list(question.regions),
        "billing": question.billing,
        "writes": _json(load.writes),
        "reads": _json(load.reads),
        "item_kb": _json(load.item_kb),
        "consistent": load.consistent,
        "write_units_2017": _json(units_2017(load, regions)),
        "write_units": _json(units_today(load, regions)),
        "read_units": _json(load.read_units),
        "writes_per_second": None if question.per_second is None else float(question.per_second),
        "on_demand": _costs(example, Billing.ON_DEMAND),
        "month": _costs(month, question.billing) if month else None,
        "prices": {"date": question.prices.date, "check_at": question.prices.check_at},
    }


def _costs(costs: Sequence[RegionCost], billing: Billing) -> dict[str, object]:
    today, old = total(costs)
    return {
        "price_per": "unit-hour" if billing is Billing.PROVISIONED else "million units",
        "known_dollars": float(today),
        "known_dollars_2017": float(old),
        "unknown_prices": [each.region for each in costs if each.dollars is None],
        "regions": [
            {
                "region": each.region,
                "write_units": _json(each.write_units),
                "read_units": _json(each.read_units),
                "write_price_dollars": _json(each.write_price),
                "read_price_dollars": _json(each.read_price),
                "dollars": _json(each.dollars),
            }
            for each in costs
        ],
    }


def _json(number: Decimal | None) -> int | float | None:
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)
