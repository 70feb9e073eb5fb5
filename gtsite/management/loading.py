"""Loading rows into one table of one region, as the commands do it and report it."""

import errno
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError

from gtsite.dynamodb import connection
from gtsite.dynamodb.loader import Existing, Loaded, Rejected, count_absent, load_rows
from gtsite.dynamodb.rows import Row
from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.base import PartlyDone, UsageError
from gtsite.management.progress import ProgressLine
from gtsite.wording import counted

FULL = (errno.ENOSPC, errno.EDQUOT)
SHOWN = 20
"""Bad rows shown on stderr; all of them go to the file of rejects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What to load, where to, and how; `source` is what its sentences call it."""

    definition: TableDefinition
    region: str
    source: str
    rows: Callable[[], Iterator[Row]]
    workers: int = 8
    existing: Existing = Existing.REPLACE


class LoadReport:
    """Says the first bad rows, writes all of them to a file, and shows how far loading is."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._rejects: TextIO | None = None
        self._said = {"rejected": 0, "replaced": 0}
        self._began = time.monotonic()
        self.loaded = Loaded()

    @contextmanager
    def rejects_to(self, path: Path | None) -> Iterator[None]:
        """Bad rows go to that file, empty at first: it never shows those of an earlier run.

        Raises `UsageError` when it cannot be written, `CommandError` or `PartlyDone` when its disk
        is full.
        """
        if path is None:
            yield
            return
        try:
            file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        try:
            with file:
                self._rejects = file
                yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            sentence = f"{path} is not whole: {error.strerror}. {so_far(self.loaded)}"
            raise incomplete(sentence, self.loaded) from error

    def rejected(self, row: Rejected) -> None:
        self._say_some("rejected", f"row {row.number}: {row.reason}")
        if self._rejects is not None:
            kept = {"row": row.number, "reason": row.reason, "data": row.raw}
            self._rejects.write(json.dumps(kept, default=_as_json) + "\n")

    def replaced(self, earlier: int, later: int) -> None:
        self._say_some("replaced", f"row {earlier}: row {later} has the same key and replaces it")

    def progressed(self, loaded: Loaded) -> None:
        self.loaded = loaded
        done = loaded.written + loaded.kept
        rejected = f", {loaded.rejected:,} rejected" if loaded.rejected else ""
        paced = pace(done, time.monotonic() - self._began)
        self._line.show(f"Processed {counted(done, 'item')} {paced}{rejected}")

    def finish(self) -> None:
        """Says how much was not said."""
        for kind, said in self._said.items():
            if said > SHOWN:
                self._line.say(f"… and {counted(said - SHOWN, 'more row')} {kind}")

    def _say_some(self, kind: str, sentence: str) -> None:
        self._said[kind] += 1
        if self._said[kind] <= SHOWN:
            self._line.say(sentence)


def pace(items: int, seconds: float) -> str:
    """`in 0.91 s, 278 a second`."""
    return f"in {seconds:,.2f} s, {items / max(seconds, 0.001):,.0f} a second"


def incomplete(sentence: str, loaded: Loaded) -> CommandError:
    """`PartlyDone`, or a failure where nothing was written at all."""
    return PartlyDone(sentence) if loaded.written else CommandError(sentence)


def so_far(loaded: Loaded) -> str:
    """Of a batch that failed, a part may be written all the same."""
    items = counted(loaded.written, "item") if loaded.written else "No item"
    is_known = "is" if loaded.written <= 1 else "are"
    return f"{items} {is_known} known to be written: load again to finish."


def load(request: LoadRequest, report: LoadReport) -> Loaded:
    """Writes the rows; raises `UnreadableFile`, and `DataError` before any is written."""
    with connection.patient_table(request.definition, request.region) as table:
        return load_rows(
            request.rows(), table, report, workers=request.workers, existing=request.existing
        )


def count_missing(request: LoadRequest) -> int:
    """How many of the rows are not in the table."""
    with connection.patient_table(request.definition, request.region) as table:
        return count_absent(request.rows(), table)


def _as_json(value: Any) -> Any:
    """Numbers exactly as they were; bytes in whatever way a person can recognise them."""
    return str(value) if isinstance(value, Decimal) else repr(value)
