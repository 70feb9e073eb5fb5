"""Settings that one replica has for itself: what may be asked, how it is done, when it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

from gtsite.sandbox.control_plane.rules import Action
from gtsite.sandbox.wire import malformed, validation

READS, MOST_READS = "ProvisionedThroughputOverride", "OnDemandThroughputOverride"
TABLE_CLASS, INDEXES = "TableClassOverride", "GlobalSecondaryIndexes"
OVERRIDABLE: Mapping[str, type] = {
    READS: dict,
    MOST_READS: dict,
    TABLE_CLASS: str,
    INDEXES: list,
    "KMSMasterKeyId": str,
}
INDEX_PARTS: Mapping[str, type] = {"IndexName": str, READS: dict, MOST_READS: dict}
UNITS = {READS: "ReadCapacityUnits", MOST_READS: "MaxReadRequestUnits"}
CLASSES = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")

Overrides = dict[str, Any]


def overrides_of(action: Action) -> Overrides:
    """What a Create or Update says of one region only; `ApiError` where it makes no sense."""
    wanted = {name: action.body[name] for name in OVERRIDABLE if action.body.get(name)}
    _check_types(wanted, OVERRIDABLE)
    if wanted.get(TABLE_CLASS, CLASSES[0]) not in CLASSES:
        raise validation(
            f"1 validation error detected: Value '{wanted[TABLE_CLASS]}' at 'tableClassOverride' "
            "failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(CLASSES)}]"
        )
    _check_units(wanted)
    for index in wanted.get(INDEXES, []):
        if not isinstance(index, dict) or "IndexName" not in index:
            raise malformed()
        _check_types(index, INDEX_PARTS)
        _check_units(index)
    return wanted


def _check_types(part: Mapping[str, Any], types: Mapping[str, type]) -> None:
    if not all(isinstance(part[name], kind) for name, kind in types.items() if name in part):
        raise malformed()


def _check_units(part: Mapping[str, Any]) -> None:
    """Units are 1 or more; a limit of -1 is none."""
    for override, name in UNITS.items():
        units = part.get(override, {name: 1}).get(name)
        if not isinstance(units, int) or isinstance(units, bool):
            raise malformed("number")
        if units < 1 and (override, units) != (MOST_READS, -1):
            raise validation(
                f"1 validation error detected: Value '{units}' at '{name[0].lower()}{name[1:]}' "
                "failed to satisfy constraint: Member must have value greater than or equal to 1"
            )


def merged(known: Overrides, wanted: Overrides) -> Overrides:
    """A replica's overrides after some were given; those of other indexes stay."""
    indexes = {each["IndexName"]: each for each in known.get(INDEXES, [])}
    for each in wanted.get(INDEXES, []):
        indexes[each["IndexName"]] = {**indexes.get(each["IndexName"], {}), **each}
    return _with_indexes({**known, **wanted}, list(indexes.values()))


def override_update(overrides: Overrides, description: Mapping[str, Any]) -> dict[str, Any]:
    """The UpdateTable that gives the table described these overrides; {} if it needs none."""
    update: dict[str, Any] = {}
    if reads := overrides.get(READS):
        update["ProvisionedThroughput"] = _capacity(description, reads)
    if most := overrides.get(MOST_READS):
        update["OnDemandThroughput"] = {"MaxReadRequestUnits": most["MaxReadRequestUnits"]}
    if table_class := overrides.get(TABLE_CLASS):
        update["TableClass"] = table_class
    indexes = {each["IndexName"]: each for each in description.get(INDEXES, [])}
    for override in overrides.get(INDEXES, []):
        if override["IndexName"] not in indexes:
            raise validation(
                f"The table does not have the specified index: {override['IndexName']}"
            )
    changes = [
        _index_update(indexes[override["IndexName"]], override[READS])
        for override in overrides.get(INDEXES, [])
        if READS in override
    ]
    if changes:
        update["GlobalSecondaryIndexUpdates"] = changes
    return update


def _index_update(index: Mapping[str, Any], reads: Mapping[str, Any]) -> dict[str, Any]:
    capacity = _capacity(index, reads)
    return {"Update": {"IndexName": index["IndexName"], "ProvisionedThroughput": capacity}}


def _capacity(described: Mapping[str, Any], reads: Mapping[str, Any]) -> dict[str, Any]:
    writes = described.get("ProvisionedThroughput", {}).get("WriteCapacityUnits", 0)
    if not writes:
        raise validation(
            "One or more parameter values were invalid: ProvisionedThroughputOverride is for "
            "tables with BillingMode PROVISIONED"
        )
    return {"ReadCapacityUnits": reads["ReadCapacityUnits"], "WriteCapacityUnits": writes}


# What becomes of them when a setting is changed for all regions


def left_after(
    overrides: Overrides, shared: Mapping[str, Any], before: Mapping[str, Any]
) -> Overrides:
    """The overrides that go on after a change to the table that was described before it."""
    ended = _ended(shared, before)
    left = {name: part for name, part in overrides.items() if name not in ended}
    return _with_indexes(left, _indexes_left(left.get(INDEXES, []), shared, before))


def _ended(shared: Mapping[str, Any], before: Mapping[str, Any]) -> Sequence[str]:
    ended = []
    if _is_on_demand(shared) or _reads(shared) not in (None, _reads(before)):
        ended.append(READS)
    if "MaxReadRequestUnits" in shared.get("OnDemandThroughput", {}):
        ended.append(MOST_READS)
    if "TableClass" in shared:
        ended.append(TABLE_CLASS)
    return ended


def _indexes_left(
    overrides: Sequence[Overrides], shared: Mapping[str, Any], before: Mapping[str, Any]
) -> list[Overrides]:
    updates = shared.get("GlobalSecondaryIndexUpdates", [])
    deleted = {each["Delete"]["IndexName"] for each in updates if each.get("Delete")}
    given = {
        each["Update"]["IndexName"]: _reads(each["Update"]) for each in updates if "Update" in each
    }
    known = {each["IndexName"]: _reads(each) for each in before.get(INDEXES, [])}
    left = []
    for override in overrides:
        name = override["IndexName"]
        own = override.get(READS, {}).get("ReadCapacityUnits")
        if _is_on_demand(shared) or given.get(name) not in (None, known.get(name), own):
            override = {part: value for part, value in override.items() if part != READS}
        if name not in deleted and set(override) != {"IndexName"}:
            left.append(override)
    return left


def _is_on_demand(shared: Mapping[str, Any]) -> bool:
    return shared.get("BillingMode") == "PAY_PER_REQUEST"


def _reads(part: Mapping[str, Any]) -> Any:
    """The read capacity of a table, an index or a change of either; None where it is not said."""
    return part.get("ProvisionedThroughput", {}).get("ReadCapacityUnits")


def _with_indexes(overrides: Overrides, indexes: list[Overrides]) -> Overrides:
    rest = {name: part for name, part in overrides.items() if name != INDEXES}
    return rest | ({INDEXES: indexes} if indexes else {})


def with_overrides(
    shared: Mapping[str, Any], overrides: Mapping[str, Any], table: str
) -> dict[str, Any]:
    """The UpdateTable that makes a replica follow its peers, but for what it has for itself."""
    update = {"TableName": table, **shared}
    own = overrides.get(READS)
    if own and "ProvisionedThroughput" in update:
        update["ProvisionedThroughput"] = {**update["ProvisionedThroughput"], **own}
    return update
