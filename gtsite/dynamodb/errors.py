"""What can go wrong between the site and its tables, in the layer's own words."""

from collections.abc import Mapping, Sequence
from typing import Any


class DataError(Exception):
    """Something between the site and its tables went wrong."""


class RegionUnavailable(DataError):
    """The one region that may serve a call did not.

    `outcome_unknown` says that a write may have been carried out all the same.
    """

    def __init__(
        self, region: str, *, trouble: str = "away", outcome_unknown: bool = False
    ) -> None:
        super().__init__(f"{region} does not answer ({trouble}).")
        self.region = region
        self.trouble = trouble
        self.outcome_unknown = outcome_unknown


class NoRegionAvailable(DataError):
    """Every region that could be tried within the deadline failed; `regions` in the order tried.

    `outcome_unknown` says that a write may have been carried out by one of them.
    """

    def __init__(self, regions: Sequence[str], *, outcome_unknown: bool = False) -> None:
        super().__init__(f"No region answers; tried {', '.join(regions)}.")
        self.regions = tuple(regions)
        self.outcome_unknown = outcome_unknown


class Throttled(DataError):
    """A region answers, but had no capacity for the call until its deadline; nothing was written.

    Of a batch, a part may have been written.
    """

    def __init__(self, region: str) -> None:
        super().__init__(f"{region} has no capacity left for this table: try again in a moment.")
        self.region = region


class Contended(Throttled):
    """Another region or transaction held the item until the deadline; nothing was written."""

    def __init__(self, region: str) -> None:
        DataError.__init__(
            self, f"The item is being written from elsewhere than {region}: try again."
        )
        self.region = region


class ConditionFailed(DataError):
    """The condition of a write does not hold; `current` is the item as it is, None if absent."""

    def __init__(self, current: dict[str, Any] | None) -> None:
        super().__init__("The item has changed, or is there already.")
        self.current = current


class ItemRefused(DataError):
    """DynamoDB cannot store the item, or carry out the update on what is there."""


class TableMissing(DataError):
    """The table does not exist in a region, or is still being made there."""

    def __init__(self, table: str, region: str) -> None:
        super().__init__(f"Table {table} is not in {region}: run manage.py provision.")
        self.table = table
        self.region = region


class AccessRefused(DataError):
    """The credentials of this process are missing, or may not do this in a region."""

    def __init__(self, region: str, reason: str) -> None:
        super().__init__(f"{region} refused access: {reason.rstrip('.')}.")
        self.region = region


class MetricsUnavailable(DataError):
    """CloudWatch in a region did not say what it was asked."""

    def __init__(self, region: str, trouble: str) -> None:
        super().__init__(f"CloudWatch in {region} does not answer ({trouble}).")
        self.region = region
        self.trouble = trouble


class BadAwsSettings(DataError):
    """The profile, keys or configuration file that the SDK found on this machine are unusable."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"The AWS settings of this process cannot be used: {reason}")


class BadCursor(DataError):
    """A page's cursor was not made by this site for this query."""

    def __init__(self) -> None:
        super().__init__("The cursor does not belong to this list: start at its first page.")


class TableDiffers(DataError):
    """A table of the wanted name is there, and is not the table that is wanted."""


class TableBusy(DataError):
    """A table or its group is being changed: the change asked for has to wait."""


class ChangeRefused(DataError):
    """A region will not change a table in the way asked for."""


class NotReady(DataError):
    """A change was accepted and is still not complete when patience ends."""


class UnknownRegion(ValueError):
    """No AWS region has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not an AWS region: write a name such as us-west-2.")
        self.name = name


class UnknownTable(ValueError):
    """The project has no table of that name."""

    def __init__(self, name: str, known: Mapping[str, object]) -> None:
        super().__init__(f"{name!r} is not a table of this project: it has {', '.join(known)}.")
        self.name = name
