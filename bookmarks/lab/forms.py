"""What a visitor may send to the lab, bounded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django import forms

from bookmarks.lab import state
from bookmarks.lab.entities import STEP_LIMIT, Panel

BOUNDS = f"The step is a whole number from 1 to {STEP_LIMIT}."


class StepForm(forms.Form):
    """The step of one panel; its field is named `<region>-step`."""

    step = forms.IntegerField(
        min_value=1,
        max_value=STEP_LIMIT,
        error_messages={
            "required": BOUNDS,
            "invalid": BOUNDS,
            "min_value": BOUNDS,
            "max_value": BOUNDS,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came with a request: each panel's memory, its step as typed, and what is wrong with it.

    Every configured region has a panel and a step; a memory that cannot be read is an empty one.
    """

    panels: dict[str, Panel]
    steps: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)


def read_sent(data: Mapping[str, str], regions: Iterable[str]) -> Sent:
    """Reads the hidden fields; steps are taken as typed and checked by `read_step`."""
    names = tuple(regions)
    return Sent(
        panels={name: state.decode(data.get(f"{name}-state", "")) for name in names},
        steps={name: data.get(f"{name}-step", "1")[:8] for name in names},
    )


def read_step(data: Mapping[str, str], region: str) -> tuple[int, str]:
    """The step and an empty text, or 0 and what is wrong with it."""
    form = StepForm(data, prefix=region)
    if form.is_valid():
        return form.cleaned_data["step"], ""
    return 0, str(form.errors["step"][0])
