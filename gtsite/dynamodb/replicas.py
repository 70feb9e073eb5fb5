"""Which regions hold a table, as the control planes of those that answer say."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gtsite.dynamodb.connection import is_reachable
from gtsite.dynamodb.control import ControlPlane, TableState
from gtsite.dynamodb.errors import (
    DataError,
    NoRegionAvailable,
    RegionUnavailable,
    TableMissing,
)
from gtsite.dynamodb.tables import Billing

AWAY = "AWAY"
"""In place of a status: the region does not say."""

LEGACY = "2017.11.29"
AT_ONCE = 16

Described = TableState | DataError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One region's copy of a table.

    `status` is what DynamoDB says of it, or `AWAY`. `item_count` is DynamoDB's own, up to six hours
    old; None where it does not say. The home is the first region of the table.
    """

    region: str
    status: str
    item_count: int | None
    is_home: bool
    billing: Billing | None = None

    @property
    def is_away(self) -> bool:
        return self.status == AWAY


def find_replicas(
    control: ControlPlane, name: str, candidates: Sequence[str]
) -> tuple[Replica, ...]:
    """Every region that holds the table: of the candidates, in their order, then the others.

    Two rounds side by side: the candidates, then the regions that their answers name. A candidate
    that does not answer counts when another region names it. Raises `TableMissing` when none of
    those that answer has the table, `RegionUnavailable` or `NoRegionAvailable` when none answers.
    """
    described = describe_in(control, name, candidates)
    named = _named(control, name, described)
    described |= describe_in(control, name, [each for each in named if each not in described])
    holding = [
        region
        for region, state in described.items()
        if isinstance(state, TableState) or (isinstance(state, DataError) and region in named)
    ]
    if not holding:
        raise _absence(name, described)
    return tuple(_replica(region, described[region], home=holding[0]) for region in holding)


def describe_in(control: ControlPlane, name: str, regions: Iterable[str]) -> dict[str, Described]:
    """Each region's description of the table, None for none, its `DataError` where it fails.

    All are asked side by side.
    """
    asked = tuple(dict.fromkeys(regions))

    def describe(region: str) -> Described:
        try:
            return control.describe(region, name)
        except DataError as error:
            return error

    if not asked:
        return {}
    with ThreadPoolExecutor(min(len(asked), AT_ONCE), thread_name_prefix="describe") as threads:
        return dict(zip(asked, threads.map(describe, asked), strict=True))


def _named(control: ControlPlane, name: str, described: Mapping[str, Described]) -> tuple[str, ...]:
    """The regions that the descriptions name as replicas and that can be asked."""
    states = [state for state in described.values() if isinstance(state, TableState)]
    names = [region for state in states for region in state.replicas]
    legacy = [state.region for state in states if state.version == LEGACY]
    if legacy:
        names += control.legacy_members(legacy[0], name)
    return tuple(each for each in dict.fromkeys(names) if is_reachable(each))


def _replica(region: str, state: Described, *, home: str) -> Replica:
    found = state if isinstance(state, TableState) else None
    return Replica(
        region=region,
        status=found.status if found else AWAY,
        item_count=found.item_count if found else None,
        is_home=region == home,
        billing=found.billing if found else None,
    )


def _absence(name: str, described: Mapping[str, Described]) -> DataError:
    """Why no region holds the table, as far as anybody answered."""
    lacking = [region for region, state in described.items() if state is None]
    failed = {region: each for region, each in described.items() if isinstance(each, DataError)}
    if lacking:
        return TableMissing(name, " or ".join(lacking))
    first = next(iter(failed.values()))
    silent = all(isinstance(each, RegionUnavailable) for each in failed.values())
    return NoRegionAvailable(tuple(failed)) if silent and len(failed) > 1 else first
