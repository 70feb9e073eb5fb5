"""What the lab asks of a region, what came back, and what one panel remembers of it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

Number = int | Decimal

HISTORY_LIMIT = 20
STEP_LIMIT = 1000
DIGITS_LIMIT = 40
ATTRIBUTE_LIMIT = 10
NAME_LIMIT = 40
VALUE_LIMIT = 80


def digits(value: Number) -> str:
    """As DynamoDB writes it: plain digits, no exponent."""
    return str(value) if isinstance(value, int) else f"{value:f}"


class Action(StrEnum):
    """What a panel's buttons do."""

    PING = "ping"
    GET = "get"
    PLUS = "plus"
    MINUS = "minus"
    CLEAR = "clear"

    @property
    def writes(self) -> bool:
        return self in (Action.PLUS, Action.MINUS)


class Outcome(StrEnum):
    """How a request to one region ended."""

    OK = "ok"
    AWAY = "away"  # no answer; nothing was written
    UNCERTAIN = "uncertain"  # no answer to a write that may have been carried out
    BUSY = "busy"  # throttled; nothing was written
    REFUSED = "refused"  # no table, no access, or an item that cannot be counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute as a panel sets it: `kind` is DynamoDB's type (S, N, BOOL, L, …)."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The lab's item as one region holds it.

    `value` is its `Bookmark`, in seconds; None without an item or without a number there.
    `stamp_ms` is its `updated_at`, milliseconds since the epoch, by the clock of the site that
    wrote it; None when something other than the lab wrote it. `writer` is its `region`.
    """

    value: Number | None = None
    stamp_ms: int | None = None
    writer: str | None = None
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One update that a region carried out: what it replaced, and what it wrote."""

    before: Held
    after: Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer in a panel's history, or the lack of one.

    `at_ms` is when it came, by this site's clock; `elapsed_ms` the time in DynamoDB. `step` is
    signed, 0 for reads. `value`, `stamp_ms` and `writer` are what the region holds after it;
    `old`, `base_ms` and `base_writer` what an update replaced. `stamp_ms` of an update without an
    answer is the stamp it would have left.
    """

    at_ms: int
    action: Action
    outcome: Outcome
    elapsed_ms: float
    step: int = 0
    old: Number | None = None
    base_ms: int | None = None
    base_writer: str | None = None
    value: Number | None = None
    stamp_ms: int | None = None
    writer: str | None = None

    @property
    def wrote(self) -> bool:
        return self.action.writes and self.outcome is Outcome.OK

    @property
    def read(self) -> bool:
        """Whether it tells what the region holds; a ping does not."""
        return self.outcome is Outcome.OK and self.action is not Action.PING


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What one panel remembers: its answers, newest first, and the item as last seen."""

    entries: tuple[Entry, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    def with_entry(self, entry: Entry, attributes: tuple[Attribute, ...] | None) -> "Panel":
        """The panel after one more answer; `attributes` None keeps the item as last seen.

        Of more than `HISTORY_LIMIT` answers the oldest goes, reads before updates: an update is
        what conflicts are inferred from.
        """
        kept = [entry, *self.entries]
        while len(kept) > HISTORY_LIMIT:
            reads = [place for place, each in enumerate(kept) if place and not each.wrote]
            del kept[reads[-1] if reads else -1]
        shown = self.attributes if attributes is None else attributes
        return Panel(entries=tuple(kept), attributes=shown)

    @property
    def newest(self) -> Entry | None:
        return self.entries[0] if self.entries else None
