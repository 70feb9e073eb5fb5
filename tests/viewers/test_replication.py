"""Accounts while replication takes its time: the whole sandbox, two regions' sites by turns."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client
from pytest_django import Settings

from gtsite.dynamodb.connection import site_table
from gtsite.viewers.accounts import Accounts
from gtsite.viewers.entities import Viewer
from gtsite.viewers.errors import NameTaken
from gtsite.viewers.repository import Profiles
from tests.support.accounts import (
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    is_signed_in,
    settle_in,
    sign_in,
    sign_up,
)
from tests.support.sandbox import REGIONS, RunningSandbox
from tests.support.site import viewer_id

HOME, SECOND, _ = REGIONS
TABLE = "global-serverless"
NOW_MS = 1_700_000_000_000


@pytest.fixture
def lagging(site_sandbox: RunningSandbox, settings: Settings) -> RunningSandbox:
    """The table in three regions; what is written stays where it is until it is delivered."""
    site_sandbox.create_table(TABLE, sort_key=True)
    site_sandbox.hold()
    settle_in(settings, HOME)
    return site_sandbox


def accounts(local: str) -> Accounts:
    return Accounts(
        table=site_table(),
        profiles=Profiles(site_table(), home=HOME, local=local),
        network="127.0.0.1",
        clock=lambda: NOW_MS,
    )


def test_two_regions_that_sign_up_one_name_at_once_end_with_one_owner_everywhere(
    lagging: RunningSandbox,
) -> None:
    ready = threading.Barrier(2, timeout=30)

    def take(wanted: tuple[str, str]) -> Viewer | None:
        region, password = wanted
        ready.wait()
        try:
            return accounts(region).sign_up(name=NAME, password=password)
        except NameTaken:
            return None

    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(take, ((HOME, PASSWORD), (SECOND, OTHER_PASSWORD))))
    (owner,) = [viewer for viewer in made if viewer is not None]
    lagging.deliver()
    for region in REGIONS:
        (profile,) = [
            item for key, item in lagging.scan(TABLE, region).items() if key.startswith("viewer#")
        ]
        assert profile["viewer_id"]["S"] == owner.id
    assert lagging.control.conflicts(limit=10) == []


def test_a_change_of_password_ends_sessions_elsewhere_once_it_arrives(
    lagging: RunningSandbox, settings: Settings
) -> None:
    here, there = Client(), Client()
    sign_up(here)
    sign_in(there)
    here.post("/viewers/change-password/", {"current": PASSWORD, "new": OTHER_PASSWORD})
    settle_in(settings, SECOND)
    assert is_signed_in(there)
    lagging.deliver()
    assert not is_signed_in(there)
    assert is_signed_in(here)


def test_a_deleted_accounts_session_ends_elsewhere_and_nothing_of_it_is_left(
    lagging: RunningSandbox, settings: Settings
) -> None:
    here, there = Client(), Client()
    sign_up(here)
    sign_in(there)
    own = viewer_id(here)
    site_table().put({"PK": own, "SK": "sintel", "Bookmark": 60, "updated_at": NOW_MS})
    lagging.deliver()
    lagging.hold()
    here.post("/viewers/delete-account/", {"password": PASSWORD})
    settle_in(settings, SECOND)
    assert is_signed_in(there)
    lagging.deliver()
    assert not is_signed_in(there)
    for region in REGIONS:
        left = [key for key in lagging.scan(TABLE, region) if key.startswith("viewer")]
        assert left == [f"{own}/#sessions"]


def test_with_the_home_region_away_everybody_signs_in_where_their_account_has_arrived(
    lagging: RunningSandbox, settings: Settings
) -> None:
    sign_up(Client())
    lagging.deliver()
    lagging.control.outage(HOME, "refuse")
    for region in REGIONS:
        settle_in(settings, region)
        client = Client()
        assert sign_in(client).status_code == 302, region
        assert is_signed_in(client), region
        assert sign_in(Client(), password=OTHER_PASSWORD).status_code == 422
