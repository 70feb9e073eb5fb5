"""The TTL setting of a table: shared by a group of version 2019.11.21, each table's own in 2017.

It is kept in the ledger and never told to the engines, which would delete behind our back.
"""

from dataclasses import replace
from typing import Any

from gtsite.sandbox.control_plane.plane import Plane
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.wire import (
    Answer,
    ApiError,
    Call,
    answer,
    malformed,
    not_found,
    validation,
)

LONGEST_NAME = 255


class Lifetimes:
    """UpdateTimeToLive and DescribeTimeToLive."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ledger = plane.ledger

    def update(self, call: Call) -> Answer:
        specification = call.body.get("TimeToLiveSpecification")
        enabled, attribute = _wanted(specification)
        replica = self._known(call)
        if replica.consistency == "STRONG":
            raise validation(
                "Time to Live is not supported for global tables with MultiRegionConsistency set "
                "to STRONG."
            )
        if replica.ttl_attribute not in ("", attribute):
            raise validation(
                "TimeToLive is active on a different AttributeName: current AttributeName is "
                + replica.ttl_attribute
            )
        if enabled == bool(replica.ttl_attribute):
            raise validation(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
        now = self._plane.clock.read()
        with self._ledger.together():
            for each in self._sharing(replica):
                self._ledger.save_replica(
                    replace(each, ttl_attribute=attribute if enabled else "", ttl_changed_at=now)
                )
        return answer({"TimeToLiveSpecification": specification})

    def describe(self, call: Call) -> Answer:
        replica = self._known(call)
        pace_us = self._plane.pace_seconds * 1_000_000
        changing = self._plane.clock.read() < replica.ttl_changed_at + pace_us
        description: dict[str, Any] = {"TimeToLiveStatus": "DISABLING" if changing else "DISABLED"}
        if replica.ttl_attribute:
            description = {
                "TimeToLiveStatus": "ENABLING" if changing else "ENABLED",
                "AttributeName": replica.ttl_attribute,
            }
        return answer({"TimeToLiveDescription": description})

    def _sharing(self, replica: Replica) -> list[Replica]:
        if replica.version == "2017.11.29":
            return [replica]
        return self._ledger.group(replica.region, replica.table)

    def _known(self, call: Call) -> Replica:
        replica = self._ledger.replica(call.region, call.table)
        if replica is None or replica.status == "CREATING":
            raise not_found(f"Requested resource not found: Table: {call.table} not found")
        return replica


def _wanted(specification: Any) -> tuple[bool, str]:
    """Whether TTL is to be on, and by which attribute; `ApiError` where either is not said."""
    if specification is None:
        raise _missing("timeToLiveSpecification", "must not be null")
    if not isinstance(specification, dict):
        raise malformed()
    enabled, attribute = specification.get("Enabled"), specification.get("AttributeName")
    for name, value, kind in (("enabled", enabled, bool), ("attributeName", attribute, str)):
        if value is None:
            raise _missing(f"timeToLiveSpecification.{name}", "must not be null")
        if not isinstance(value, kind):
            raise malformed("boolean" if kind is bool else "string")
    if not 1 <= len(str(attribute)) <= LONGEST_NAME:
        wrong = "less than or equal to 255" if attribute else "greater than or equal to 1"
        raise _missing("timeToLiveSpecification.attributeName", f"must have length {wrong}")
    return bool(enabled), str(attribute)


def _missing(field: str, must: str) -> ApiError:
    return validation(
        f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
        f"Member {must}"
    )
