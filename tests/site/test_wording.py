"""Numbers and names, as they are said."""

from decimal import Decimal

import pytest

from gtsite.wording import counted, listed, milliseconds


@pytest.mark.parametrize(
    ("elapsed_ms", "said"),
    [
        (None, "–"),
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (10.4, "10 ms"),
        (1234, "1,234 ms"),
        (61_000, "61.0 s"),
    ],
)
def test_milliseconds_are_told_as_finely_as_they_matter(
    elapsed_ms: float | None, said: str
) -> None:
    assert milliseconds(elapsed_ms) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["Ohio"], "Ohio"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_names_are_listed(names: list[str], said: str) -> None:
    assert listed(names) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 rows"), (1, "1 row"), (1234, "1,234 rows"), (Decimal("2.5"), "2.5 rows")],
)
def test_what_is_counted_has_its_plural(count: int | Decimal, said: str) -> None:
    assert counted(count, "row") == said
