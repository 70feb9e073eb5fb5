"""Invented titles as the loader's rows, and their removal."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

from catalog.entities import Title
from catalog.repository import episode_to_item, title_to_item
from catalog.synthetic import synthetic
from gtsite.dynamodb import connection
from gtsite.dynamodb.repository import WRITE_BATCH
from gtsite.dynamodb.rows import Row
from gtsite.dynamodb.tables import TableDefinition

BATCHES_AT_ONCE = 64


def synthetic_rows(titles: int, *, seed: int) -> Iterator[Row]:
    """The items of so many titles and their episodes, one at a time."""
    for number, entity in enumerate(synthetic(titles, seed=seed), 1):
        item = title_to_item(entity) if isinstance(entity, Title) else episode_to_item(entity)
        yield Row(number=number, raw=item, item=item)


def remove_synthetic(
    titles: int,
    *,
    seed: int,
    definition: TableDefinition,
    region: str,
    workers: int,
    progressed: Callable[[int], None],
) -> int:
    """Deletes what `synthetic_rows` has, and returns how many items that is; others stay.

    What is not there does no harm. Raises `DataError`, and then another run goes on.
    """
    rows = synthetic_rows(titles, seed=seed)
    keys = ((row.item["PK"], row.item["SK"]) for row in rows)
    removed = 0
    with (
        connection.patient_table(definition, region) as table,
        ThreadPoolExecutor(workers, thread_name_prefix="remove") as threads,
    ):
        for _ in count():
            some = list(islice(keys, WRITE_BATCH * BATCHES_AT_ONCE))
            if not some:
                return removed
            parts = [some[at : at + WRITE_BATCH] for at in range(0, len(some), WRITE_BATCH)]
            list(threads.map(table.batch_delete, parts))
            removed += len(some)
            progressed(removed)
    return removed
