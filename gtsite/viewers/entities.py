"""Who is watching."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One viewer. The id is the partition of everything that is theirs."""

    id: str
