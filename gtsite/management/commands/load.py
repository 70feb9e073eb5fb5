"""`manage.py load`: the rows of a file, or invented titles, into one table."""

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from catalog.synthetic import MOST
from gtsite.dynamodb import connection
from gtsite.dynamodb.loader import Loaded, check_rows
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.rows import Column, Format, Row, UnreadableFile, parse_map, read_rows
from gtsite.dynamodb.seen import NoScratchSpace
from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.loading import LoadReport, LoadRequest, incomplete, load, pace, so_far
from gtsite.management.progress import progress_line
from gtsite.management.subjects import find_table
from gtsite.management.synthetic import remove_synthetic, synthetic_rows
from gtsite.wording import counted

MOST_WORKERS = 32


class Command(SiteCommand):
    help = "Load CSV, JSON, JSON Lines or batch-write JSON into a table; bad rows are listed."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", nargs="?", help="the table's name")
        parser.add_argument(
            "file", nargs="?", type=Path, help="the data; by default what belongs to the table"
        )
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
            "order, where the file has no heading; by default those of the table",
        )
        parser.add_argument(
            "--region",
            help="the region to write in; by default the table's own first one, or the site's",
        )
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="bad rows as JSON Lines")
        parser.add_argument("--workers", type=int, default=8, help="batches written at a time")
        parser.add_argument("--dry-run", action="store_true", help="check the rows, write none")

    def handle(self, **options: Any) -> None:
        request = _request(options)
        if options["remove"]:
            self._remove(request, options)
            return
        began = time.monotonic()
        with progress_line(sys.stderr, self.say) as line:
            report = LoadReport(line)
            with report.rejects_to(options["rejects"]):
                loaded = self._load(request, report, dry_run=options["dry_run"])
            report.finish()
        self._answer(request, loaded, time.monotonic() - began, options)
        _raise_if_incomplete(request, loaded)

    def _load(self, request: LoadRequest, report: LoadReport, *, dry_run: bool) -> Loaded:
        try:
            if dry_run:
                return check_rows(request.rows(), request.definition, report)
            return load(request, report)
        except (UnreadableFile, NoScratchSpace) as error:
            if not report.loaded.written or dry_run:
                raise CommandError(str(error)) from error
            raise PartlyDone(f"{error} {so_far(report.loaded)}") from error
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
        would, paced = ("would be ", "") if dry_run else ("", f" {pace(loaded.written, seconds)}")
        items = counted(loaded.written, "item")
        lines = [f"{items} {would}written to {table} in {region}{paced}"]
        if loaded.replaced:
            replaced = counted(loaded.replaced, "row")
            lines.append(f"{replaced} replaced by a later one with the same key")
        if loaded.rejected:
            lines.append(f"{counted(loaded.rejected, 'row')} rejected")
        data = {
            "table": table,
            "region": region,
            **_named_source(request, options),
            "dry_run": dry_run,
            "read": loaded.read,
            "written": loaded.written,
            "replaced": loaded.replaced,
            "rejected": loaded.rejected,
            "failure": str(loaded.failure) if loaded.failure else None,
            "seconds": round(seconds, 3),
            "items_per_second": round(loaded.written / seconds, 1),
        }
        self.answer(data, lines)


def _request(options: dict[str, Any]) -> LoadRequest:
    """The options, checked; raises `UsageError`."""
    if not 1 <= options["workers"] <= MOST_WORKERS:
        raise UsageError(f"--workers is {options['workers']}: write 1 to {MOST_WORKERS}.")
    invented = options["synthetic"] is not None
    _check_synthetic(options) if invented else _check_file(options)
    definition = _definition(options["table"] or settings.GT_TABLE, options["region"])
    region = options["region"] or _first_region(definition)
    rows = _synthetic_rows(options) if invented else _file_rows(definition, options)
    synthetic = counted(options["synthetic"], "synthetic title") if invented else ""
    return LoadRequest(
        definition=definition,
        region=region,
        source=synthetic or str(options["file"] or definition.data),
        rows=rows,
        workers=options["workers"],
    )


def _synthetic_rows(options: dict[str, Any]) -> Callable[[], Iterator[Row]]:
    return partial(synthetic_rows, options["synthetic"], seed=options["seed"])


def _file_rows(definition: TableDefinition, options: dict[str, Any]) -> Callable[[], Iterator[Row]]:
    """The rows of the file named, else of the table's own; raises `UsageError` without either."""
    if options["file"] is None and not definition.data:
        raise UsageError(f"Name the file to load: {definition.name} has no data of its own.")
    mapped = _columns(options["map"])
    path = options["file"] or Path(settings.BASE_DIR) / definition.data
    _check_rejects(options["rejects"], path)
    return partial(
        read_rows,
        path,
        table=definition.name,
        format=Format(options["format"]) if options["format"] else None,
        columns=mapped or definition.columns,
        headed_by=None if mapped or not definition.columns else definition.key_names,
    )


def _check_file(options: dict[str, Any]) -> None:
    path = options["file"]
    if options["remove"]:
        raise UsageError("--remove goes with --synthetic: rows of a file stay where they are.")
    if options["table"] is None:
        raise UsageError("Name a table and the file to load, or how many with --synthetic N.")
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path} is a directory: name the file to load.")
    if not path.is_file():
        raise UsageError(f"{path} is no file: name the file to load.")


def _check_rejects(rejects: Path | None, path: Path) -> None:
    """Opening the file of rejects empties it."""
    if rejects is not None and rejects.exists() and path.exists() and rejects.samefile(path):
        raise UsageError(f"{rejects} is the file to load: name another one for the rejects.")


def _check_synthetic(options: dict[str, Any]) -> None:
    if options["file"] is not None:
        raise UsageError(f"Load {options['file']} or --synthetic titles, one at a time.")
    if options["format"] or options["map"]:
        raise UsageError("--format and --map are about a file: --synthetic reads none.")
    if not 1 <= options["synthetic"] <= MOST:
        raise UsageError(f"--synthetic is {options['synthetic']}: write 1 to {MOST:,}.")


def _named_source(request: LoadRequest, options: dict[str, Any]) -> dict[str, object]:
    if options["synthetic"] is None:
        return {"file": request.source}
    return {"synthetic": options["synthetic"], "seed": options["seed"]}


def _columns(text: str) -> tuple[Column, ...]:
    try:
        return parse_map(text) if text else ()
    except ValueError as error:
        raise UsageError(f"--map: {error}") from error


def _definition(name: str, region: str | None) -> TableDefinition:
    """One of the project's tables, or any other that is there already."""
    if region is not None and not connection.is_reachable(known_region(region).name):
        raise UsageError(f"No endpoint is known for {region}: add it to GT_ENDPOINTS.")
    return find_table(name, region=region)


def _first_region(definition: TableDefinition) -> str:
    """The table's own first region, where it has any that can be reached; else the site's."""
    first = definition.default_regions[:1] or connection.site_regions()[:1]
    return first[0] if connection.is_reachable(first[0]) else connection.site_regions()[0]


def _raise_if_incomplete(request: LoadRequest, loaded: Loaded) -> None:
    if loaded.failure is not None:
        sentence = f"Not all of {request.source} is loaded: {loaded.failure} {so_far(loaded)}"
        raise incomplete(sentence, loaded)
    if loaded.rejected:
        rows = counted(loaded.rejected, "row")
        raise incomplete(f"{rows} of {request.source} rejected: mend and load again.", loaded)
