"""No password, and no hash of one, in a log, an error page, or the report of an error."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.views.debug import ExceptionReporter

from gtsite.viewers import passwords
from gtsite.viewers.repository import Profiles
from tests.support.accounts import NAME, OTHER_PASSWORD, PASSWORD, sign_in, sign_up

ENTERING = {"name": NAME, "password": PASSWORD}
FORMS = {
    "sign-up": ENTERING,
    "sign-in": ENTERING,
    "change-password": {"current": PASSWORD, "new": OTHER_PASSWORD},
    "delete-account": {"password": PASSWORD},
}


def reported(record: logging.LogRecord) -> str:
    """What would be mailed to somebody about a failed request: frames, variables, form and all."""
    request: HttpRequest = record.request  # type: ignore[attr-defined]
    assert record.exc_info
    reporter = ExceptionReporter(request, *record.exc_info)
    return reporter.get_traceback_html() + reporter.get_traceback_text()


@pytest.fixture
def breakdown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles cannot be used, and hashes are seen on the way to them."""

    def broken(*args: Any, **options: Mapping[str, Any]) -> None:
        raise RuntimeError(f"broken with {len(args) + len(options)} arguments")

    for name in ("find", "find_at_home", "add"):
        monkeypatch.setattr(Profiles, name, broken)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_breaks_down_tells_no_password(
    client: Client,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    form: str,
) -> None:
    sign_up(client)
    if form.startswith("sign"):
        client = Client()
    request.getfixturevalue("breakdown")
    client.raise_request_exception = False
    response = client.post(f"/viewers/{form}/", FORMS[form])
    assert response.status_code == 500
    (record,) = [each for each in caplog.records if each.exc_info]
    report = reported(record)
    assert f"/viewers/{form}/" in report
    assert "key" in report
    for secret in (PASSWORD, OTHER_PASSWORD):
        assert secret not in report
        assert secret not in caplog.text
        assert secret not in response.content.decode()


@pytest.mark.usefixtures("site")
def test_a_day_in_the_life_of_an_account_logs_no_secret(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    hashes: list[str] = []

    def hash_of(password: str) -> str:
        hashes.append(original(password))
        return hashes[-1]

    original = passwords.hash_of
    monkeypatch.setattr(passwords, "hash_of", hash_of)
    sign_up(client)
    sign_in(Client(), password="wrong one")
    client.post("/viewers/change-password/", {"current": PASSWORD, "new": OTHER_PASSWORD})
    client.post("/viewers/delete-account/", {"password": "wrong one"})
    client.post("/viewers/delete-account/", {"password": OTHER_PASSWORD})
    assert len(hashes) == 2
    assert "Unprocessable" in caplog.text
    for secret in (PASSWORD, OTHER_PASSWORD, "wrong one", *hashes):
        assert secret not in caplog.text
