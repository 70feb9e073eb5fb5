"""The items of one run: there before it begins, in every region that answers, and gone after it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bookmarks.lab.experiments.entities import Preparation
from bookmarks.lab.experiments.forms import ATTRIBUTE, BEFORE
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import Stop, Trouble
from gtsite.experiments.subjects import KEPT_FOR
from gtsite.experiments.watching import AT_FAULT, Look, RunClock, Watch, trouble, watching

PATIENCE_SECONDS = 15.0
LOOK_SECONDS = 0.1

Prepared = Callable[[Preparation], None]

logger = logging.getLogger(__name__)


@contextmanager
def items_of_its_own(
    table: Table, keys: Sequence[Key], regions: Sequence[str], *, tell: Prepared, stop: Stop
) -> Iterator[Preparation]:
    """Writes the items in the first of these regions that takes them, and waits for the others.

    A region that is away is a trouble and not waited for; one that is behind, not for ever. When
    the block ends, the items are removed, where they were written if that can be. Raises the first
    region's error when none takes them.
    """
    order = tuple(regions)
    try:
        preparation = _write(table, keys, regions)
        order = tuple(dict.fromkeys((preparation.region, *regions)))
        tell(preparation)
        yield _wait(table, keys, preparation, tell=tell, stop=stop)
    finally:
        _remove(table, keys, order)


def _write(table: Table, keys: Sequence[Key], regions: Sequence[str]) -> Preparation:
    names = table.definition.key_names
    about = {ATTRIBUTE: BEFORE, "expires_at": int(time.time() + KEPT_FOR.total_seconds())}
    items = [{**dict(zip(names, key, strict=True)), **about} for key in keys]
    failed: dict[str, DataError] = {}
    for region in regions:
        try:
            table.at(region).batch_put(items)
        except AT_FAULT as error:
            failed[region] = error
            continue
        others = tuple(each for each in regions if each != region and each not in failed)
        troubles = tuple(trouble(each, error) for each, error in failed.items())
        return Preparation(items=len(keys), region=region, waiting=others, troubles=troubles)
    raise next(iter(failed.values()))


def _wait(
    table: Table, keys: Sequence[Key], preparation: Preparation, *, tell: Prepared, stop: Stop
) -> Preparation:
    """Until every region that answers has been seen to hold every item."""
    until = time.monotonic() + PATIENCE_SECONDS
    waiting = preparation.waiting
    with watching(table, waiting, lambda _: keys, clock=RunClock()) as watch:
        while preparation.waiting and not stop.is_set() and time.monotonic() < until:
            seen = _next(watch, preparation)
            if seen is not preparation:
                preparation = seen
                tell(preparation)
    return preparation if stop.is_set() else _behind(preparation)


def _behind(preparation: Preparation) -> Preparation:
    """Those still waited for are a trouble: the run begins without them."""
    late = (
        Trouble(
            region=region,
            sentence=f"{region} did not have the items after {PATIENCE_SECONDS:.0f} s: "
            "the run began without waiting for it.",
        )
        for region in preparation.waiting
    )
    return replace(preparation, waiting=(), troubles=(*preparation.troubles, *late))


def _next(watch: Watch, preparation: Preparation) -> Preparation:
    found = watch.next(LOOK_SECONDS)
    if found is None or found.region not in preparation.waiting:
        return preparation
    if isinstance(found, Look):
        if not all(found.held.values()):
            return preparation
        troubles = preparation.troubles
    else:
        troubles = (*preparation.troubles, found)
    left = tuple(each for each in preparation.waiting if each != found.region)
    return replace(preparation, waiting=left, troubles=troubles)


def _remove(table: Table, keys: Sequence[Key], regions: Sequence[str]) -> None:
    """In the first region that answers, from where it goes to the others; else they expire.

    A delete of what a region does not have goes nowhere: the first is the one that has them.
    """
    for region in regions:
        try:
            table.at(region).batch_delete(keys)
        except DataError as error:
            logger.warning("Items of a lab run are left in %s: %s", region, error)
            continue
        return
