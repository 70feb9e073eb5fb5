"""Bars of text, for histograms in a terminal."""

from collections.abc import Sequence

from rich.table import Table

from gtsite.experiments.statistics import Bin
from gtsite.management.rendering import table

WIDTH = 40
EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"


def bar(count: int, most: int) -> str:
    """A bar as long as `count` is of `most`, to an eighth of a character."""
    eighths = round(8 * WIDTH * count / most) if most else 0
    if count and not eighths:
        eighths = 1
    return (FULL * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def histogram_table(title: str, unit: str, counted: str, bins: Sequence[Bin]) -> Table:
    """One line a bin: its bounds, how many values fell into it, and a bar."""
    numbers = (f"from {unit}", f"to {unit}", counted)
    made = table(title, *numbers, "", right=numbers)
    most = max((each.count for each in bins), default=0)
    for each in bins:
        made.add_row(_edge(each.low), _edge(each.high), f"{each.count:,}", bar(each.count, most))
    return made


def _edge(value: float) -> str:
    """With no more digits than a round number needs."""
    whole = float(value).is_integer()
    return f"{value:,.0f}" if whole else f"{value:,.3f}".rstrip("0")
