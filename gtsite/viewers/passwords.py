"""Passwords: what one may be, and how one is kept and tried.

The hashing is Django's (scrypt, by `PASSWORD_HASHERS`), which needs no ORM. Trying a password
costs one hash, whether there is anything to compare it with or not.
"""

from collections.abc import Callable
from difflib import SequenceMatcher

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from gtsite.viewers.names import name_key

MAX_LENGTH = 256
"""Longer ones are refused unread: hashing has to cost the same for everybody."""
TOO_SIMILAR = 0.7


class UnlikeNameValidator:
    """A password must not be much like the name it is for; Django's own needs the ORM for that."""

    @sensitive_variables("password")
    def validate(self, password: str, name: str | None = None) -> None:
        if name and _is_similar(name_key(password), name_key(name)):
            raise ValidationError("The password is too similar to the name.", code="similar")

    def get_help_text(self) -> str:
        return "Your password can’t be too similar to your name."


@sensitive_variables("password")
def check_strength(password: str, *, name: str) -> None:
    """Raises `ValidationError` with a sentence for everything that is wrong with it."""
    validate_password(password, name)  # type: ignore[arg-type]


@sensitive_variables()
def hash_of(password: str) -> str:
    """Salted: no two are alike."""
    return make_password(password)


@sensitive_variables()
def matches(
    password: str, hashed: str | None, *, upgrade: Callable[[str], None] | None = None
) -> bool:
    """Whether it is the one that was hashed; against nothing, the same work and False.

    `upgrade` is given the password when it is right and its hash was made with less effort than
    hashes are made with now.
    """
    if hashed is None:
        make_password(password)
        return False
    return check_password(password, hashed, setter=upgrade)


@sensitive_variables("password")
def _is_similar(password: str, name: str) -> bool:
    if name in password and len(name) >= len(password) / 2:
        return True
    return SequenceMatcher(a=password, b=name).ratio() >= TOO_SIMILAR
