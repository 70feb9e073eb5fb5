"""Passwords, session cookies and the site's key: in no log, on no page, and not stored as they are.

Over real HTTP, with production's settings and the log at its most talkative; also while regions
are away.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.support.engines import ThreeRegions
from tests.support.production import SECRET_KEY, Answer, Production

FIRST, SECOND, WRONG = (f"marker-{word}-7f3a" for word in ("first", "second", "wrong"))


@dataclass
class Browser:
    """Keeps cookies, and everything it was ever shown."""

    site: Production
    cookies: dict[str, str] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    shown: list[bytes] = field(default_factory=list)

    def visit(self, path: str) -> int:
        return self._take(self.site.get(path))

    def send(self, path: str, **form: str) -> int:
        return self._take(self.site.post(path, form, self.cookies))

    def _take(self, answer: Answer) -> int:
        self.cookies |= answer.cookies
        self.sessions |= {self.cookies.get("__Host-session", "")} - {""}
        self.shown.append(answer.body)
        return answer.status


@pytest.fixture
def browser(three_regions: ThreeRegions, production: Production) -> Iterator[Browser]:
    """It and the site start with every region up; so does whoever comes next."""
    yield Browser(production)
    three_regions.heal()


def live(browser: Browser, regions: ThreeRegions) -> None:
    """Everything in which a password is typed, right, wrong, and while regions are away."""
    assert browser.visit("/viewers/sign-up/") == 200
    assert browser.send("/viewers/sign-up/", name="Koro", password=FIRST) == 302
    assert browser.send("/viewers/sign-out/") == 302
    assert browser.send("/viewers/sign-in/", name="Koro", password=WRONG) == 422
    assert browser.send("/viewers/sign-in/", name="x" * 99, password=WRONG) == 422
    assert browser.send("/viewers/sign-in/", name="Koro", password=FIRST) == 302
    assert browser.send("/viewers/change-password/", current=WRONG, new=SECOND) == 422
    assert browser.send("/viewers/change-password/", current=FIRST, new=SECOND) == 302
    assert browser.send("/viewers/delete-account/", password=WRONG) == 422
    for name in regions.names:
        regions.refuse(name)
        assert browser.send("/viewers/change-password/", current=SECOND, new=FIRST) == 503
    assert browser.send("/viewers/sign-out/") == 302
    assert browser.send("/viewers/sign-in/", name="Koro", password=SECOND) == 503
    assert browser.send("/viewers/sign-up/", name="Other", password=SECOND) == 503


def test_a_secret_is_in_no_log_and_on_no_page(
    browser: Browser, three_regions: ThreeRegions
) -> None:
    live(browser, three_regions)
    log = browser.site.log.read_text()
    assert "GET /viewers/sign-up/" in log or "viewers" in log
    assert len(browser.sessions) >= 3
    for secret in (FIRST, SECOND, WRONG, SECRET_KEY, *browser.sessions):
        assert secret not in log
        assert not any(secret.encode() in page for page in browser.shown)


def test_a_password_is_stored_as_a_salted_hash(
    browser: Browser, three_regions: ThreeRegions
) -> None:
    browser.visit("/viewers/sign-up/")
    assert browser.send("/viewers/sign-up/", name="Ann", password=FIRST) == 302
    stored = []
    for name in three_regions.names:
        items = three_regions.client(name).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
        stored += [json.dumps(item, default=str) for item in items]
    assert FIRST not in "".join(stored)
    assert sum("scrypt$" in item for item in stored) == 1
