"""`manage.py load`: the rows of a file, or invented titles, into one table."""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from catalog.synthetic import MOST
from gtsite.dynamodb import connection
from gtsite.dynamodb.control import find_definition
from gtsite.dynamodb.errors import UnknownTable
from gtsite.dynamodb.loader import Loaded, check_rows
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.rows import Column, Format, UnreadableFile, parse_map, read_rows
from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.base import PartlyDone, SiteCommand, UsageError, counted
from gtsite.management.loading import LoadReport, LoadRequest, load, rejects_file
from gtsite.management.progress import progress_line
from gtsite.management.synthetic import remove_synthetic, synthetic_rows

MOST_WORKERS = 32


class Command(SiteCommand):
    help = "Load CSV, JSON, JSON Lines or batch-write JSON into a table; bad rows are listed."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", nargs="?", help="the table's name")
        parser.add_argument("file", nargs="?", type=Path, help="the data")
        parser.add_argument(
            "--synthetic",
            type=int,
            metavar="N",
            help="instead of a file: N invented titles, the same each time; without a table's "
            "name, into the site's",
        )
        parser.add_argument(
            "--seed", type=int, default=0, help="of the invented titles: another one makes others"
        )
        parser.add_argument(
            "--remove", action="store_true", help="with --synthetic: take them out again"
        )
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
        if options["remove"]:
            self._remove(request, options)
            return
        began = time.monotonic()
        with (
            rejects_file(options["rejects"]) as rejects,
            progress_line(sys.stderr, self.say) as line,
        ):
            report = LoadReport(line, rejects)
            loaded = self._load(request, report, dry_run=options["dry_run"])
            report.finish()
        self._answer(request, loaded, time.monotonic() - began, options)
        _raise_if_incomplete(request, loaded)

    def _load(self, request: LoadRequest, report: LoadReport, *, dry_run: bool) -> Loaded:
        try:
            if dry_run:
                return check_rows(request.rows(), request.definition, report)
            return load(request, report)
        except UnreadableFile as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            written = counted(report.loaded.written, "item")
            self.say(f"Stopped with {written} written: load the file again to finish.")
            raise

    def _remove(self, request: LoadRequest, options: dict[str, Any]) -> None:
        table, region = request.definition.name, request.region
        titles, seed, dry_run = options["synthetic"], options["seed"], options["dry_run"]
        with progress_line(sys.stderr, self.say) as line:
            if dry_run:
                removed = sum(1 for _ in request.rows())
            else:
                removed = remove_synthetic(
                    titles,
                    seed=seed,
                    definition=request.definition,
                    region=region,
                    workers=request.workers,
                    progressed=lambda count: line.show(f"{counted(count, 'item')} removed"),
                )
        would = "would be " if dry_run else ""
        data = {"table": table, "region": region, "synthetic": titles, "seed": seed}
        data |= {"dry_run": dry_run, "removed": removed}
        self.answer(data, [f"{counted(removed, 'item')} {would}removed from {table} in {region}"])

    def _answer(
        self, request: LoadRequest, loaded: Loaded, seconds: float, options: dict[str, Any]
    ) -> None:
        table, region, dry_run = request.definition.name, request.region, options["dry_run"]
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
            **_named_source(options),
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
    if not 1 <= options["workers"] <= MOST_WORKERS:
        raise UsageError(f"--workers is {options['workers']}: write 1 to {MOST_WORKERS}.")
    invented = options["synthetic"] is not None
    _check_synthetic(options) if invented else _check_file(options)
    region = known_region(options["region"] or connection.site_regions()[0]).name
    if not connection.is_reachable(region):
        raise UsageError(f"No endpoint is known for {region}: add it to GT_ENDPOINTS.")
    definition = _definition(options["table"] or settings.GT_TABLE, region)
    if invented:
        source = counted(options["synthetic"], "synthetic title")
        rows = partial(synthetic_rows, options["synthetic"], seed=options["seed"])
    else:
        source = str(options["file"])
        rows = partial(
            read_rows,
            options["file"],
            table=definition.name,
            format=Format(options["format"]) if options["format"] else None,
            columns=_columns(options["map"]),
        )
    return LoadRequest(
        definition=definition, region=region, source=source, rows=rows, workers=options["workers"]
    )


def _check_file(options: dict[str, Any]) -> None:
    path, rejects = options["file"], options["rejects"]
    if options["remove"]:
        raise UsageError("--remove goes with --synthetic: rows of a file stay where they are.")
    if path is None:
        raise UsageError("Name a table and the file to load, or how many with --synthetic N.")
    if not path.is_file():
        raise UsageError(f"{path} is no file: name the file to load.")
    if rejects is not None and rejects.exists() and rejects.samefile(path):
        raise UsageError(f"{rejects} is the file to load: name another one for the rejects.")


def _check_synthetic(options: dict[str, Any]) -> None:
    if options["file"] is not None:
        raise UsageError(f"Load {options['file']} or --synthetic titles, one at a time.")
    if options["format"] or options["map"]:
        raise UsageError("--format and --map are about a file: --synthetic reads none.")
    if not 1 <= options["synthetic"] <= MOST:
        raise UsageError(f"--synthetic is {options['synthetic']}: write 1 to {MOST:,}.")


def _named_source(options: dict[str, Any]) -> dict[str, object]:
    if options["synthetic"] is None:
        return {"file": str(options["file"])}
    return {"synthetic": options["synthetic"], "seed": options["seed"]}


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
        sentence = f"Not all of {request.source} is loaded: {loaded.failure} Then load it again."
    elif loaded.rejected:
        rows = counted(loaded.rejected, "row")
        sentence = f"{rows} of {request.source} rejected: mend and load again."
    else:
        return
    if loaded.written:
        raise PartlyDone(sentence)
    raise CommandError(sentence)
