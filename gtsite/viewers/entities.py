"""Who is watching, and what is kept of those who signed up."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One viewer. The id is the partition of everything that is theirs.

    An anonymous viewer has no name. `since_ms` is how old the session counts as: one that is
    older than the viewer's last "sign out everywhere" is over. `fresh` says that the id was made
    by this very request, so that nothing can be stored for it.
    """

    id: str
    name: str = ""
    since_ms: int = 0
    fresh: bool = False

    @property
    def signed_in(self) -> bool:
        return bool(self.name)

    @property
    def key(self) -> str:
        return viewer_key(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A viewer who signed up. `password` is a salted hash, never the password.

    `changed_at_ms` is when that hash was chosen: at sign-up, or by the last change of password.
    """

    name_key: str
    viewer_id: str
    display_name: str
    password: str
    created_at_ms: int
    changed_at_ms: int


def viewer_key(viewer_id: str) -> str:
    """Tells viewers of one browser apart in its storage, without giving the id to scripts."""
    return hashlib.blake2b(viewer_id.encode(), digest_size=6).hexdigest()
