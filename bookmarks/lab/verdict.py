"""Do the regions agree, and was a write lost? Inferred from their answers: AWS tells nobody.

Every update of the lab leaves its time and its region on the item, and is answered with the item
it replaced. So each one names its parent, and the updates form a tree: those from which the
newest item descends stand; every other one was lost, because a later update in another region
did not know it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bookmarks.lab.entities import HISTORY_LIMIT, Entry, Number, Outcome

Histories = Mapping[str, Sequence[Entry]]


class Kind(StrEnum):
    """The worst that can be said; the rest of the verdict says more."""

    CONFLICT = "conflict"
    STALE = "stale"
    UNKNOWN = "unknown"
    IN_SYNC = "in-sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One update as a region carried it out; `stamp_ms` is its time by the writing site's clock."""

    region: str
    stamp_ms: int
    step: int
    old: Number | None
    new: Number | None
    base: tuple[int, str] | None

    @property
    def name(self) -> tuple[int, str]:
        """What the item says of who wrote it last: milliseconds, region."""
        return self.stamp_ms, self.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """`winner` came later than `loser` and did not know it.

    `loser` is the last of `lost` updates that the loser's region had built on one another.
    `settled` once that region itself no longer holds them.
    """

    winner: Write
    loser: Write
    lost: int
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The item as one region last gave it, and when (milliseconds, this site's clock)."""

    region: str
    value: Number | None
    stamp_ms: int | None
    writer: str | None
    at_ms: int

    @property
    def identity(self) -> tuple[int | None, str | None, Number | None]:
        return self.stamp_ms, self.writer, self.value

    @property
    def order(self) -> tuple[int, int]:
        """Later is newer; an item without a stamp was there before the lab wrote to it."""
        return self.stamp_ms or 0, self.at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A region that gave an older item although a newer one had already been written.

    `behind_ms` is how long ago that was when it answered: the lag was at least as long.
    """

    held: Version
    newest: Version
    behind_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the answers allow to be said. Regions are in the order of the panels.

    `agreed` is the item that every region gave, None while they do not. `unheard` regions did not
    answer last time, `unasked` ones have not been asked since the newest write.
    """

    kind: Kind
    agreed: Version | None
    newest: Version | None
    stale: tuple[Stale, ...]
    conflicts: tuple[Conflict, ...]
    unheard: tuple[str, ...]
    unasked: tuple[str, ...]


def judge(histories: Histories) -> Verdict:
    """The verdict on each region's answers, newest first; every configured region has a key."""
    unheard = tuple(region for region, entries in histories.items() if _unheard(entries))
    versions = {region: _version(region, entries) for region, entries in histories.items()}
    known = [version for version in versions.values() if version is not None]
    newest = max(known, key=lambda version: version.order, default=None)
    complete = len(known) == len(histories) and not unheard
    agreed = newest if complete and _same(known) else None
    behind = [each for each in known if newest and each.identity != newest.identity]
    stale = tuple(filter(None, (_stale(each, newest) for each in behind)))
    late = {each.held.region for each in stale}
    unasked = tuple(
        region
        for region, version in versions.items()
        if region not in unheard and region not in late and (version is None or version in behind)
    )
    conflicts = find_conflicts(histories, standing=_standing(known, versions))
    return Verdict(
        kind=_kind(conflicts, stale, agreed),
        agreed=agreed,
        newest=newest,
        stale=stale,
        conflicts=conflicts,
        unheard=unheard,
        unasked=unasked,
    )


def find_conflicts(
    histories: Histories, *, standing: tuple[int | None, str | None] | None = None
) -> tuple[Conflict, ...]:
    """The updates that were lost, grouped by who overwrote them; oldest first.

    The newest update wins, unless `standing`, the name of the item on which all regions agree,
    says another one did: DynamoDB orders by its own clocks, the lab by its site's.
    """
    writes = list_writes(histories)
    by_name = {write.name: write for write in writes}
    winner = next((write for write in writes if write.name == standing), None)
    if winner is None:
        winner = writes[-1] if writes else None
    if winner is None:
        return ()
    lineage, since = _lineage(winner, by_name)
    lost = [write for write in writes if write.name not in lineage and write.stamp_ms > since]
    return _grouped(lost, list(lineage.values()), winner, histories)


def list_writes(histories: Histories) -> list[Write]:
    """Every update that was answered, oldest first, as far back as every panel remembers."""
    horizon = max((_forgotten(entries) for entries in histories.values()), default=0)
    writes = [
        _write(region, entry)
        for region, entries in histories.items()
        for entry in entries
        if entry.wrote and (entry.stamp_ms or 0) > horizon
    ]
    return sorted(writes, key=lambda write: write.name)


def _unheard(entries: Sequence[Entry]) -> bool:
    return bool(entries) and entries[0].outcome is not Outcome.OK


def _version(region: str, entries: Iterable[Entry]) -> Version | None:
    for entry in entries:
        if entry.read:
            return Version(
                region=region,
                value=entry.value,
                stamp_ms=entry.stamp_ms,
                writer=entry.writer,
                at_ms=entry.at_ms,
            )
    return None


def _same(versions: Sequence[Version]) -> bool:
    return len({version.identity for version in versions}) == 1


def _stale(held: Version, newest: Version | None) -> Stale | None:
    """None when it was not asked since the newest write, or nothing tells when that was."""
    if newest is None or newest.stamp_ms is None or held.stamp_ms == newest.stamp_ms:
        return None
    if held.at_ms <= newest.stamp_ms:
        return None
    return Stale(held=held, newest=newest, behind_ms=held.at_ms - newest.stamp_ms)


def _standing(
    known: Sequence[Version], versions: Mapping[str, Version | None]
) -> tuple[int | None, str | None] | None:
    if len(known) < len(versions) or not _same(known):
        return None
    return known[0].stamp_ms, known[0].writer


def _kind(conflicts: Iterable[Conflict], stale: Sequence[Stale], agreed: Version | None) -> Kind:
    if agreed is not None:
        return Kind.IN_SYNC
    if any(not conflict.settled for conflict in conflicts):
        return Kind.CONFLICT
    return Kind.STALE if stale else Kind.UNKNOWN


def _lineage(
    winner: Write, by_name: Mapping[tuple[int, str], Write]
) -> tuple[dict[tuple[int, str], Write], int]:
    """The updates from which `winner` descends, itself included, and since when they tell all.

    Where the line ends at an item that nobody here wrote, what was written before it is not
    judged: its writer may have known it.
    """
    lineage: dict[tuple[int, str], Write] = {}
    step: Write | None = winner
    since = 0
    while step is not None and step.name not in lineage:
        lineage[step.name] = step
        since = step.base[0] if step.base else 0
        step = by_name.get(step.base) if step.base else None
    return lineage, since


def _grouped(
    lost: Iterable[Write], lineage: Sequence[Write], winner: Write, histories: Histories
) -> tuple[Conflict, ...]:
    groups: dict[tuple[tuple[int, str], str], tuple[Write, list[Write]]] = {}
    for write in lost:
        killer = _overwrote(write, lineage, winner)
        if killer is not None:
            groups.setdefault((killer.name, write.region), (killer, []))[1].append(write)
    return tuple(
        Conflict(
            winner=killer,
            loser=writes[-1],
            lost=len(writes),
            settled=_settled(writes, histories[writes[0].region]),
        )
        for killer, writes in groups.values()
    )


def _overwrote(write: Write, lineage: Iterable[Write], winner: Write) -> Write | None:
    """The first standing update of another region after it; None: something else replaced it."""
    after = [each for each in lineage if each.region != write.region and each.name > write.name]
    fallback = winner if winner.region != write.region else None
    return min(after, key=lambda each: each.name, default=fallback)


def _settled(lost: Iterable[Write], entries: Sequence[Entry]) -> bool:
    held = next((entry for entry in entries if entry.read), None)
    return held is None or (held.stamp_ms, held.writer) not in {write.name for write in lost}


def _forgotten(entries: Sequence[Entry]) -> int:
    """The time up to which a full panel may have dropped updates; 0 while it has room."""
    stamps = [entry.stamp_ms or 0 for entry in entries if entry.wrote]
    return min(stamps) if len(stamps) >= HISTORY_LIMIT - 1 else 0


def _write(region: str, entry: Entry) -> Write:
    base = (entry.base_ms, entry.base_writer or "") if entry.base_ms is not None else None
    return Write(
        region=region,
        stamp_ms=entry.stamp_ms or 0,
        step=entry.step,
        old=entry.old,
        new=entry.value,
        base=base,
    )
