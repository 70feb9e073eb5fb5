"""Limits on names and addresses, counted for each region by itself, on three real engines."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client
from pytest_django import Settings

from gtsite.dynamodb.errors import NoRegionAvailable
from gtsite.viewers.attempts import Limit, count
from gtsite.viewers.errors import TooManyAttempts
from tests.support.accounts import NAME, items, same_body, settle_in, sign_in, sign_up
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, LAST, NEXT

NOW = 1_700_000_100
ADA = Limit(kind="name", subject="ada", attempts=3)
GRACE = Limit(kind="name", subject="grace", attempts=3)


def counted(regions: ThreeRegions, region: str) -> list[int]:
    return sorted(item["attempts"] for item in items(regions, region, "attempts#"))


def try_until_refused(*limits: Limit, now_seconds: int = NOW, at_most: int = 10) -> int:
    """How many attempts were let through."""
    for made in range(at_most):
        try:
            count(*limits, now_seconds=now_seconds)
        except TooManyAttempts:
            return made
    return at_most


@pytest.mark.usefixtures("site_regions")
class TestCount:
    def test_one_more_than_the_limit_is_refused_until_the_window_ends(self) -> None:
        assert try_until_refused(ADA) == 3
        with pytest.raises(TooManyAttempts) as refused:
            count(ADA, now_seconds=NOW)
        assert NOW + refused.value.wait_seconds == 1_700_000_100 // 900 * 900 + 900
        assert try_until_refused(ADA, now_seconds=NOW + refused.value.wait_seconds) == 3
        assert try_until_refused(GRACE) == 3

    def test_a_counter_names_its_region_and_window_and_nobody(
        self, site_regions: ThreeRegions
    ) -> None:
        count(ADA, now_seconds=NOW)
        (item,) = items(site_regions, HOME, "attempts#")
        assert item["PK"].startswith(f"attempts#{HOME}#name-")
        assert "ada" not in item["PK"]
        assert item["SK"] == str(NOW // 900 * 900)
        assert item["attempts"] == 1
        assert NOW + 900 <= item["expires_at"] <= NOW + 1800

    def test_both_of_two_limits_count(self, site_regions: ThreeRegions) -> None:
        address = Limit(kind="address", subject="127.0.0.1", attempts=2)
        assert try_until_refused(ADA, address) == 2
        assert counted(site_regions, HOME) == [3, 3]

    def test_each_region_counts_for_itself(
        self, site_regions: ThreeRegions, settings: Settings
    ) -> None:
        assert try_until_refused(ADA) == 3
        settle_in(settings, LAST)
        assert try_until_refused(ADA) == 3
        assert counted(site_regions, LAST) == [4]

    def test_many_at_once_are_all_counted(self, site_regions: ThreeRegions) -> None:
        many = Limit(kind="name", subject="ada", attempts=15)

        def attempt(_: int) -> int:
            return try_until_refused(many, at_most=1)

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(attempt, range(20))) == 15
        assert counted(site_regions, HOME) == [20]

    @pytest.mark.parametrize("fail", ["refuse", "blackhole"])
    def test_with_the_local_region_away_the_next_one_counts(
        self, site_regions: ThreeRegions, fail: str
    ) -> None:
        getattr(site_regions, fail)(HOME)
        assert try_until_refused(ADA) == 3
        assert counted(site_regions, NEXT) == [4]

    def test_with_every_region_away_no_single_one_is_blamed(
        self, site_regions: ThreeRegions
    ) -> None:
        for region in site_regions.names:
            site_regions.refuse(region)
        for _ in range(2):
            with pytest.raises(NoRegionAvailable):
                count(ADA, now_seconds=NOW)


@pytest.mark.usefixtures("site", "one_window")
class TestThroughTheForms:
    @pytest.fixture
    def one_window(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Time stands still: where one window ends and the next begins, counting starts anew."""
        monkeypatch.setattr("gtsite.viewers.views._now_ms", lambda: NOW * 1000)

    def test_the_refusal_does_not_tell_whether_the_name_exists(
        self, client: Client, settings: Settings
    ) -> None:
        settings.ATTEMPTS_PER_NAME = 2
        sign_up(Client())
        bodies = []
        for name in (NAME, "Nobody Atall"):
            answers = [sign_in(client, name=name, password="wrong one") for _ in range(3)]
            assert answers[0].status_code == 422
            assert answers[-1].status_code == 429
            assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
            assert "Too many attempts" in answers[-1].content.decode()  # type: ignore[attr-defined]
            bodies.append(same_body(answers[-1], name))
        assert bodies[0] == bodies[1]

    def test_the_right_password_does_not_help_any_more(
        self, client: Client, settings: Settings
    ) -> None:
        settings.ATTEMPTS_PER_NAME = 2
        sign_up(Client())
        sign_in(client, password="wrong one")
        assert sign_in(client).status_code == 429

    def test_an_address_that_tries_many_names_is_refused(
        self, client: Client, settings: Settings
    ) -> None:
        settings.ATTEMPTS_PER_ADDRESS = 3
        statuses = [sign_in(client, name=f"name {each}").status_code for each in range(5)]
        assert statuses == [422, 422, 422, 429, 429]
        settings.PROXIES = 1
        elsewhere = {"name": "name 1", "password": "wrong one"}
        answer = client.post(
            "/viewers/sign-in/", elsewhere, headers={"X-Forwarded-For": "203.0.113.9"}
        )
        assert answer.status_code == 422

    def test_names_cannot_be_tried_out_by_signing_up(
        self, client: Client, settings: Settings
    ) -> None:
        settings.SIGN_UPS_PER_ADDRESS = 2
        for _ in range(2):
            sign_up(Client())
        again = client.post("/viewers/sign-up/", {"name": NAME, "password": "quite another one"})
        assert again.status_code == 429

    @pytest.mark.parametrize("path", ["/viewers/change-password/", "/viewers/delete-account/"])
    def test_a_stolen_session_cannot_try_out_passwords(
        self, client: Client, settings: Settings, path: str
    ) -> None:
        settings.ATTEMPTS_PER_NAME = 3
        sign_up(client)
        wrong = {"current": "wrong one", "new": "quite another one", "password": "wrong one"}
        assert [client.post(path, wrong).status_code for _ in range(3)] == [422, 422, 429]
