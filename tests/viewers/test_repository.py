"""Profiles as items: round trip, the stored form, old ones, and who may change which."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.meter import meter
from gtsite.viewers.entities import Profile
from gtsite.viewers.errors import (
    AccountGone,
    HomeAway,
    MalformedProfile,
    NameTaken,
    PasswordWrong,
)
from gtsite.viewers.repository import Found, Profiles, profile_from_item, profile_to_item
from tests.support.accounts import replicate
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, LAST, NEXT, put

ADA = Profile(
    name_key="ada",
    viewer_id="viewer-" + "a" * 22,
    display_name="Ada",
    password="hash of hers",
    created_at_ms=1000,
    changed_at_ms=2000,
)
ITEM = {
    "PK": "viewer#ada",
    "SK": "profile",
    "viewer_id": "viewer-" + "a" * 22,
    "display_name": "Ada",
    "password": "hash of hers",
    "created_at": 1000,
    "changed_at": 2000,
}
STRANGER = replace(ADA, viewer_id="viewer-" + "b" * 22, password="hash of theirs")


class TestItem:
    def test_it_is_stored_like_this(self) -> None:
        assert profile_to_item(ADA) == ITEM
        assert profile_from_item(ITEM) == ADA

    def test_one_without_moments_is_as_old_as_can_be(self) -> None:
        old = {name: value for name, value in ITEM.items() if not name.endswith("_at")}
        assert profile_from_item(old) == replace(ADA, created_at_ms=0, changed_at_ms=0)

    @pytest.mark.parametrize(
        "changes", [{"password": None}, {"viewer_id": 7}, {"display_name": ""}, {"created_at": "x"}]
    )
    def test_one_that_cannot_be_read_is_refused_without_its_password(
        self, changes: dict[str, object]
    ) -> None:
        with pytest.raises(MalformedProfile) as refused:
            profile_from_item(ITEM | changes)
        assert "hash" not in str(refused.value)


def profiles(local: str = HOME) -> Profiles:
    return Profiles(site_table(), home=HOME, local=local)


@pytest.mark.usefixtures("site_regions")
class TestProfiles:
    def test_what_is_added_is_found_and_taken(self) -> None:
        assert profiles().find("ada") == Found(profile=None, vouched=True)
        profiles().add(ADA)
        assert profiles().find("ada") == Found(profile=ADA, vouched=True)
        with pytest.raises(NameTaken) as taken:
            profiles().add(STRANGER)
        assert taken.value.profile == ADA

    def test_elsewhere_the_home_region_is_asked_too(self) -> None:
        profiles().add(ADA)
        with meter() as counting:
            assert profiles(LAST).find("ada") == Found(profile=ADA, vouched=True)
            assert profiles(LAST).find("bob") == Found(profile=None, vouched=True)
        assert sorted(call.region for call in counting.calls) == [LAST, LAST, HOME, HOME]

    @pytest.mark.parametrize("fail", ["refuse", "blackhole"])
    def test_with_the_home_region_away_the_local_one_is_believed_unvouched(
        self, site_regions: ThreeRegions, fail: str
    ) -> None:
        profiles().add(ADA)
        replicate(site_regions, HOME, LAST)
        getattr(site_regions, fail)(HOME)
        assert profiles(LAST).find("ada") == Found(profile=ADA, vouched=False)
        with meter() as counting:
            assert profiles(LAST).find("bob") == Found(profile=None, vouched=False)
        assert [call.region for call in counting.calls] == [LAST]

    def test_with_both_away_the_third_one_is_asked(self, site_regions: ThreeRegions) -> None:
        profiles().add(ADA)
        replicate(site_regions, HOME, NEXT)
        for region in (HOME, LAST):
            site_regions.refuse(region)
        assert profiles(LAST).find("ada") == Found(profile=ADA, vouched=False)

    def test_one_deleted_at_home_is_gone_everywhere(self, site_regions: ThreeRegions) -> None:
        profiles().add(ADA)
        replicate(site_regions, HOME, LAST)
        profiles(LAST).remove(ADA)
        assert profiles(LAST).find("ada") == Found(profile=None, vouched=True)

    def test_one_that_cannot_be_read_is_nobodys_and_taken(self, site_regions: ThreeRegions) -> None:
        put(site_regions, HOME, {**ITEM, "password": 7})
        assert profiles().find("ada").profile is None
        with pytest.raises(NameTaken):
            profiles().add(ADA)

    def test_a_password_is_changed_only_where_it_was_read(self) -> None:
        profiles().add(ADA)
        profiles().set_password(ADA, "another", changed_at_ms=3000)
        assert profiles().find_at_home("ada") == replace(
            ADA, password="another", changed_at_ms=3000
        )
        with pytest.raises(PasswordWrong):
            profiles().set_password(ADA, "a third", changed_at_ms=4000)
        with pytest.raises(AccountGone):
            profiles().set_password(STRANGER, "a third", changed_at_ms=4000)
        with pytest.raises(AccountGone):
            profiles().set_password(replace(ADA, name_key="bob"), "x", changed_at_ms=1)
        assert profiles().find_at_home("bob") is None

    def test_only_ones_own_is_removed(self) -> None:
        profiles().add(ADA)
        profiles().remove(STRANGER)
        assert profiles().find_at_home("ada") == ADA
        profiles().remove(ADA)
        profiles().remove(ADA)
        assert profiles().find_at_home("ada") is None

    def test_with_the_home_region_away_nothing_is_written(self, site_regions: ThreeRegions) -> None:
        site_regions.refuse(HOME)
        changes: tuple[Callable[[], object], ...] = (
            lambda: profiles(LAST).add(ADA),
            lambda: profiles(LAST).set_password(ADA, "x", changed_at_ms=1),
            lambda: profiles(LAST).remove(ADA),
            lambda: profiles(LAST).find_at_home("ada"),
        )
        for change in changes:
            with pytest.raises(HomeAway) as away:
                change()
            assert not away.value.outcome_unknown
        site_regions.heal(HOME)
        assert profiles().find_at_home("ada") is None

    @pytest.mark.parametrize("round_", range(3))
    def test_of_two_who_want_a_name_at_once_one_has_it(self, round_: int) -> None:
        ready = threading.Barrier(2, timeout=30)

        def take(wanted: tuple[str, Profile]) -> Profile | None:
            region, profile = wanted
            ready.wait()
            try:
                profiles(region).add(profile)
            except NameTaken as error:
                return error.profile
            return profile

        ours = [replace(each, name_key=f"name {round_}") for each in (ADA, STRANGER)]
        with ThreadPoolExecutor(2) as threads:
            owners = list(threads.map(take, zip((HOME, LAST), ours, strict=True)))
        assert owners[0] == owners[1] == profiles().find_at_home(f"name {round_}")
