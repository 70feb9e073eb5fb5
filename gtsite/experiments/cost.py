"""What writing to a global table takes in units, step by step, and what the units cost.

Replicated writes count in every region that holds the table. Version 2017.11.29 wrote each of them
twice, the second time for its own attributes; version 2019.11.21 writes them once. Since November
2024 a replicated write is priced as any other. Storage, indexes, streams, backups, transfer out of
AWS, and what is free or reserved are left out.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from gtsite.dynamodb.control import TARGET_PERCENT
from gtsite.dynamodb.tables import Billing

PRICES = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
READ_STEP_KB = 4
MILLION = 1_000_000


class BadPrices(ValueError):
    """A file of prices is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPrices:
    """US dollars for a million request units, and for a unit's hour; None where not known."""

    write_per_million: Decimal | None = None
    read_per_million: Decimal | None = None
    write_unit_hour: Decimal | None = None
    read_unit_hour: Decimal | None = None

    def of(self, billing: Billing) -> tuple[Decimal | None, Decimal | None]:
        """What writes and reads cost, in the unit of that way of paying."""
        if billing is Billing.ON_DEMAND:
            return self.write_per_million, self.read_per_million
        return self.write_unit_hour, self.read_unit_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices by region, gathered on `date`; to be checked at `check_at` before they are used."""

    date: str
    check_at: str
    regions: Mapping[str, RegionPrices]

    def of(self, region: str) -> RegionPrices:
        return self.regions.get(region, RegionPrices())


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What an application does: writes, in whatever regions, and reads, all of items as large.

    `item_kb` is the whole item in kilobytes, names and values.
    """

    writes: Decimal
    item_kb: Decimal = Decimal(1)
    reads: Decimal = Decimal(0)
    consistent: bool = False

    @property
    def units_per_write(self) -> int:
        """One for each kilobyte begun."""
        return math.ceil(self.item_kb)

    @property
    def units_per_read(self) -> Decimal:
        """One for each four kilobytes begun, half of it where consistency is eventual."""
        steps = Decimal(math.ceil(self.item_kb / READ_STEP_KB))
        return steps if self.consistent else steps / 2

    @property
    def write_units(self) -> Decimal:
        """In each region that holds the table."""
        return self.writes * self.units_per_write

    @property
    def read_units(self) -> Decimal:
        """In the region that is read."""
        return self.reads * self.units_per_read

    def at_writes(self, writes: Decimal) -> "Load":
        """The same application with so many writes, and reads in proportion."""
        return Load(
            writes=writes,
            item_kb=self.item_kb,
            reads=self.reads * writes / self.writes,
            consistent=self.consistent,
        )


def units_2017(load: Load, regions: int) -> Decimal:
    """Write units of version 2017.11.29, all regions together."""
    return units_today(load, regions) * 2


def units_today(load: Load, regions: int) -> Decimal:
    """Write units of version 2019.11.21, all regions together."""
    return load.write_units * regions


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCost:
    """One region's part: the units to pay for, at what price, and the dollars; None if not known.

    Request units on demand, capacity units of which `TARGET_PERCENT` are in use where they are
    provisioned.
    """

    region: str
    write_units: Decimal
    read_units: Decimal
    write_price: Decimal | None
    read_price: Decimal | None
    dollars: Decimal | None
    dollars_2017: Decimal | None


def cost_of(load: Load, regions: Sequence[str], prices: Prices) -> tuple[RegionCost, ...]:
    """What a load costs on demand; every region writes it, the first one reads."""
    return tuple(
        _region_cost(
            region,
            load.write_units,
            load.read_units if region == regions[0] else Decimal(0),
            prices.of(region).of(Billing.ON_DEMAND),
            per=Decimal(MILLION),
        )
        for region in regions
    )


def monthly_cost(
    load: Load, per_second: Decimal, regions: Sequence[str], prices: Prices, billing: Billing
) -> tuple[RegionCost, ...]:
    """What so many writes a second cost in a month of 730 hours, at an even rate."""
    if billing is Billing.ON_DEMAND:
        return cost_of(load.at_writes(per_second * SECONDS_A_MONTH), regions, prices)
    second = load.at_writes(per_second)
    return tuple(
        _region_cost(
            region,
            _capacity(second.write_units),
            _capacity(second.read_units) if region == regions[0] else Decimal(0),
            prices.of(region).of(billing),
            per=Decimal(1) / HOURS_A_MONTH,
            capacity_2017=_capacity(second.write_units * 2),
        )
        for region in regions
    )


def total(costs: Sequence[RegionCost]) -> tuple[Decimal, Decimal]:
    """The dollars that are known, today and on version 2017.11.29."""
    today = sum((each.dollars for each in costs if each.dollars is not None), Decimal(0))
    old = sum((each.dollars_2017 for each in costs if each.dollars_2017 is not None), Decimal(0))
    return today, old


def load_prices(path: Path = PRICES) -> Prices:
    """The prices of a file such as `prices.json`; raises `BadPrices`."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Prices(
            date=str(raw["date"]),
            check_at=str(raw["check_at"]),
            regions={name: _region_prices(each) for name, each in raw["regions"].items()},
        )
    except OSError as error:
        raise BadPrices(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise BadPrices(f"{path} is no file of prices: see {PRICES.name} for one.") from error


def _region_prices(raw: Mapping[str, Any]) -> RegionPrices:
    on_demand, provisioned = raw.get("on_demand", {}), raw.get("provisioned", {})
    return RegionPrices(
        write_per_million=_price(on_demand, "write_per_million"),
        read_per_million=_price(on_demand, "read_per_million"),
        write_unit_hour=_price(provisioned, "write_unit_hour"),
        read_unit_hour=_price(provisioned, "read_unit_hour"),
    )


def _price(raw: Mapping[str, Any], name: str) -> Decimal | None:
    price = Decimal(str(raw[name])) if name in raw else None
    if price is not None and not (price.is_finite() and price >= 0):
        raise BadPrices(name)
    return price


def _region_cost(
    region: str,
    write_units: Decimal,
    read_units: Decimal,
    prices: tuple[Decimal | None, Decimal | None],
    *,
    per: Decimal,
    capacity_2017: Decimal | None = None,
) -> RegionCost:
    write_price, read_price = prices
    units_2017 = write_units * 2 if capacity_2017 is None else capacity_2017
    reads = _dollars(read_units, read_price, per)
    return RegionCost(
        region=region,
        write_units=write_units,
        read_units=read_units,
        write_price=write_price,
        read_price=read_price,
        dollars=_in_cents(_sum(_dollars(write_units, write_price, per), reads)),
        dollars_2017=_in_cents(_sum(_dollars(units_2017, write_price, per), reads)),
    )


def _dollars(units: Decimal, price: Decimal | None, per: Decimal) -> Decimal | None:
    if not units:
        return Decimal(0)
    return None if price is None else units * price / per


def _sum(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    return None if first is None or second is None else first + second


def _in_cents(dollars: Decimal | None) -> Decimal | None:
    """Whole cents from a dollar on, so that the parts of a bill add up to its total."""
    return round(dollars, 2) if dollars is not None and dollars >= 1 else dollars


def _capacity(units: Decimal) -> Decimal:
    """Capacity units so that no more than the target of auto scaling are in use."""
    return Decimal(math.ceil(units * 100 / Decimal(str(TARGET_PERCENT))))
