"""Turning what a form changed, by as few calls to the sandbox as that takes."""

from collections.abc import Collection, Mapping
from typing import Any

from gtsite.sandbox.client import SandboxClient, Status

CALLERS = {"error_percent", "error_status", "executed_percent", "slow_ms"}


def turn_region(
    control: SandboxClient, region: str, values: Mapping[str, Any], changed: Collection[str]
) -> Status:
    """Turns what was changed of a region, and nothing else; raises what the client raises.

    A fault that ends takes errors and delay with it unless they are said again, so then they are.
    """
    status = None
    if "fault" in changed or CALLERS & set(changed):
        told = CALLERS if "fault" in changed else CALLERS & set(changed)
        status = control.set_fault(
            region,
            fault=values["fault"] if "fault" in changed else None,
            **{_name(each): _value(each, values) for each in told},
        )
    if "paused" in changed:
        status = control.pause(region) if values["paused"] else control.resume(region)
    if "skew_ms" in changed:
        status = control.skew(region, values["skew_ms"])
    return status or control.status()


def turn_way(
    control: SandboxClient,
    source: str,
    target: str,
    values: Mapping[str, Any],
    changed: Collection[str],
) -> Status:
    """Turns what was changed of one way; raises what the client raises."""
    status = None
    if {"lag_ms", "jitter_ms"} & set(changed):
        status = control.set_lag(
            lag_ms=values["lag_ms"], jitter_ms=values["jitter_ms"], source=source, target=target
        )
    if "paused" in changed:
        turn = control.pause_way if values["paused"] else control.resume_way
        status = turn(source, target)
    return status or control.status()


def _name(field: str) -> str:
    return field.replace("percent", "rate")


def _value(field: str, values: Mapping[str, Any]) -> Any:
    if field.endswith("percent"):
        return values[field] / 100
    return int(values[field])
