"""Asking a running sandbox's control plane, in the few words that tests need."""

from typing import Any

from tests.support.sandbox import RunningSandbox, error_of

VALIDATION = "ValidationException"
IN_USE = "ResourceInUseException"
NOT_FOUND = "ResourceNotFoundException"


def describe(sandbox: RunningSandbox, table: str, region: str) -> dict[str, Any]:
    found: Any = sandbox.client(region).describe_table(TableName=table)["Table"]
    return dict(found)


def update(sandbox: RunningSandbox, table: str, region: str, **more: Any) -> dict[str, Any]:
    found: Any = sandbox.client(region).update_table(TableName=table, **more)["TableDescription"]
    return dict(found)


def change(sandbox: RunningSandbox, table: str, region: str, *updates: Any) -> dict[str, Any]:
    """UpdateTable with these replica updates."""
    return update(sandbox, table, region, ReplicaUpdates=list(updates))


def refusal(
    sandbox: RunningSandbox, table: str, region: str, *updates: Any, **more: Any
) -> tuple[str, str]:
    """(code, message) of the error that these replica updates are answered with."""
    return error_of(lambda: update(sandbox, table, region, ReplicaUpdates=list(updates), **more))


def create(region: str, **overrides: Any) -> dict[str, Any]:
    return {"Create": {"RegionName": region, **overrides}}


def delete(region: str) -> dict[str, Any]:
    return {"Delete": {"RegionName": region}}


def replicas(description: dict[str, Any]) -> dict[str, str]:
    """Region → status of the replicas that a description lists, in its order."""
    return {each["RegionName"]: each["ReplicaStatus"] for each in description["Replicas"]}
