"""What a name may be, and which names are one."""

import pytest
from django.core.exceptions import ValidationError

from gtsite.viewers.names import MAX_KEY_LENGTH, check_name, name_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "aDA"),
        ("Straße", "STRASSE"),
        ("Ａｄａ", "ada"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\ufb01lm", "film"),
        (" ada ", "ada"),
        ("\u1e9e\u0345", "\u1e9e\u0345".casefold()),
    ],
)
def test_names_that_look_the_same_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("ada", "ad"), ("ada", "ada 2"), ("ada", "аda")])
def test_other_names_are_others(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_folding_again_changes_nothing() -> None:
    every = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    assert [each for each in every if name_key(name_key(each)) != name_key(each)] == []


@pytest.mark.parametrize(
    "name",
    ["Ada", "Ada Lovelace", "x" * 40, "Åsa", "李小龍", "a#b", "<b>", "ada@home", "no1"],
)
def test_letters_digits_and_signs_of_any_script_will_do(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ad", "3 to 40 characters"),
        ("x" * 41, "3 to 40 characters"),
        ("\u0132", "3 to 40 characters"),
        ("\ufdfa" * 40, "3 to 40 characters"),
        ("ada\u200b", "plain spaces only"),
        ("ada\u00a0l", "plain spaces only"),
        ("a\u3164da", "plain spaces only"),
        ("a\u2800da", "plain spaces only"),
        ("ada\ufe0f", "plain spaces only"),
        ("ad\ta", "plain spaces only"),
        ("ada\u202e", "plain spaces only"),
        ("ada\U0010fffd", "plain spaces only"),
        ("ada  l", "one space"),
    ],
)
def test_what_cannot_be_told_apart_by_looking_will_not_do(name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        check_name(name)


def test_a_key_always_fits_into_the_table() -> None:
    assert len(name_key("\ufdfa" * 256)) == MAX_KEY_LENGTH
    assert MAX_KEY_LENGTH * len("\U00010000".encode()) < 2000
