"""Settings: read strictly, and in production nothing assumed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from gtsite.settings.environment import Environment
from gtsite.settings.secret import kept_secret

PROJECT = Path(__file__).resolve().parent.parent.parent
GIVEN = {
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
    "AWS_REGION": "eu-west-1",
    "GT_REGIONS": "us-west-2,eu-west-1",
    "ALLOWED_HOSTS": "meridian.example",
}


def production(**changes: str | None) -> subprocess.CompletedProcess[str]:
    """What `manage.py check --deploy` says with these variables and no others."""
    given = {name: value for name, value in (GIVEN | changes).items() if value is not None}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "gtsite.settings.production",
            **given,
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_with_what_it_needs_and_passes_the_deployment_checks() -> None:
    done = production()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("https", ["on", "off"])
def test_the_deployment_checks_pass_with_and_without_a_certificate(https: str) -> None:
    done = production(HTTPS=https, SECRET_KEY=f"{GIVEN['SECRET_KEY']} {GIVEN['SECRET_KEY'][::-1]}")
    assert done.returncode == 0, done.stderr


def test_without_https_nothing_asks_for_it() -> None:
    found = settings_of(HTTPS="off")
    assert found["redirect"] is found["session_secure"] is found["csrf_secure"] is False
    assert found["hsts"] == 0
    assert "__Host-" not in f"{found['session']} {found['csrf']}"
    assert "upgrade-insecure-requests" not in found["directives"]


def test_with_https_everything_does() -> None:
    found = settings_of()
    assert found["redirect"] is found["session_secure"] is found["csrf_secure"] is True
    assert found["hsts"] == 31_536_000
    assert (found["session"], found["csrf"]) == ("__Host-session", "__Host-csrf")
    assert "upgrade-insecure-requests" in found["directives"]


def test_the_first_key_signs_and_the_others_are_accepted() -> None:
    keys = [GIVEN["SECRET_KEY"] + end for end in "xyz"]
    assert settings_of(SECRET_KEY="  ".join(keys))["keys"] == keys
    assert settings_of()["keys"] == [GIVEN["SECRET_KEY"]]


SHOW = """
import json
from gtsite.settings import production as s
print(json.dumps({
    "redirect": s.SECURE_SSL_REDIRECT, "hsts": getattr(s, "SECURE_HSTS_SECONDS", 0),
    "session_secure": s.SESSION_COOKIE_SECURE, "csrf_secure": s.CSRF_COOKIE_SECURE,
    "session": getattr(s, "SESSION_COOKIE_NAME", ""), "csrf": getattr(s, "CSRF_COOKIE_NAME", ""),
    "directives": list(s.CONTENT_SECURITY_POLICY["DIRECTIVES"]),
    "keys": [s.SECRET_KEY, *s.SECRET_KEY_FALLBACKS],
}))
"""


def settings_of(**changes: str) -> dict[str, Any]:
    """Production's settings with these variables and no others."""
    given = {"PATH": os.environ["PATH"], **GIVEN, **changes}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=given, cwd=PROJECT, capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_production_names_everything_that_is_missing_and_stops() -> None:
    done = production(SECRET_KEY=None, ALLOWED_HOSTS="")
    assert done.returncode != 0
    assert "Set SECRET_KEY, ALLOWED_HOSTS: the site does not start without them." in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"SECRET_KEY": f"{GIVEN['SECRET_KEY']} short"}, "50 random characters for each key"),
        ({"HTTPS": "perhaps"}, "HTTPS is 'perhaps'"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS is '*'"),
        ({"ALLOWED_HOSTS": ","}, "ALLOWED_HOSTS is ''"),
        ({"AWS_REGION": "us-east-2"}, "not among GT_REGIONS"),
        ({"GT_REGIONS": "oregon"}, "GT_REGIONS is 'oregon'"),
        ({"GT_REGIONS": "eu-west-1,us-moon-1"}, "GT_REGIONS is 'eu-west-1,us-moon-1'"),
        ({"REGION_FALLBACK": "maybe"}, "REGION_FALLBACK is 'maybe'"),
        ({"PROXIES": "many"}, "PROXIES is 'many'"),
    ],
)
def test_production_refuses_what_cannot_be_meant(changes: dict[str, str], said: str) -> None:
    done = production(**changes)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unset_variable_takes_the_default() -> None:
    env = Environment({})
    assert env.text("A", "b") == "b"
    assert env.switch("A", default=True) is True
    assert env.port("A", 8000) == 8000
    assert env.words("A", ("x",)) == ["x"]
    assert env.regions("A", ("us-west-2",)) == ["us-west-2"]
    assert env.endpoints("A", {"us-west-2": "http://x"}) == {"us-west-2": "http://x"}


def test_a_set_variable_is_read() -> None:
    env = Environment(
        {"S": " off ", "P": "8100", "R": "us-west-2, eu-west-1", "E": "us-west-2=http://h:1"}
    )
    assert env.switch("S", default=True) is False
    assert env.port("P", 1) == 8100
    assert env.regions("R", ()) == ["us-west-2", "eu-west-1"]
    assert env.endpoints("E", {}) == {"us-west-2": "http://h:1"}
    assert Environment({"E": ""}).endpoints("E", {"us-west-2": "http://x"}) == {}
    assert env.missing(["S", "X"]) == ["X"]


@pytest.mark.parametrize("value", ["", "yes please", "2"])
def test_a_switch_is_on_or_off(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="write on or off"):
        Environment({"S": value}).switch("S", default=True)


@pytest.mark.parametrize("value", ["", "80", "70000", "-1", "8e3", "٨٠٨٠x"])
def test_a_port_is_a_port(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="write a port"):
        Environment({"P": value}).port("P", 8000)


@pytest.mark.parametrize("value", ["", "us-west-2,us-west-2", "Oregon", "us_west_2", "us-moon-1"])
def test_regions_are_names_each_once(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="each once"):
        Environment({"R": value}).regions("R", ("us-west-2",))


@pytest.mark.parametrize(
    "value", ["us-west-2", "us-west-2=ftp://x", "oregon=http://x", "=http://x"]
)
def test_endpoints_are_a_region_and_an_address(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="write region=url"):
        Environment({"E": value}).endpoints("E", {})


def test_a_star_is_where_every_other_region_answers() -> None:
    found = Environment({"E": "us-west-2=http://a,*=http://b"}).endpoints("E", {})
    assert found == {"us-west-2": "http://a", "*": "http://b"}


def test_the_sandboxs_key_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret_key"
    key = kept_secret(path)
    assert len(key) >= 50
    assert kept_secret(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_a_place_where_no_key_can_be_kept_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImproperlyConfigured, match="set SANDBOX_DIR"):
        kept_secret(tmp_path / "file" / "secret_key")
