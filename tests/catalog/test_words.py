"""Words that are compared without accents, and marked as they are written."""

import pytest

from catalog.words import MOST_WORDS, Part, covers, marked, plain, snippet, sort_title, words_of


def written(parts: tuple[Part, ...]) -> str:
    """Marks as brackets."""
    return "".join(f"[{part.text}]" if part.marked else part.text for part in parts)


@pytest.mark.parametrize(
    ("title", "sorted_as"),
    [("The General", "general"), ("Élan", "elan"), ("A Trip", "trip"), ("Another", "another")],
)
def test_titles_are_sorted_without_accents_and_articles(title: str, sorted_as: str) -> None:
    assert sort_title(title) == sorted_as


def test_words_are_plain_and_each_comes_once() -> None:
    assert words_of("  Méliès, MÉLIÈS & ﬁlm_noir!") == ("melies", "film", "noir")
    assert words_of("?!") == ()
    assert len(words_of(" ".join(map(str, range(50))))) == MOST_WORDS


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("Big Buck Bunny", ("bun",), "Big Buck [Bun]ny"),
        ("Le Voyage", ("voyage", "le"), "[Le] [Voyage]"),
        ("Georges Méliès", ("melie",), "Georges [Méliè]s"),
        ("Georges Me\u0301lie\u0300s", ("melie",), "Georges [Méliè]s"),
        ("Straße", ("strass",), "[Straß]e"),
        ("ﬁlm", ("f",), "[ﬁ]lm"),
        ("Moonlight moo", ("moo", "moon"), "[Moon]light [moo]"),
        ("ballroom", ("room",), "ballroom"),
        ("", ("a",), ""),
        ("<b>bold</b>", ("bold",), "<b>[bold]</b>"),
    ],
)
def test_the_beginnings_of_words_are_marked_as_they_are_written(
    text: str, words: tuple[str, ...], shown: str
) -> None:
    assert written(marked(text, words)) == shown


def test_a_snippet_is_around_the_first_match_and_says_where_it_was_cut() -> None:
    text = "word " * 60 + "a dragon " + "more " * 60
    shown = written(snippet(text, ("dragon",)))
    assert "[dragon]" in shown
    assert shown.startswith("… word")
    assert shown.endswith("more …")
    assert len(shown) < 200


def test_a_short_text_is_its_own_snippet_and_none_is_made_without_a_match() -> None:
    assert written(snippet("A lone dragon.", ("dra",))) == "A lone [dra]gon."
    assert snippet("A lone dragon.", ("cat",)) == ()


def test_a_text_covers_words_that_all_begin_one_of_its_own() -> None:
    assert covers("Le Voyage dans la Lune", ("voy", "lune"))
    assert not covers("Le Voyage dans la Lune", ("voy", "sun"))
    assert plain("ÉCOLE") == "ecole"
