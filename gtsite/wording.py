"""Numbers and names as pages and commands say them."""

from collections.abc import Sequence
from decimal import Decimal

NOTHING = "–"
"""Where there is no figure."""

LONGEST_MS = 10_000


def counted(count: int | Decimal, noun: str) -> str:
    """`1 row`, `1,234 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str], word: str = "and") -> str:
    """`Oregon`, `Oregon and Ireland`, `Oregon, Ireland and Ohio`; '' for none."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


def milliseconds(elapsed_ms: float | None) -> str:
    """`3.1 ms`, `412 ms`, `12.4 s`; a dash where nothing is known."""
    if elapsed_ms is None:
        return NOTHING
    if elapsed_ms >= LONGEST_MS:
        return f"{elapsed_ms / 1000:,.1f} s"
    return f"{elapsed_ms:.1f} ms" if elapsed_ms < 10 else f"{elapsed_ms:,.0f} ms"
