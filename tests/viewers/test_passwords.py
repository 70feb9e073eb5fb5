"""How passwords are kept and tried. Here with the site's own hasher, not the tests' fast one."""

import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.core.exceptions import ValidationError
from pytest_django import Settings

from gtsite.settings import base
from gtsite.viewers.passwords import check_strength, hash_of, matches

PASSWORD = "difference engine no. 2"


class LightScrypt(ScryptPasswordHasher):
    """The same with less work."""

    work_factor = 2**10


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time a password is hashed."""
    done: list[str] = []
    encode = ScryptPasswordHasher.encode

    def counted(self: ScryptPasswordHasher, *args: object, **options: object) -> str:
        done.append("encode")
        return encode(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ScryptPasswordHasher, "encode", counted)
    return done


@pytest.fixture
def scrypt(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS


@pytest.mark.usefixtures("scrypt")
def test_it_is_kept_as_a_salted_scrypt_hash() -> None:
    one, other = hash_of(PASSWORD), hash_of(PASSWORD)
    assert one.startswith("scrypt$16384$")
    assert one != other
    assert PASSWORD not in one
    assert matches(PASSWORD, one)
    assert not matches(PASSWORD + " ", one)


@pytest.mark.usefixtures("scrypt")
def test_trying_costs_one_hash_whether_there_is_anything_to_compare_or_not(
    work: list[str],
) -> None:
    hashed = hash_of(PASSWORD)
    for tried, against in ((PASSWORD, hashed), ("wrong", hashed), (PASSWORD, None)):
        work.clear()
        assert matches(tried, against) is (tried == PASSWORD and against is not None)
        assert work == ["encode"]


def test_a_hash_made_with_less_effort_is_made_anew_when_the_password_is_right(
    settings: Settings,
) -> None:
    light = f"{LightScrypt.__module__}.{LightScrypt.__qualname__}"
    settings.PASSWORD_HASHERS = [light]
    old = hash_of(PASSWORD)
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS
    upgraded: list[str] = []
    assert not matches("wrong", old, upgrade=upgraded.append)
    assert matches(PASSWORD, old, upgrade=upgraded.append)
    assert upgraded == [PASSWORD]


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("nine char", "at least 10 characters"),
        ("1029384756102", "entirely numeric"),
        ("basketball", "too common"),
        ("Ada.Lovelace", "too similar"),
        ("ADA LOVELACE!", "too similar"),
        ("ａｄａ ｌｏｖｅｌａｃｅ", "too similar"),
    ],
)
def test_a_weak_one_is_refused(password: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        check_strength(password, name="Ada Lovelace")


@pytest.mark.parametrize("name", ["Ada Lovelace", "ada", ""])
def test_a_good_one_is_taken_whatever_the_name(name: str) -> None:
    check_strength(PASSWORD, name=name)
