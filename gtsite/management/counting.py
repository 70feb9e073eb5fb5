"""How many items a table has in each of its regions, counted side by side."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

from gtsite.dynamodb import connection
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.repository import PageCount
from gtsite.dynamodb.tables import TableDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCount:
    """One region's count so far; whole once `is_whole`, and given up where there is a `trouble`.

    `read_units` is None where the region does not say what its answers took.
    """

    region: str
    items: int = 0
    requests: int = 0
    read_units: float | None = None
    seconds: float = 0.0
    is_whole: bool = False
    trouble: str = ""

    @property
    def items_per_second(self) -> float:
        return self.items / self.seconds if self.seconds else 0.0

    def plus(self, page: PageCount, seconds: float) -> "RegionCount":
        """The count with one more page."""
        units = None if page.read_units is None else page.read_units + (self.read_units or 0.0)
        return replace(
            self,
            items=self.items + page.items,
            requests=self.requests + 1,
            read_units=units,
            seconds=seconds,
        )


Told = Callable[[RegionCount], None]
"""Told how far a region is, page by page, in that region's own thread."""


def count_regions(
    definition: TableDefinition,
    regions: Sequence[str],
    *,
    segments: int,
    consistent: bool = False,
    told: Told = lambda _: None,
    stop: Event | None = None,
) -> tuple[RegionCount, ...]:
    """Every region's count, in their order; no region waits for another one.

    A region that fails half-way has its `trouble` and what it had counted until then. Once `stop`
    is set, no more pages are asked for.
    """
    stopping = stop or Event()
    patience = connection.PATIENT_DEADLINE_SECONDS
    with (
        connection.regional_table(definition, regions, deadline_seconds=patience) as table,
        ThreadPoolExecutor(len(regions), thread_name_prefix="count") as threads,
    ):

        def count(region: str) -> RegionCount:
            pages = table.at(region).iter_counts(segments=segments, consistent=consistent)
            return _count(region, pages, told, stopping)

        waiting = [threads.submit(count, region) for region in regions]
        try:
            return tuple(each.result() for each in waiting)
        except BaseException:
            stopping.set()
            raise


def _count(region: str, pages: Iterator[PageCount], told: Told, stop: Event) -> RegionCount:
    began = time.monotonic()
    found = RegionCount(region=region)
    try:
        for page in pages:
            found = found.plus(page, time.monotonic() - began)
            told(found)
            if stop.is_set():
                return found
    except DataError as error:
        return replace(found, trouble=str(error), seconds=time.monotonic() - began)
    return replace(found, is_whole=True)
