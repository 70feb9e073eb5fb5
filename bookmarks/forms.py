"""What a player may say about where it is, and what viewers may choose."""

from typing import Any

from django import forms

DAY_SECONDS = 24 * 60 * 60
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: what is later is no moment."""
SLACK_SECONDS = 60
SLACK_SHARE = 0.1


class PositionForm(forms.Form):
    """Seconds from the beginning, the length in seconds, and when that was (ms since 1970).

    With a known `runtime_seconds` the position may pass it a little: encodings differ in length.
    """

    position = forms.FloatField(
        error_messages={
            "required": "Say the position in seconds.",
            "invalid": "The position is not a number of seconds.",
        }
    )
    duration = forms.FloatField(
        error_messages={
            "required": "Say the duration in seconds.",
            "invalid": "The duration is not a number of seconds.",
        }
    )
    sent_at = forms.IntegerField(
        min_value=0,
        max_value=LATEST_MS,
        error_messages={
            "required": "Say when that was, in milliseconds since 1970.",
            "invalid": "The moment is not a number of milliseconds.",
            "min_value": "The moment is before 1970.",
            "max_value": "The moment is too far ahead.",
        },
    )

    def __init__(self, data: Any, *, runtime_seconds: int | None) -> None:
        super().__init__(data)
        self._runtime_seconds = runtime_seconds

    def clean_position(self) -> float:
        position: float = self.cleaned_data["position"]
        if position < 0:
            raise forms.ValidationError("The position is before the beginning.")
        if position > DAY_SECONDS:
            raise forms.ValidationError("The position is beyond 24 hours.")
        runtime = self._runtime_seconds
        if runtime is not None and position > runtime * (1 + SLACK_SHARE) + SLACK_SECONDS:
            raise forms.ValidationError(f"The position is beyond the end: it runs {runtime} s.")
        return position

    def clean_duration(self) -> float:
        duration: float = self.cleaned_data["duration"]
        if not 0 < duration <= DAY_SECONDS:
            raise forms.ValidationError("The duration is not between 0 and 24 hours.")
        return duration

    def clean(self) -> None:
        position = self.cleaned_data.get("position")
        duration = self.cleaned_data.get("duration")
        if position is not None and duration is not None and position > duration:
            self.add_error("position", "The position is beyond the duration.")


class SwitchField(forms.TypedChoiceField):
    """`1` or `0`, always said in so many words: a form sent twice then does the same twice."""

    def __init__(self) -> None:
        super().__init__(
            choices=[("1", "yes"), ("0", "no")],
            coerce=lambda value: value == "1",
            error_messages={
                "required": "Say 1 or 0.",
                "invalid_choice": "Only 1 and 0 are understood.",
            },
        )


class ListForm(forms.Form):
    """Whether a title is to be on My List; `place` is where the viewer says so."""

    listed = SwitchField()
    place = forms.ChoiceField(
        required=False,
        choices=[("title", "title"), ("list", "list")],
        error_messages={"invalid_choice": "There is no such place."},
    )


class ContinueForm(forms.Form):
    """Whether a title is to be shown under Continue watching."""

    shown = SwitchField()


class WatchedForm(forms.Form):
    """Whether a programme is to count as watched."""

    watched = SwitchField()
