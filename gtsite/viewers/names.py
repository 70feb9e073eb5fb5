"""What a name to sign in with may be, and when two of them are one."""

import re
import unicodedata

from django.core.exceptions import ValidationError

MIN_LENGTH, MAX_LENGTH = 3, 40
MAX_KEY_LENGTH = 200
"""Some single characters stand for eighteen; a partition key holds 2048 bytes at most."""
LETTERS_AND_SIGNS = frozenset("LMNPS")
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks by their category, and nothing, or a space, to look at."""


def name_key(name: str) -> str:
    """The same for names that differ in case, width or composition only; never too long for a key.

    Letters of different scripts that look alike stay different: nobody sees another's name here.
    """
    return _folded(name)[:MAX_KEY_LENGTH]


def check_name(name: str) -> None:
    """Raises `ValidationError` with one sentence if nobody can sign up under this name.

    Letters, digits, punctuation and signs of any script, and plain spaces between them.
    """
    if not all(_is_allowed(each) for each in name):
        raise ValidationError("Use letters, digits and signs, and plain spaces only.", code="sign")
    if "  " in name:
        raise ValidationError("Put one space between words, not several.", code="spaces")
    if not MIN_LENGTH <= len(name) <= MAX_LENGTH or not _is_key(_folded(name)):
        raise ValidationError(f"A name has {MIN_LENGTH} to {MAX_LENGTH} characters.", code="length")


def _folded(name: str) -> str:
    """Folded twice, as Unicode has it: either step can undo the other once."""
    once = unicodedata.normalize("NFKC", name.strip()).casefold()
    return unicodedata.normalize("NFKC", once).casefold().strip()


def _is_allowed(character: str) -> bool:
    if character == " ":
        return True
    return unicodedata.category(character)[0] in LETTERS_AND_SIGNS and not INVISIBLE.match(
        character
    )


def _is_key(folded: str) -> bool:
    """Some signs fold into a space and an accent: then they are no better than a space."""
    return MIN_LENGTH <= len(folded) <= MAX_KEY_LENGTH and "  " not in folded
