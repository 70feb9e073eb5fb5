"""What `manage.py provision` does: plan every table, carry it out, load the data missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gtsite.dynamodb.control import ControlPlane
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.loader import Existing
from gtsite.dynamodb.provisioner import Phase, Plan, Progress, apply, plan_removal, plan_table
from gtsite.dynamodb.rows import UnreadableFile, read_rows
from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.loading import LoadReport, LoadRequest, count_missing, load
from gtsite.management.progress import ProgressLine
from gtsite.wording import counted

WORKERS = 4


class ProvisioningFailed(Exception):
    """It stopped half-way: what stands, and what to do next, in one sentence."""

    def __init__(self, sentence: str, *, changed: bool) -> None:
        super().__init__(sentence)
        self.changed = changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One table, where it is wanted, home first, and the file of its data if it has one."""

    table: TableDefinition
    regions: tuple[str, ...]
    data: Path | None = None
    protect: bool = False
    backups: bool = False

    def loading(self) -> LoadRequest | None:
        """What is there already is kept: it may have been changed since."""
        if self.data is None:
            return None
        return LoadRequest(
            definition=self.table,
            region=self.regions[0],
            source=str(self.data),
            rows=partial(read_rows, self.data, table=self.table.name),
            workers=WORKERS,
            existing=Existing.KEEP,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What is to be done for one table: steps, then items to load."""

    wanted: Wanted
    plan: Plan
    missing_items: int = 0
    is_removal: bool = False

    @property
    def is_empty(self) -> bool:
        return self.plan.is_empty and not self.missing_items

    def lines(self) -> list[str]:
        """The plan for people to read, one line a step."""
        steps = [step.sentence for step in self.plan.steps]
        if self.missing_items:
            items = counted(self.missing_items, "item")
            steps.append(f"load {items} into {self.plan.table.name}")
        nothing = [] if steps else [f"{self.plan.table.name}: nothing to do"]
        return [*steps, *nothing, *(f"note: {note}" for note in self.plan.notes)]

    @property
    def outcome(self) -> str:
        """One line on where the table is, once the plan is carried out."""
        name, regions = self.plan.table.name, ", ".join(self.plan.regions)
        if self.is_removal:
            gone = f"gone from {regions}" if regions else "nowhere: nothing to delete"
            return f"{name} is {gone}"
        done = [counted(len(self.plan.steps), "change")] if self.plan.steps else []
        loaded = [f"{counted(self.missing_items, 'item')} loaded"] if self.missing_items else []
        return f"{name} is in {regions}: {', '.join(done + loaded) or 'nothing to change'}"

    def as_data(self) -> dict[str, object]:
        return {
            "table": self.plan.table.name,
            "regions": list(self.plan.regions),
            "steps": [step.sentence for step in self.plan.steps],
            "items": self.missing_items,
            "notes": list(self.plan.notes),
        }


def make_plans(wanted: Sequence[Wanted], control: ControlPlane) -> list[TablePlan]:
    """A plan for each table, in order; raises `DataError` and `UnreadableFile`."""
    return [_make_plan(each, control) for each in wanted]


def make_removal_plans(
    wanted: Sequence[Wanted],
    control: ControlPlane,
    *,
    everywhere: bool,
    unprotect: bool = False,
) -> list[TablePlan]:
    """A plan for the end of each table; raises `DataError`."""
    return [
        TablePlan(
            wanted=each,
            plan=plan_removal(
                each.table, each.regions, control, everywhere=everywhere, unprotect=unprotect
            ),
            is_removal=True,
        )
        for each in wanted
    ]


def carry_out(
    plans: Sequence[TablePlan],
    control: ControlPlane,
    *,
    timeout_seconds: float,
    line: ProgressLine,
) -> None:
    """Steps, then data, table by table; raises `ProvisioningFailed`."""
    steps_done = 0

    def report(progress: Progress) -> None:
        nonlocal steps_done
        if progress.phase is Phase.DONE:
            steps_done += 1
            line.say(f"done: {progress.step.sentence} ({progress.seconds:.1f} s)")
        else:
            line.show(f"{progress.step.sentence} … {progress.seconds:.0f} s")

    for each in plans:
        try:
            apply(each.plan, control, report=report, timeout_seconds=timeout_seconds)
            _load(each, line)
        except (DataError, UnreadableFile) as error:
            raise ProvisioningFailed(str(error), changed=steps_done > 0) from error


def _make_plan(wanted: Wanted, control: ControlPlane) -> TablePlan:
    plan = plan_table(
        wanted.table,
        wanted.regions,
        control,
        protect=wanted.protect,
        backups=wanted.backups,
    )
    loading = wanted.loading()
    if loading is None:
        return TablePlan(wanted=wanted, plan=plan)
    home = control.describe(loading.region, wanted.table.name)
    missing = count_missing(loading) if home and home.is_active else _count_rows(loading)
    return TablePlan(wanted=wanted, plan=plan, missing_items=missing)


def _count_rows(loading: LoadRequest) -> int:
    return sum(1 for row in loading.rows() if not row.reason)


def _load(plan: TablePlan, line: ProgressLine) -> None:
    loading = plan.wanted.loading()
    if loading is None or not plan.missing_items:
        return
    report = LoadReport(line)
    loaded = load(loading, report)
    report.finish()
    line.say(f"done: load {counted(loaded.written, 'item')} into {plan.plan.table.name}")
    if loaded.failure is not None:
        raise loaded.failure
    if loaded.rejected:
        raise UnreadableFile(
            f"{counted(loaded.rejected, 'row')} of {loading.source} rejected: mend and load again."
        )
