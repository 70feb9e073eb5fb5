"""What a visitor may ask of an experiment: every field bounded, and every refusal one sentence."""

import secrets
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from bookmarks.lab.experiments.entities import Plan
from bookmarks.lab.panels import place_of
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import (
    CountersPlan,
    LagPlan,
    RacePlan,
    RaceWrite,
    StalePlan,
    Way,
)

PARTITION = "lab#"
ATTRIBUTE = "value"
BEFORE = 0
VALUES = (111, 222, 333, 444, 555, 666)
"""What the first region writes, the second, and so on."""

PATIENCE_MS = 30_000.0
MOST_PROBES = 50
MOST_ITEMS = 40
MOST_INCREMENTS = 200
LONGEST_GAP_MS = 5_000
LONGEST_WRITING_MS = 20_000
"""What the gaps of a run of conflicts come to: it has a minute for all it does."""

FEWEST_REGIONS, MOST_REGIONS = 2, 6
EVERY = "every"


def region_choices() -> list[tuple[str, str]]:
    return [(name, f"{place_of(name)} · {name}") for name in settings.GT_REGIONS]


def place_choices() -> list[tuple[str, str]]:
    return [(name, place_of(name)) for name in settings.GT_REGIONS]


def sources() -> list[tuple[str, str]]:
    return [*region_choices(), (EVERY, "Every region")]


def targets() -> list[tuple[str, str]]:
    return [(EVERY, "Every other region"), *region_choices()]


class Slider(forms.NumberInput):
    """A number with a slider beside it where there is a script; `step` is the slider's own."""

    def __init__(self, *, unit: str = "", step: int = 1) -> None:
        super().__init__(attrs={"inputmode": "numeric", "autocomplete": "off"})
        self.unit = unit
        self.step = step


class BoundedField(forms.IntegerField):
    """A whole number between two bounds; whatever is wrong with it, the bounds are told."""

    def __init__(self, low: int, high: int, *, label: str, widget: Slider, **options: Any) -> None:
        said = f"Write a whole number from {low:,} to {high:,}."
        super().__init__(
            min_value=low,
            max_value=high,
            label=label,
            widget=widget,
            error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), said),
            **options,
        )


class RegionField(forms.ChoiceField):
    """One of the site's regions."""

    def __init__(self, *, label: str, choices: Any = region_choices, **options: Any) -> None:
        said = "Choose one of these regions."
        super().__init__(
            choices=choices,
            label=label,
            error_messages={"required": said, "invalid_choice": said},
            **options,
        )


class RegionsField(forms.MultipleChoiceField):
    """Two to six of the site's regions, in its own order."""

    def __init__(self, *, label: str) -> None:
        said = "Choose two regions or more."
        super().__init__(
            choices=place_choices,
            label=label,
            widget=forms.CheckboxSelectMultiple,
            error_messages=dict.fromkeys(("required", "invalid_choice", "invalid_list"), said),
        )

    def clean(self, value: Any) -> list[str]:
        chosen = set(super().clean(value))
        names = [name for name in settings.GT_REGIONS if name in chosen]
        if len(names) < FEWEST_REGIONS:
            raise ValidationError(self.error_messages["required"])
        if len(names) > MOST_REGIONS:
            raise ValidationError(f"Choose {MOST_REGIONS} regions at most.")
        return names


class ExperimentForm(forms.Form):
    """A form that becomes a plan.

    What a page is first shown with may come from its address: what fits a field is taken over.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        asked: Mapping[str, str] | None = None,
    ) -> None:
        names = list(settings.GT_REGIONS)
        initial = self.first_shown(names) if len(names) >= FEWEST_REGIONS else {}
        super().__init__(data, initial=initial)
        for name in self.fields.keys() & (asked or {}).keys():
            self.initial[name] = self._fitting(name, (asked or {})[name])

    @staticmethod
    def first_shown(names: list[str]) -> dict[str, Any]:
        """What the fields hold at first, by the site's regions."""
        raise NotImplementedError

    def plan(self) -> Plan:
        """Of a valid form; its items get a partition that nothing else has."""
        raise NotImplementedError

    def _fitting(self, name: str, text: str) -> Any:
        field = self.fields[name]
        if isinstance(field, forms.MultipleChoiceField):
            return self.initial.get(name)
        try:
            return field.clean(text)
        except ValidationError:
            return self.initial.get(name, field.initial)


def new_keys(count: int) -> tuple[Key, ...]:
    partition = PARTITION + secrets.token_hex(6)
    return tuple((partition, f"item-{number:02}") for number in range(1, count + 1))


class LagForm(ExperimentForm):
    source = RegionField(label="Write in", choices=sources)
    target = RegionField(label="Look in", choices=targets)
    probes = BoundedField(1, MOST_PROBES, label="Probes", widget=Slider(unit="items"), initial=20)

    @staticmethod
    def first_shown(names: list[str]) -> dict[str, Any]:
        return {"source": names[0], "target": EVERY}

    def clean(self) -> None:
        if self.cleaned_data.get("target") == self.cleaned_data.get("source") != EVERY:
            self.add_error("target", "Choose another region than the one written in.")

    def plan(self) -> LagPlan:
        source, target = self.cleaned_data["source"], self.cleaned_data["target"]
        names = settings.GT_REGIONS
        ways = tuple(
            Way(source=one, target=other)
            for one in (names if source == EVERY else [source])
            for other in (names if target == EVERY else [target])
            if one != other
        )
        return LagPlan(ways=ways, probes=self.cleaned_data["probes"], patience_ms=PATIENCE_MS)


class StaleForm(ExperimentForm):
    write = RegionField(label="Write in")
    read = RegionField(label="Read in")
    items = BoundedField(1, MOST_ITEMS, label="Items", widget=Slider(unit="items"), initial=10)

    @staticmethod
    def first_shown(names: list[str]) -> dict[str, Any]:
        return {"write": names[0], "read": names[1]}

    def clean(self) -> None:
        if self.cleaned_data.get("write") == self.cleaned_data.get("read", EVERY):
            self.add_error("read", "Choose another region than the one written in.")

    def plan(self) -> StalePlan:
        return StalePlan(
            keys=new_keys(self.cleaned_data["items"]),
            attribute=ATTRIBUTE,
            value=VALUES[0],
            write=self.cleaned_data["write"],
            read=self.cleaned_data["read"],
            patience_ms=PATIENCE_MS,
        )


class RaceForm(ExperimentForm):
    first = RegionField(label="Writes first")
    second = RegionField(label="Writes second")
    gap_ms = BoundedField(
        0,
        LONGEST_GAP_MS,
        label="Gap between the writes",
        widget=Slider(unit="ms", step=50),
        initial=300,
    )
    simultaneous = forms.BooleanField(
        label="Both at once", required=False, help_text="Then the gap does not count."
    )

    @staticmethod
    def first_shown(names: list[str]) -> dict[str, Any]:
        return {"first": names[0], "second": names[1]}

    def clean(self) -> None:
        if self.cleaned_data.get("first") == self.cleaned_data.get("second", EVERY):
            self.add_error("second", "Choose another region than the first.")

    def plan(self) -> RacePlan:
        names = (self.cleaned_data["first"], self.cleaned_data["second"])
        simultaneous = self.cleaned_data["simultaneous"]
        return RacePlan(
            keys=new_keys(1),
            attribute=ATTRIBUTE,
            writes=_writes(names),
            watch=tuple(settings.GT_REGIONS),
            gap_ms=0.0 if simultaneous else float(self.cleaned_data["gap_ms"]),
            simultaneous=simultaneous,
            patience_ms=PATIENCE_MS,
        )


class ConflictsForm(ExperimentForm):
    regions = RegionsField(label="Regions that write")
    items = BoundedField(1, MOST_ITEMS, label="Items", widget=Slider(unit="items"), initial=20)
    gap_ms = BoundedField(
        0,
        LONGEST_GAP_MS,
        label="Gap from region to region",
        widget=Slider(unit="ms", step=50),
        initial=0,
    )

    @staticmethod
    def first_shown(names: list[str]) -> dict[str, Any]:
        return {"regions": names[:MOST_REGIONS]}

    def clean(self) -> None:
        gaps = self.cleaned_data.get("items", 0) * (len(self.cleaned_data.get("regions", ())) - 1)
        if gaps * self.cleaned_data.get("gap_ms", 0) > LONGEST_WRITING_MS:
            self.add_error(
                "gap_ms", f"Write {LONGEST_WRITING_MS // gaps:,} at most with so many items."
            )

    def plan(self) -> RacePlan:
        return RacePlan(
            keys=new_keys(self.cleaned_data["items"]),
            attribute=ATTRIBUTE,
            writes=_writes(self.cleaned_data["regions"]),
            watch=tuple(settings.GT_REGIONS),
            gap_ms=float(self.cleaned_data["gap_ms"]),
            simultaneous=True,
            patience_ms=PATIENCE_MS,
        )


class CountersForm(ExperimentForm):
    regions = RegionsField(label="Regions that count")
    increments = BoundedField(
        1, 50, label="Increments in each region", widget=Slider(unit="times +1"), initial=20
    )

    @staticmethod
    def first_shown(names: list[str]) -> dict[str, Any]:
        return {"regions": names[:MOST_REGIONS]}

    def clean(self) -> None:
        regions = len(self.cleaned_data.get("regions", ()))
        if regions * self.cleaned_data.get("increments", 0) > MOST_INCREMENTS:
            each = MOST_INCREMENTS // regions
            self.add_error("increments", f"Write {each} at most with {regions} regions.")

    def plan(self) -> CountersPlan:
        return CountersPlan(
            regions=tuple(self.cleaned_data["regions"]),
            increments=self.cleaned_data["increments"],
            patience_ms=PATIENCE_MS,
        )


def _writes(regions: tuple[str, ...] | list[str]) -> tuple[RaceWrite, ...]:
    return tuple(
        RaceWrite(region=name, value=value) for name, value in zip(regions, VALUES, strict=False)
    )
