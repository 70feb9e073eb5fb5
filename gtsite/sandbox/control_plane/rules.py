"""What an UpdateTable that concerns replicas may say, and AWS's words for what it may not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.wire import DYNAMODB, REGIONS, ApiError, malformed, validation

Kind = Literal["Create", "Update", "Delete", "Disassociate"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DAY_US = 24 * 60 * 60 * 1_000_000
PARTS = {"TableName", "ReplicaUpdates", "GlobalTableWitnessUpdates", "MultiRegionConsistency"}
STRONG_REGIONS = frozenset((
    "us-east-1", "us-east-2", "us-west-2", "ca-central-1", "eu-west-1", "eu-west-2", "eu-west-3",
    "eu-central-1", "eu-north-1", "eu-south-2", "ap-northeast-1", "ap-northeast-2",
    "ap-northeast-3", "ap-south-1", "ap-southeast-1",
))  # fmt: skip
"""Where strong consistency is offered."""

STRONG = "for global tables with MultiRegionConsistency set to STRONG."
MANY = "Update table operation with more than one create or delete replica actions not allowed"
NOTHING = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
    "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, "
    "ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, "
    "OnDemandThroughput, WarmThroughput or TableClass is required"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to be done to one region; `body` is all that was said about it."""

    kind: Kind
    region: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRequest:
    """The replica part of an UpdateTable: actions of one kind, each region once."""

    actions: tuple[Action, ...]
    witness: Action | None
    consistency: str

    @property
    def kind(self) -> Kind:
        return self.actions[0].kind

    @property
    def regions(self) -> list[str]:
        return [action.region for action in self.actions]


def replica_request(body: Mapping[str, Any]) -> ReplicaRequest:
    """Read the request; `ApiError` for what is wrong with it whatever the table is like."""
    if set(body) - PARTS:
        raise validation(
            "Requests that modify replicas or witnesses must not also modify other fields"
        )
    actions = _distinct(_actions(body["ReplicaUpdates"], "replicaUpdates"))
    witness = _witness(body.get("GlobalTableWitnessUpdates"))
    if not actions:
        raise validation(
            "There are no actions specified in the Replica Update Action of the request."
        )
    if len({action.kind for action in actions}) > 1:
        raise validation(
            "Update table operation with more than one type of replica actions not allowed."
        )
    for action in (*actions, *([witness] if witness else [])):
        _check_region(action.region)
    request = ReplicaRequest(
        actions=tuple(actions),
        witness=witness,
        consistency=_consistency(body.get("MultiRegionConsistency")),
    )
    _check_parts(request)
    return request


def _actions(updates: Any, name: str) -> list[Action]:
    if not isinstance(updates, list):
        raise malformed("list")
    actions = []
    for update in updates:
        if not isinstance(update, dict):
            raise malformed()
        actions += [_action(kind, update[kind], name) for kind in KINDS if update.get(kind)]
    return actions


def _witness(updates: Any) -> Action | None:
    """The one thing to be done to the one witness there can be."""
    if updates is None:
        return None
    actions = _actions(updates, "globalTableWitnessUpdates")
    if len(updates) != 1 or len(actions) != 1 or actions[0].kind not in ("Create", "Delete"):
        raise validation("GlobalTableWitnessUpdates is one Create or one Delete of one witness.")
    return actions[0]


def _action(kind: Kind, body: Any, name: str) -> Action:
    region = body.get("RegionName") if isinstance(body, dict) else None
    if not isinstance(region, str):
        raise validation(
            f"1 validation error detected: Value null at '{name}.1.member.{kind.lower()}."
            "regionName' failed to satisfy constraint: Member must not be null"
        )
    return Action(kind=kind, region=region, body=body)


def _distinct(actions: Iterable[Action]) -> list[Action]:
    """The same action twice is one."""
    found: list[Action] = []
    found.extend(action for action in actions if action not in found)
    return found


def _check_region(region: str) -> None:
    if not region:
        raise ApiError(400, f"{DYNAMODB}#AccessDeniedException", "Access denied")
    if region not in REGIONS:
        raise validation(
            f"Region {region} is not supported. The latest version of global tables are only "
            f"supported in the following regions: [{', '.join(sorted(REGIONS))}]"
        )


def _consistency(value: Any) -> str:
    if value is not None and value not in ("EVENTUAL", "STRONG"):
        raise validation(
            f"1 validation error detected: Value '{value}' at 'multiRegionConsistency' failed to "
            "satisfy constraint: Member must satisfy enum value set: [EVENTUAL, STRONG]"
        )
    return str(value or "")


def _check_parts(request: ReplicaRequest) -> None:
    if request.consistency and request.kind != "Create":
        raise validation(
            "Only Replica Create actions are supported when MultiRegionConsistency parameter is "
            "provided."
        )
    if request.kind == "Disassociate" and (len(request.actions) > 1 or request.witness):
        raise validation("Disassociate must be the only replica update of a request.")
    if not request.witness:
        return
    if request.kind == "Create" and request.consistency != "STRONG":
        raise validation(
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter "
            "is present."
        )
    if request.witness.region in request.regions:
        raise validation("Cannot target multiple regions with the same action")


# What the table must be like


def check_own_region(request: ReplicaRequest, region: str) -> None:
    """Which actions may, or must, be about the region they are sent to."""
    if request.kind in ("Create", "Delete") and region in request.regions:
        raise validation(
            "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, "
            "DeleteTable, or UpdateTable as required."
        )
    if request.kind == "Disassociate" and request.regions != [region]:
        raise validation("Disassociate must name the region that the request is sent to.")


def check_members(request: ReplicaRequest, group: Sequence[Replica]) -> None:
    """Everything but a Create is about regions that are there."""
    members = {each.region for each in group if each.is_global}
    strangers = [region for region in request.regions if region not in members]
    witness = request.witness
    if witness and witness.kind == "Delete" and witness.region != group[0].witness:
        strangers.append(witness.region)
    if strangers:
        raise validation(
            "Update global table operation failed because one or more replicas were not part of "
            "the global table. Please retry the request without these replicas: "
            f"[{', '.join(strangers)}]."
        )


def check_strong_birth(request: ReplicaRequest, own: Replica) -> None:
    """Exactly three regions, all of them where strong consistency is offered."""
    if own.is_global:
        raise validation("MultiRegionConsistency parameter is unsupported on existing global table")
    extra = [request.witness.region] if request.witness else []
    if own.region in extra:
        raise validation(
            "Cannot add a witness in the same region as an existing replica when creating a "
            "global table with MultiRegionConsistency set to STRONG."
        )
    wrong_kind = request.witness is not None and request.witness.kind != "Create"
    if len(request.actions) + len(extra) != 2 or wrong_kind:
        raise validation(f"Unsupported replica count {STRONG}")
    wanted = (own.region, *request.regions, *extra)
    unsupported = [region for region in wanted if region not in STRONG_REGIONS]
    if unsupported:
        raise validation(
            "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to "
            f"STRONG: [{', '.join(unsupported)}]."
        )


def check_strong_end(request: ReplicaRequest, group: Sequence[Replica], own: Replica) -> None:
    """A strong group ends as a whole: every other replica, and its witness, in one request."""
    others = {each.region for each in group} - {own.region}
    if set(request.regions) != others:
        raise one_strong_replica()
    if own.witness and request.witness is None:
        raise validation("Update table delete operation does not include all witnesses.")


def one_strong_replica() -> ApiError:
    return validation(f"Deletion of only one table replica is not supported {STRONG}")


def check_not_source(region: str, group: Iterable[Replica], now: int) -> None:
    """A region that others were copied from stays for a day, or until those are gone.

    `group` is without the replicas that leave at the same time.
    """
    if any(each.source == region and each.created_at > now - DAY_US for each in group):
        raise validation(
            "Replica cannot be deleted because it has acted as a source region for new replica(s) "
            "being added to the table in the last 24 hours."
        )


def already_there(table: str) -> ApiError:
    return validation(
        f"Failed to create a the new replica of table with name: ‘{table}’ because one or more "
        "replicas already existed as tables."
    )


def protected(table: str, region: str) -> ApiError:
    return validation(
        f"Cannot delete table {table} in region {region} because it has deletion protection "
        "enabled. Disable deletion protection first."
    )


def not_scaling(what: str) -> ApiError:
    return validation(f"{what} write capacity should either be Pay-Per-Request or AutoScaled.")
