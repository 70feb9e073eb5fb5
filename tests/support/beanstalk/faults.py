"""What can happen to a request between a client and a service that is otherwise well."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """How a request fares."""

    REFUSED = "refused"  # answered with an error, nothing done
    HANGS = "hangs"  # nothing done, and no answer
    ANSWER_LOST = "answer lost"  # done, and the connection ends without an answer


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next `times` requests of a region; to any operation if none is named."""

    kind: Kind
    region: str
    operation: str = ""
    times: int = 1
    code: str = ""
    message: str = ""
    status: int = 400

    def takes(self, region: str, operation: str) -> bool:
        """Whether this request is one of them; then one fewer is left."""
        if region != self.region or self.operation not in ("", operation) or not self.times:
            return False
        self.times -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came in. `outcome` is '' or an error's code, or how the answer got lost."""

    region: str
    operation: str
    request: dict[str, Any]
    outcome: str = ""

    @property
    def changes(self) -> bool:
        """Whether it asks for something to be different afterwards."""
        return not self.operation.startswith(("Describe", "List", "Check", "Validate", "Retrieve"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One plain request to an environment's site, and the status it got."""

    host: str
    path: str
    status: int
