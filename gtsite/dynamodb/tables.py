"""What a global table is: name, keys, billing, stream, expiry, data; and the four of this project.

One more entry in `TABLES` is all that a table of one's own needs.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from gtsite.dynamodb.errors import UnknownTable
from gtsite.dynamodb.items import Value
from gtsite.dynamodb.rows import Column, parse_map

Key = tuple[Value, ...]
"""A partition value and, where the table has a sort key, a sort value."""

KeyType = Literal["S", "N", "B"]


class Billing(StrEnum):
    """How a table's capacity is paid for."""

    ON_DEMAND = "on-demand"
    PROVISIONED = "provisioned"


class Consistency(StrEnum):
    """How replicas follow each other: asynchronously, or before a write is acknowledged."""

    EVENTUAL = "eventual"
    STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One key attribute."""

    name: str
    type: KeyType


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDefinition:
    """One table, the same in every region.

    `capacity` is read and write units a second, for provisioned tables only; `stream` a
    StreamViewType, or empty for none; `default_regions`, home first, is where an exercise wants
    its replicas when nobody says otherwise, empty for the site's own regions.

    `data` is the file that belongs to it, its path below the project, '' for none; `columns` are
    those of a CSV file without a heading. `sample` are the keys of some items that its document
    looks at, in its order; `measure` is the attribute that exercises change, '' for none.
    """

    name: str
    partition_key: Attribute
    sort_key: Attribute | None = None
    billing: Billing = Billing.ON_DEMAND
    capacity: tuple[int, int] = (1, 1)
    stream: str = "NEW_AND_OLD_IMAGES"
    ttl_attribute: str = ""
    consistency: Consistency = Consistency.EVENTUAL
    default_regions: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    data: str = ""
    sample: tuple[Key, ...] = ()
    measure: str = ""

    @property
    def key_attributes(self) -> tuple[Attribute, ...]:
        """The partition key, then the sort key if there is one."""
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.key_attributes)

    def named(self, name: str) -> "TableDefinition":
        """The same table under another name."""
        return replace(self, name=name)


DATA = "gtsite/experiments/data"


def _text(name: str) -> Attribute:
    return Attribute(name=name, type="S")


GLOBAL_SERVERLESS = TableDefinition(
    name="global-serverless",
    partition_key=_text("PK"),
    sort_key=_text("SK"),
    ttl_attribute="expires_at",
)
FLIGHTS = TableDefinition(
    name="flights",
    partition_key=Attribute(name="flight_id", type="N"),
    sort_key=_text("airlines_name"),
    billing=Billing.PROVISIONED,
    capacity=(30, 30),
    default_regions=("us-east-2", "eu-west-1"),
    columns=parse_map(
        "flight_id:N,airlines_name:S,available_seats:N,seat_type:S,support:S,phone:S,"
        "from:S,to:S,date:S,time:S"
    ),
    data=f"{DATA}/flights.csv",
    sample=(
        (5603280670, "Quatar"),
        (26806130, "British"),
        (9902917690, "Emirates"),
        (1079996, "JetBlue"),
        (2907581914, "Delta"),
        (53600600, "UnitedAirlines"),
        (282027328, "Alaska"),
        (421920151, "spirit"),
        (534890387, "Republic"),
        (658410767, "southwest"),
    ),
    measure="available_seats",
)
MUSIC = TableDefinition(
    name="Music",
    partition_key=_text("Artist"),
    sort_key=_text("SongTitle"),
    billing=Billing.PROVISIONED,
    capacity=(1, 1),
    default_regions=("ap-southeast-1", "us-east-1", "eu-west-1"),
    data=f"{DATA}/music.jsonl",
    sample=tuple((f"item_{number}", f"Song Value {number}") for number in range(1, 11)),
)
ORDERS = TableDefinition(
    name="Orders",
    partition_key=_text("OrderID"),
    sort_key=_text("CustomerID"),
    default_regions=("us-east-1", "eu-west-1", "ap-southeast-1"),
    data=f"{DATA}/orders.jsonl",
    sample=(("12345", "User567"),),
    measure="OrderStatus",
)

TABLES = {each.name: each for each in (GLOBAL_SERVERLESS, FLIGHTS, MUSIC, ORDERS)}


def table(name: str) -> TableDefinition:
    """The project's table of that name; raises `UnknownTable`."""
    found = TABLES.get(name)
    if found is None:
        raise UnknownTable(name, TABLES)
    return found
