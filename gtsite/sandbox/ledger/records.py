"""What the ledger keeps: replicas, writes that may be under way, images that travel, conflicts."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gtsite.sandbox.versions import Image, Version

ReplicaStatus = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING"]
GlobalTableVersion = Literal["2017.11.29", "2019.11.21"]
Consistency = Literal["EVENTUAL", "STRONG"]
Phase = Literal["", "QUEUED", "ASKED", "LISTED", "READY", "LEAVING", "DETACHING"]
NOT_JOINED = ("QUEUED", "ASKED", "LISTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One region's copy of a table. `source` is the region it was back-filled from, or ''.

    `stream_label` and `stream_view` are '' while its stream is off; times are microseconds.
    `witness` is the region of its group's witness, '' where there is none. `phase` says how far a
    change of status has come: a replica that is QUEUED, ASKED for or LISTED has no table yet, one
    that is READY waits for the rest of its group, one that is LEAVING still shows as ACTIVE, and
    one that is DETACHING will stay as a table of its own. `group_id` tells groups of one name
    apart, `grouped_at` is when it joined. `overrides` are the settings it does not share with its
    group, `extras` those that engines do not keep; `pending` is an update that a crash would leave
    half done. `recovery_since` is 0 while point-in-time recovery is off. An `adopted` table was in
    its engine before the ledger was: items may be there that no version is kept of.
    """

    table: str
    region: str
    key_names: tuple[str, ...]
    is_global: bool
    status: ReplicaStatus
    source: str
    created_at: int
    stream_label: str
    stream_view: str
    ttl_attribute: str
    version: GlobalTableVersion = "2019.11.21"
    consistency: Consistency = "EVENTUAL"
    witness: str = ""
    phase: Phase = ""
    group_id: str = ""
    grouped_at: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] = field(default_factory=dict)
    ttl_changed_at: int = 0
    protection_changed_at: int = 0
    recovery_since: int = 0
    recovery_days: int = 0
    may_leave: bool = False
    adopted: bool = False

    @property
    def has_joined(self) -> bool:
        """Whether there is a table that receives what its peers write."""
        return self.phase not in NOT_JOINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that an engine may have applied; `delivery` is the outbox row it applies, if any.

    `expired` says that it is a delete of TTL's.
    """

    id: int
    region: str
    table: str
    item_key: str
    key: dict[str, Any]
    before: Image | None
    delivery: int | None
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One item image on its way from one region to another; `image` None is a delete."""

    id: int
    source: str
    target: str
    table: str
    item_key: str
    key: dict[str, Any]
    image: Image | None
    version: Version
    written_at: int
    due_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write did to one item in one region: images before and after, None for no item.

    `expired` says that TTL deleted the item, in this region.
    """

    region: str
    table: str
    item_key: str
    key: dict[str, Any]
    before: Image | None
    after: Image | None
    version: Version
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two writes that did not know each other; the winner stands everywhere, None is a delete."""

    table: str
    item_key: str
    key: dict[str, Any]
    winner: Version
    winner_image: Image | None
    loser: Version
    loser_image: Image | None
    seen_at: int
