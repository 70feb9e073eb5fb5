"""What a player may say about where it is."""

import pytest

from bookmarks.forms import PositionForm

GOOD = {"position": "754", "duration": "888", "sent_at": "1700000000000"}


def form(changes: dict[str, str], *, runtime_seconds: int | None = 888) -> PositionForm:
    return PositionForm(GOOD | changes, runtime_seconds=runtime_seconds)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"position": "0"},
        {"position": "754.25"},
        {"position": "888"},
        {"duration": "890.5", "position": "890.5"},
        {"sent_at": "0"},
    ],
)
def test_a_position_inside_the_programme_is_taken(changes: dict[str, str]) -> None:
    assert form(changes).is_valid()


def test_a_title_of_unknown_length_takes_any_position_of_a_day() -> None:
    assert form({"position": "86400", "duration": "86400"}, runtime_seconds=None).is_valid()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("position", "-1"),
        ("position", "-0.5"),
        ("position", "nan"),
        ("position", "NaN"),
        ("position", "inf"),
        ("position", "1e999"),
        ("position", "1e300"),
        ("position", "86401"),
        ("position", "889"),
        ("position", ""),
        ("position", "twelve"),
        ("position", "0x10"),
        ("duration", "0"),
        ("duration", "-5"),
        ("duration", "nan"),
        ("duration", "86401"),
        ("duration", ""),
        ("sent_at", "-1"),
        ("sent_at", "nan"),
        ("sent_at", "1.5"),
        ("sent_at", "9" * 30),
        ("sent_at", ""),
    ],
)
def test_what_is_no_position_is_refused_by_field(field: str, value: str) -> None:
    refused = form({field: value})
    assert not refused.is_valid()
    assert field in refused.errors


def test_a_position_far_beyond_the_known_end_is_refused() -> None:
    assert not form({"position": "5000", "duration": "6000"}).is_valid()
    assert form({"position": "1030", "duration": "6000"}).is_valid()
