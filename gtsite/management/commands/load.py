"""`manage.py load`: the rows of a file into one table."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from gtsite.dynamodb import connection
from gtsite.dynamodb.control import find_definition
from gtsite.dynamodb.errors import UnknownTable
from gtsite.dynamodb.loader import Loaded, check_rows
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.rows import Column, Format, UnreadableFile, parse_map
from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.base import PartlyDone, SiteCommand, UsageError, counted
from gtsite.management.loading import LoadReport, LoadRequest, load_file, rejects_file
from gtsite.management.progress import progress_line

MOST_WORKERS = 32


class Command(SiteCommand):
    help = "Load CSV, JSON, JSON Lines or batch-write JSON into a table; bad rows are listed."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", help="the table's name")
        parser.add_argument("file", type=Path, help="the data")
        parser.add_argument(
            "--format", choices=[each.value for each in Format], help="instead of looking inside"
        )
        parser.add_argument(
            "--map",
            default="",
            metavar="NAME[:TYPE],…",
            help="CSV columns and their types (S, N, B, BOOL, JSON); all of them, in their "
            "order, where the file has no heading",
        )
        parser.add_argument("--region", help="the region to write in; by default the home region")
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="bad rows as JSON Lines")
        parser.add_argument("--workers", type=int, default=8, help="batches written at a time")
        parser.add_argument("--dry-run", action="store_true", help="check the rows, write none")

    def handle(self, **options: Any) -> None:
        request = _request(options)
        began = time.monotonic()
        with (
            rejects_file(options["rejects"]) as rejects,
            progress_line(sys.stderr, self.say) as line,
        ):
            report = LoadReport(line, rejects)
            loaded = self._load(request, report, dry_run=options["dry_run"])
            report.finish()
        self._answer(request, loaded, time.monotonic() - began, dry_run=options["dry_run"])
        _raise_if_incomplete(request, loaded)

    def _load(self, request: LoadRequest, report: LoadReport, *, dry_run: bool) -> Loaded:
        try:
            if dry_run:
                return check_rows(request.rows(), request.definition, report)
            return load_file(request, report)
        except UnreadableFile as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            written = counted(report.loaded.written, "item")
            self.say(f"Stopped with {written} written: load the file again to finish.")
            raise

    def _answer(
        self, request: LoadRequest, loaded: Loaded, seconds: float, *, dry_run: bool
    ) -> None:
        table, region = request.definition.name, request.region
        would = "would be " if dry_run else ""
        lines = [f"{counted(loaded.written, 'item')} {would}written to {table} in {region}"]
        if loaded.replaced:
            replaced = counted(loaded.replaced, "row")
            lines.append(f"{replaced} replaced by a later one with the same key")
        if loaded.rejected:
            lines.append(f"{counted(loaded.rejected, 'row')} rejected")
        data = {
            "table": table,
            "region": region,
            "file": str(request.path),
            "dry_run": dry_run,
            "read": loaded.read,
            "written": loaded.written,
            "replaced": loaded.replaced,
            "rejected": loaded.rejected,
            "failure": str(loaded.failure) if loaded.failure else None,
            "seconds": round(seconds, 3),
        }
        self.answer(data, lines)


def _request(options: dict[str, Any]) -> LoadRequest:
    """The options, checked; raises `UsageError`."""
    path, rejects = options["file"], options["rejects"]
    if not path.is_file():
        raise UsageError(f"{path} is no file: name the file to load.")
    if rejects is not None and rejects.exists() and rejects.samefile(path):
        raise UsageError(f"{rejects} is the file to load: name another one for the rejects.")
    if not 1 <= options["workers"] <= MOST_WORKERS:
        raise UsageError(f"--workers is {options['workers']}: write 1 to {MOST_WORKERS}.")
    region = known_region(options["region"] or connection.site_regions()[0]).name
    if not connection.is_reachable(region):
        raise UsageError(f"No endpoint is known for {region}: add it to GT_ENDPOINTS.")
    return LoadRequest(
        definition=_definition(options["table"], region),
        region=region,
        path=path,
        format=Format(options["format"]) if options["format"] else None,
        columns=_columns(options["map"]),
        workers=options["workers"],
    )


def _columns(text: str) -> tuple[Column, ...]:
    try:
        return parse_map(text) if text else ()
    except ValueError as error:
        raise UsageError(f"--map: {error}") from error


def _definition(name: str, region: str) -> TableDefinition:
    """One of the project's tables, or any other that is in the region already."""
    try:
        return connection.definition(name)
    except UnknownTable:
        with connection.control_plane() as control:
            return find_definition(control, region, name)


def _raise_if_incomplete(request: LoadRequest, loaded: Loaded) -> None:
    """Raises `PartlyDone`, or `CommandError` where nothing was written at all."""
    if loaded.failure is not None:
        sentence = f"Not all of {request.path} is loaded: {loaded.failure} Then load it again."
    elif loaded.rejected:
        rows = counted(loaded.rejected, "row")
        sentence = f"{rows} of {request.path} rejected: mend and load again."
    else:
        return
    if loaded.written:
        raise PartlyDone(sentence)
    raise CommandError(sentence)
