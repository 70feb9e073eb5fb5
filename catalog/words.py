"""Words of a text: without accents for comparing, and marked where a search met them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

ARTICLE = re.compile(r"^(the|an|a)\s+", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 12
SNIPPET_LENGTH = 140
BEFORE_THE_MATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a text; `marked` where it is what was searched for."""

    text: str
    marked: bool = False


def plain(text: str) -> str:
    """Without accents and case, for whole words only: ﬁ becomes fi, É becomes e."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def words_of(text: str) -> tuple[str, ...]:
    """The words to search for, plain, each once; a dozen at most."""
    return tuple(dict.fromkeys(WORD.findall(plain(text))))[:MOST_WORDS]


def sort_title(title: str) -> str:
    """For an alphabet: no accents, no case, no article in front."""
    return ARTICLE.sub("", plain(title))


def marked(text: str, words: Sequence[str]) -> tuple[Part, ...]:
    """The whole text in order, each beginning of a word that is one of `words` marked."""
    text = unicodedata.normalize("NFC", text)
    parts: list[Part] = []
    end = 0
    for start, stop in _matches(text, words):
        if start > end:
            parts.append(Part(text=text[end:start]))
        parts.append(Part(text=text[start:stop], marked=True))
        end = stop
    return (*parts, Part(text=text[end:])) if end < len(text) else tuple(parts)


def snippet(text: str, words: Sequence[str]) -> tuple[Part, ...]:
    """About `SNIPPET_LENGTH` characters around the first match, marked; nothing without one."""
    text = unicodedata.normalize("NFC", text)
    first = next(_matches(text, words), None)
    if first is None:
        return ()
    start = _between_words(text, max(0, first[0] - BEFORE_THE_MATCH))
    stop = _between_words(text, min(len(text), start + SNIPPET_LENGTH))
    before = "… " if start else ""
    after = " …" if stop < len(text) else ""
    return marked(f"{before}{text[start:stop].strip()}{after}", words)


def covers(text: str, words: Iterable[str]) -> bool:
    """Whether every word begins a word of the text."""
    of_text = WORD.findall(plain(text))
    return all(any(each.startswith(word) for each in of_text) for word in words)


def _matches(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the beginnings of words are, the longest that fits."""
    for found in WORD.finditer(text):
        folded = plain(found[0])
        lengths = [len(word) for word in words if folded.startswith(word)]
        if lengths:
            yield found.start(), found.start() + _written(found[0], max(lengths))


def _written(word: str, length: int) -> int:
    """How many letters of a word as it is written make `length` plain ones."""
    if word.isascii():
        return length
    for count in range(1, len(word)):
        if len(plain(word[:count])) >= length:
            return count
    return len(word)


def _between_words(text: str, place: int) -> int:
    """The beginning of the word around a place; the end of the text is one, too."""
    if place in (0, len(text)):
        return place
    return text.rfind(" ", 0, place) + 1
