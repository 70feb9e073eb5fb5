"""What a visitor may turn on the faults page, bounded as the sandbox bounds it.

A form carries what was shown beside what was chosen, so that only what a visitor changed is turned:
a fault that somebody else set meanwhile stays.
"""

from typing import Any

from django import forms
from django.utils.safestring import SafeString

from gtsite.sandbox.client import PairStatus, RegionStatus

FAULTS = (
    ("none", "Up"),
    ("refuse", "Refuses"),
    ("blackhole", "Black hole"),
    ("reset", "Resets"),
)
ERRORS = (("500", "500"), ("503", "503"))
MOST_SLOW_MS = 60_000
MOST_LAG_MS = 600_000
MOST_SKEW_MS = 3_600_000


def _whole(label: str, unit: str, least: int, most: int) -> forms.IntegerField:
    sentence = f"{label}: write {unit} from {least:,} to {most:,}.".replace("-", "−")
    codes = ("required", "invalid", "min_value", "max_value")
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=most,
        error_messages=dict.fromkeys(codes, sentence),
        show_hidden_initial=True,
    )


def _choice(label: str, choices: tuple[tuple[str, str], ...]) -> forms.ChoiceField:
    sentence = f"{label}: choose {', '.join(name for _, name in choices)}."
    return forms.ChoiceField(
        label=label,
        choices=choices,
        error_messages={"required": sentence, "invalid_choice": sentence},
        show_hidden_initial=True,
    )


class _Remembering(forms.Form):
    """A form that carries along what it showed first."""

    @property
    def shown_first(self) -> SafeString:
        """The hidden fields, for all of its fields that have one."""
        fields = (self[name] for name in self.fields if self.fields[name].show_hidden_initial)
        return SafeString("".join(field.as_hidden(only_initial=True) for field in fields))


class RegionForm(_Remembering):
    """What callers of a region meet, and what its replication and its clock do."""

    fault = _choice("The region", FAULTS)
    error_percent = _whole("Calls that fail", "per cent", 0, 100)
    error_status = _choice("With the error", ERRORS)
    executed_percent = _whole("Carried out all the same", "per cent", 0, 100)
    slow_ms = _whole("Delay of every answer", "milliseconds", 0, MOST_SLOW_MS)
    skew_ms = _whole("Clock ahead", "milliseconds", -MOST_SKEW_MS, MOST_SKEW_MS)
    paused = forms.BooleanField(
        label="Replication paused, in and out", required=False, show_hidden_initial=True
    )


class LagForm(_Remembering):
    """The lag of every way at once."""

    lag_ms = _whole("Lag", "milliseconds", 0, MOST_LAG_MS)
    jitter_ms = _whole("Jitter", "milliseconds", 0, MOST_LAG_MS)


class WayForm(LagForm):
    """One direction of replication."""

    paused = forms.BooleanField(label="Paused", required=False, show_hidden_initial=True)


def region_values(seen: RegionStatus) -> dict[str, Any]:
    """A region as its form shows it."""
    return {
        "fault": seen.fault,
        "error_percent": round(seen.error_rate * 100),
        "error_status": str(seen.error_status),
        "executed_percent": round(seen.executed_rate * 100),
        "slow_ms": seen.slow_ms,
        "skew_ms": seen.skew_ms,
        "paused": seen.paused,
    }


def way_values(seen: PairStatus) -> dict[str, Any]:
    """A way as its form shows it."""
    return {"lag_ms": seen.lag_ms, "jitter_ms": seen.jitter_ms, "paused": seen.paused}
