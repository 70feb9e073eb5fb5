"""Brings a table and its replicas to where they should be: look, plan, apply, wait.

A plan is made of what the regions say now, so planning again after it was applied, or after it
was interrupted, gives what is left to do, and nothing when nothing is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gtsite.dynamodb.control import ControlPlane, TableState
from gtsite.dynamodb.errors import (
    ChangeRefused,
    NotReady,
    RegionUnavailable,
    TableBusy,
    TableDiffers,
)
from gtsite.dynamodb.replicas import LEGACY
from gtsite.dynamodb.tables import Attribute, Billing, Consistency, TableDefinition

STRONG_REGIONS = 3
FIRST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 5.0
TOLERATED_FAILURES = 5


class Action(StrEnum):
    """What one step does."""

    WAIT = "wait"
    CREATE = "create"
    STREAM = "stream"
    EXPIRE = "expire"
    SCALE = "scale"
    REPLICATE = "replicate"
    BACK_UP = "back up"
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    WITHDRAW = "withdraw"
    DELETE = "delete"


SENTENCES = {
    Action.WAIT: "wait for {name} in {targets}",
    Action.CREATE: "create {name} in {region}, {billing}",
    Action.STREAM: "turn on the stream of {name} in {region}",
    Action.EXPIRE: "let items of {name} expire at {expiry}",
    Action.SCALE: "scale the writes of {name} with their use",
    Action.REPLICATE: "replicate {name} from {region} to {targets}",
    Action.BACK_UP: "keep 35 days of {name} in {region} to restore from",
    Action.PROTECT: "protect {name} in {region} against deletion",
    Action.UNPROTECT: "lift the protection of {name} in {region} against deletion",
    Action.WITHDRAW: "remove the replica of {name} in {targets}, and its items",
    Action.DELETE: "delete {name} in {region}, and its items",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, and the region that is asked for it.

    `targets` are the regions that gain or lose a replica by it, or are waited for.
    """

    action: Action
    table: TableDefinition
    region: str
    targets: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What the step does, as a plan says it."""
        return SENTENCES[self.action].format(
            name=self.table.name,
            region=self.region,
            targets=" and ".join(self.targets),
            billing=self.table.billing,
            expiry=self.table.ttl_attribute,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in the order they must be taken; `notes` are what differs and is left alone."""

    table: TableDefinition
    regions: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.steps


class Phase(StrEnum):
    """How far a step is."""

    BEGUN = "begun"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step's phase, and the seconds since it began."""

    step: Step
    phase: Phase
    seconds: float


Report = Callable[[Progress], None]


def plan_table(
    definition: TableDefinition,
    regions: Sequence[str],
    control: ControlPlane,
    *,
    protect: bool = False,
    backups: bool = False,
) -> Plan:
    """What it takes for the table to be in these regions, home first.

    The home region creates it and is asked for the replicas, unless the table is in another of
    them already. Replicas elsewhere are left alone. `backups` are the home region's: what they are
    for is a mistake, which is in every region within seconds.

    Raises `TableDiffers` for a table of that name with other keys, another consistency, or outside
    the group; `ChangeRefused` for what cannot be; and what the control plane raises.
    """
    if definition.consistency is Consistency.STRONG and len(regions) != STRONG_REGIONS:
        raise ChangeRefused(
            f"A strongly consistent table is in exactly {STRONG_REGIONS} regions: name them."
        )
    seen = _look(definition, regions, control)
    planner = _Planner(
        definition=definition,
        regions=tuple(regions),
        control=control,
        seen=seen,
        legacy=_legacy_members(definition, seen, control),
    )
    steps = planner.steps_from_nothing() if not seen else planner.steps_from_there()
    guard = planner.backups() if backups else []
    guard += planner.protection() if protect else []
    notes = planner.notes() if seen else []
    return Plan(
        table=definition, regions=tuple(regions), steps=(*steps, *guard), notes=tuple(notes)
    )


def plan_removal(
    definition: TableDefinition,
    regions: Sequence[str],
    control: ControlPlane,
    *,
    everywhere: bool = False,
    unprotect: bool = False,
) -> Plan:
    """What it takes for the table to be gone from these regions, or from its whole group.

    The newest replicas go first and the oldest last: AWS keeps a replica that others were copied
    from until those are gone. Raises `TableDiffers` for a table with other keys, `ChangeRefused`
    for one that is protected, unless its protection is to be lifted.
    """
    seen = _look(definition, regions, control)
    group = _whole_group(definition, seen, control)
    leaving = dict(group) if everywhere else {name: group[name] for name in seen}
    protected = [state.region for state in leaving.values() if state.is_protected]
    if protected and not unprotect:
        raise ChangeRefused(
            f"Table {definition.name} in {protected[0]} is protected against deletion: "
            "switch that off first (aws dynamodb update-table "
            "--no-deletion-protection-enabled)."
        )
    lifted = [Step(action=Action.UNPROTECT, table=definition, region=each) for each in protected]
    steps = lifted + _removal(definition, leaving=leaving, group=group)
    return Plan(table=definition, regions=tuple(leaving), steps=tuple(steps))


def apply(
    plan: Plan,
    control: ControlPlane,
    *,
    report: Report,
    timeout_seconds: float = 1800.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Takes the plan's steps one after another, each until it is complete.

    Raises `NotReady` when one is not complete after `timeout_seconds`, and what the control plane
    raises; the steps before it stand, and planning again goes on from there.
    """
    for step in plan.steps:
        taking = _Taking(step=step, control=control, report=report, clock=clock, sleep=sleep)
        taking.run(timeout_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """`seen` are the regions, of those asked for, in which there is a table of that name.

    `legacy` are all regions of its group, where that is of version 2017.11.29.
    """

    definition: TableDefinition
    regions: tuple[str, ...]
    control: ControlPlane
    seen: Mapping[str, TableState]
    legacy: tuple[str, ...] = ()

    @property
    def source(self) -> TableState:
        """The table that is replicated from: the home region's, or the first that is there."""
        return next(iter(self.seen.values()))

    def steps_from_nothing(self) -> list[Step]:
        home = self.regions[0]
        steps = [self._step(Action.CREATE, home)]
        if self._wants_expiry:
            steps.append(self._step(Action.EXPIRE, home))
        scaled = self.definition.billing is Billing.PROVISIONED
        return steps + self._replication(home, self.regions[1:], scaled=scaled)

    def steps_from_there(self) -> list[Step]:
        source = self.source
        self._check_group()
        steps = self._waiting()
        if self.definition.stream and not source.has_stream and not source.replicas:
            steps.append(self._step(Action.STREAM, source.region))
        if self._wants_expiry and not self._expiry:
            steps.append(self._step(Action.EXPIRE, source.region))
        missing = [name for name in self.regions if name not in self._members]
        scaled = source.billing is Billing.PROVISIONED
        return steps + self._replication(source.region, missing, scaled=scaled)

    def backups(self) -> list[Step]:
        home = self.regions[0]
        kept = home in self.seen and self.control.keeps_backups(home, self.definition.name)
        return [] if kept else [self._step(Action.BACK_UP, home)]

    def protection(self) -> list[Step]:
        """Every region by itself: deletion protection is not shared within a group."""
        return [
            self._step(Action.PROTECT, region)
            for region in self.regions
            if region not in self.seen or not self.seen[region].is_protected
        ]

    def notes(self) -> list[str]:
        name, source = self.definition.name, self.source
        notes = [
            f"{name} has a replica in {region}, too, which is left alone"
            for region in source.replicas
            if region not in self.regions
        ]
        if self.legacy:
            notes.append(f"{name} is a global table of version {LEGACY}, which is left alone")
        if source.billing is not self.definition.billing:
            notes.append(f"{name} is {source.billing}, which is left alone")
        if self._wants_expiry and self._expiry not in ("", self.definition.ttl_attribute):
            notes.append(f"items of {name} expire at {self._expiry}, which is left alone")
        return notes

    @property
    def _members(self) -> set[str]:
        return {self.source.region, *self.source.replicas, *self.legacy}

    @property
    def _wants_expiry(self) -> bool:
        """A strongly consistent table cannot have one."""
        strong = self.definition.consistency is Consistency.STRONG
        return bool(self.definition.ttl_attribute) and not strong

    @property
    def _expiry(self) -> str:
        return self.control.expiry(self.source.region, self.definition.name)

    def _check_group(self) -> None:
        name, source = self.definition.name, self.source
        missing = [region for region in self.regions if region not in self._members]
        if self.legacy and missing:
            raise TableDiffers(
                f"{name} is a global table of version {LEGACY} without {' and '.join(missing)}: "
                "add them with aws dynamodb update-global-table, or upgrade the table first."
            )
        for region in self.seen:
            if region not in self._members:
                raise TableDiffers(
                    f"Table {name} in {region} is not a replica of the one in {source.region}: "
                    f"delete it, or leave out {region}."
                )
        if source.replicas and source.consistency is not self.definition.consistency:
            raise TableDiffers(
                f"Table {name} is {source.consistency} and cannot become "
                f"{self.definition.consistency}: destroy it first."
            )

    def _waiting(self) -> list[Step]:
        """For what somebody else, or an earlier run, has begun."""
        source = self.source
        steps = []
        if not source.is_active:
            steps.append(self._step(Action.WAIT, source.region, source.region))
        for region, status in source.replicas.items():
            if region not in self.regions or status == "ACTIVE":
                continue
            if status not in ("CREATING", "UPDATING"):
                raise TableDiffers(
                    f"The replica of {self.definition.name} in {region} is {status}: "
                    "run again when it is gone, or remove it first."
                )
            steps.append(self._step(Action.WAIT, source.region, region))
        return steps

    def _replication(self, source: str, missing: Sequence[str], *, scaled: bool) -> list[Step]:
        if not missing:
            return []
        steps = []
        if scaled and not self._scales_writes(source):
            steps.append(self._step(Action.SCALE, source))
        if self.definition.consistency is Consistency.STRONG:
            return [*steps, self._step(Action.REPLICATE, source, *missing)]
        return steps + [self._step(Action.REPLICATE, source, each) for each in missing]

    def _scales_writes(self, source: str) -> bool:
        return self.control.scales_writes(source, self.definition.name)

    def _step(self, action: Action, region: str, *targets: str) -> Step:
        return Step(action=action, table=self.definition, region=region, targets=targets)


@dataclass(slots=True, kw_only=True)
class _Taking:
    """One step on its way from asked for to complete."""

    step: Step
    control: ControlPlane
    report: Report
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    failures: int = field(default=0, init=False)

    def run(self, timeout_seconds: float) -> None:
        began = self.clock()
        pause = FIRST_POLL_SECONDS
        self.report(Progress(step=self.step, phase=Phase.BEGUN, seconds=0.0))
        asked = False
        while True:
            asked = asked or self._tolerating(self._is_under_way_or_asked)
            if asked and self._tolerating(self._is_done):
                break
            if self.clock() - began >= timeout_seconds:
                raise NotReady(
                    f"Still not done after {timeout_seconds:g} s: {self.step.sentence}. "
                    "Run the command again to go on waiting."
                )
            self.sleep(pause)
            pause = min(1.5 * pause, LONGEST_POLL_SECONDS)
            self.report(self._progress(Phase.WAITING, began))
        self.report(self._progress(Phase.DONE, began))

    def _progress(self, phase: Phase, began: float) -> Progress:
        return Progress(step=self.step, phase=phase, seconds=self.clock() - began)

    def _tolerating(self, ask: Callable[[], bool]) -> bool:
        """The answer; False for a region that is busy, or away for no more than a few polls."""
        try:
            answer = ask()
        except TableBusy:
            answer = False
        except RegionUnavailable:
            self.failures += 1
            if self.failures > TOLERATED_FAILURES:
                raise
            return False
        self.failures = 0
        return answer

    def _is_under_way_or_asked(self) -> bool:
        """Asks, unless it has been asked already: by an attempt without an answer, say."""
        if not self._is_under_way():
            self._ask()
        return True

    def _is_under_way(self) -> bool:
        state = self._state()
        match self.step.action:
            case Action.WAIT:
                return True
            case Action.CREATE:
                return state is not None
            case Action.REPLICATE:
                return state is not None and all(each in state.replicas for each in self._targets)
            case Action.WITHDRAW:
                return state is None or all(
                    state.replicas.get(each, "DELETING") == "DELETING" for each in self._targets
                )
            case Action.DELETE:
                return state is None or state.status == "DELETING"
            case _:
                return False

    def _ask(self) -> None:
        control, table, region = self.control, self.step.table, self.step.region
        name, targets = table.name, self._targets
        asking: dict[Action, Callable[[], None]] = {
            Action.CREATE: lambda: control.create(region, table),
            Action.STREAM: lambda: control.start_stream(region, table),
            Action.EXPIRE: lambda: control.start_expiry(region, table),
            Action.SCALE: lambda: control.scale_writes(region, table),
            Action.REPLICATE: lambda: control.add_replicas(
                region, name, targets, table.consistency
            ),
            Action.BACK_UP: lambda: control.start_backups(region, name),
            Action.PROTECT: lambda: control.protect(region, name),
            Action.UNPROTECT: lambda: control.unprotect(region, name),
            Action.WITHDRAW: lambda: control.remove_replicas(region, name, targets),
            Action.DELETE: lambda: control.delete(region, name),
        }
        asking[self.step.action]()

    def _is_done(self) -> bool:
        state = self._state()
        if self.step.action is Action.DELETE:
            return state is None
        if state is None or not state.is_active:
            return False
        if self.step.action is Action.WITHDRAW:
            return all(self._is_gone(state, target) for target in self._targets)
        return all(self._is_there(state, target) for target in self._targets)

    def _is_there(self, source: TableState, target: str) -> bool:
        """Both sides must say so: the source about its replica, and the region about itself."""
        if target == source.region:
            return True
        if source.replicas.get(target) == "CREATION_FAILED":
            raise ChangeRefused(
                f"{target} could not make its replica of {self.step.table.name}: remove it first."
            )
        return source.has_replica(target) and self._is_active(target)

    def _is_gone(self, source: TableState, target: str) -> bool:
        return target not in source.replicas and self._state(target) is None

    def _is_active(self, region: str) -> bool:
        state = self._state(region)
        return state is not None and state.is_active

    def _state(self, region: str | None = None) -> TableState | None:
        return self.control.describe(region or self.step.region, self.step.table.name)

    @property
    def _targets(self) -> tuple[str, ...]:
        return self.step.targets


def _look(
    definition: TableDefinition, regions: Sequence[str], control: ControlPlane
) -> dict[str, TableState]:
    """The regions that have a table of that name, in the order given; its keys are checked."""
    found = {}
    for region in regions:
        state = control.describe(region, definition.name)
        if state is not None:
            _check_keys(definition, state)
            found[region] = state
    return found


def _check_keys(definition: TableDefinition, state: TableState) -> None:
    if state.keys != definition.key_attributes:
        raise TableDiffers(
            f"Table {definition.name} in {state.region} has the key {_said(state.keys)}, not "
            f"{_said(definition.key_attributes)}: give one of them another name, or destroy it."
        )


def _said(keys: Sequence[Attribute]) -> str:
    return " + ".join(f"{each.name} ({each.type})" for each in keys)


def _legacy_members(
    definition: TableDefinition, seen: Mapping[str, TableState], control: ControlPlane
) -> tuple[str, ...]:
    """The regions of the table's group, where that is of version 2017.11.29: it lists none."""
    for state in seen.values():
        if state.version == LEGACY:
            return control.legacy_members(state.region, definition.name)
    return ()


def _whole_group(
    definition: TableDefinition, seen: Mapping[str, TableState], control: ControlPlane
) -> dict[str, TableState]:
    """What was seen, and the replicas it names in other regions."""
    named = {region for state in seen.values() for region in state.replicas}
    others = _look(definition, sorted(named - set(seen)), control)
    return {**seen, **others}


def _removal(
    definition: TableDefinition,
    *,
    leaving: Mapping[str, TableState],
    group: Mapping[str, TableState],
) -> list[Step]:
    """Each replica is removed through the oldest one that stays, or else that goes last."""
    steps = []
    remaining = sorted(group.values(), key=lambda state: state.created_at)
    replicas = [each for each in remaining if each.region in leaving]
    if any(each.consistency is Consistency.STRONG for each in replicas):
        return _removal_at_once(definition, replicas)
    for state in reversed(replicas):
        remaining.remove(state)
        peer = next((each for each in remaining if each.region in state.replicas), None)
        steps.append(_goodbye(definition, state, peer))
    return steps


def _goodbye(definition: TableDefinition, state: TableState, peer: TableState | None) -> Step:
    """Through a peer where there is one; the last of its group is an ordinary table by then."""
    if peer is None:
        return Step(action=Action.DELETE, table=definition, region=state.region)
    return Step(
        action=Action.WITHDRAW, table=definition, region=peer.region, targets=(state.region,)
    )


def _removal_at_once(definition: TableDefinition, replicas: Sequence[TableState]) -> list[Step]:
    """A strongly consistent group cannot lose a single replica."""
    if not replicas:
        return []
    first, *others = replicas
    targets = tuple(each.region for each in others)
    last = Step(action=Action.DELETE, table=definition, region=first.region)
    if not targets:
        return [last]
    all_others = Step(
        action=Action.WITHDRAW, table=definition, region=first.region, targets=targets
    )
    return [all_others, last]
