"""What every template may say about who is watching."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from gtsite.viewers.services import FORMER, known_viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownViewer:
    """`key` names the viewer to scripts, '' before there is one.

    `former_keys`, separated by spaces, are those of the anonymous viewer who signed in: what
    still waits in the browser under them is this viewer's now.
    """

    signed_in: bool = False
    name: str = ""
    key: str = ""
    former_keys: str = ""


def viewer(request: HttpRequest) -> dict[str, Any]:
    """The context processor. It never makes a viewer."""
    known = known_viewer(request)
    if known is None:
        return {"viewer": ShownViewer()}
    former: Sequence[str] = request.session.get(FORMER, ()) if known.signed_in else ()
    shown = ShownViewer(
        signed_in=known.signed_in,
        name=known.name,
        key=known.key,
        former_keys=" ".join(former),
    )
    return {"viewer": shown}
