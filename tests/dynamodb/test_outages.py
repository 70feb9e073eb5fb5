"""Regions that really go away and really come back, as the site's table lives through it.

Nothing replicates here, so each region's own items show who was asked.
"""

import threading
from collections.abc import Callable

import pytest

from gtsite.dynamodb import connection
from gtsite.dynamodb.conditions import Newer
from gtsite.dynamodb.errors import NoRegionAvailable, RegionUnavailable
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Answer, meter
from tests.support.engines import ThreeRegions

OREGON, OHIO, IRELAND = "us-west-2", "us-east-2", "eu-west-1"


@pytest.fixture(params=["refuse", "blackhole"])
def take_away(request: pytest.FixtureRequest, site_regions: ThreeRegions) -> Callable[[str], None]:
    """Both ways for a region to be gone."""
    found: Callable[[str], None] = getattr(site_regions, request.param)
    return found


@pytest.fixture
def table(site_regions: ThreeRegions) -> Table:
    """The site's table, with one item in each region that says which it is."""
    made = connection.site_table()
    for region in site_regions.names:
        made.at(region).put({"PK": "library", "SK": "here", "region": region})
    return made


def where(answer: Answer[dict[str, str] | None]) -> str:
    assert answer.value is not None
    return answer.value["region"]


def test_reads_go_on_in_the_next_nearest_region(
    table: Table, take_away: Callable[[str], None]
) -> None:
    take_away(OREGON)
    with meter() as calls:
        first = table.get("library", "here")
        second = table.get("library", "here")
    assert (where(first), first.fell_back) == (OHIO, True)
    assert where(second) == OHIO
    assert [(each.region, each.ok) for each in calls.calls] == [
        (OREGON, False),
        (OHIO, True),
        (OHIO, True),
    ]
    assert calls.served_region == OHIO


def test_with_two_away_the_third_answers(table: Table, take_away: Callable[[str], None]) -> None:
    take_away(OREGON)
    take_away(OHIO)
    assert where(table.get("library", "here")) == IRELAND


def test_a_position_is_saved_in_another_region(
    table: Table, take_away: Callable[[str], None], site_regions: ThreeRegions
) -> None:
    take_away(OREGON)
    saved = table.update(
        "user100",
        "sintel",
        set_={"Bookmark": 754, "updated_at": 2000},
        condition=Newer("updated_at", 2000),
    )
    assert (saved.region, saved.fell_back) == (OHIO, True)
    key = {"PK": {"S": "user100"}, "SK": {"S": "sintel"}}
    stored = site_regions.client(OHIO).get_item(TableName=table.name, Key=key)["Item"]
    assert stored["Bookmark"] == {"N": "754"}


def test_a_counter_is_not_counted_elsewhere(
    table: Table, take_away: Callable[[str], None], site_regions: ThreeRegions
) -> None:
    take_away(OREGON)
    with pytest.raises(RegionUnavailable) as caught:
        table.update("user100", "sintel", add={"Bookmark": 1})
    assert caught.value.region == OREGON
    for region in (OHIO, IRELAND):
        assert site_regions.client(region).scan(TableName=table.name)["Count"] == 1


def test_a_pinned_region_that_is_away_says_so(
    table: Table, take_away: Callable[[str], None]
) -> None:
    take_away(IRELAND)
    with pytest.raises(RegionUnavailable, match=r"eu-west-1 does not answer"):
        table.at(IRELAND).get("library", "here")
    assert where(table.at(OREGON).get("library", "here")) == OREGON


def test_side_by_side_the_others_are_not_disturbed(
    table: Table, take_away: Callable[[str], None]
) -> None:
    take_away(OHIO)
    found = table.get_everywhere("library", "here", regions=[OREGON, OHIO, IRELAND])
    assert isinstance(found[OHIO], RegionUnavailable)
    for region in (OREGON, IRELAND):
        answer = found[region]
        assert isinstance(answer, Answer)
        assert where(answer) == region


def test_all_away_is_said_and_the_first_one_back_is_found(
    table: Table, take_away: Callable[[str], None], site_regions: ThreeRegions
) -> None:
    for region in site_regions.names:
        take_away(region)
    with pytest.raises(NoRegionAvailable) as caught:
        table.get("library", "here")
    tried = caught.value.regions
    assert tried == (OREGON, OHIO, IRELAND)[: len(tried)]
    assert len(tried) >= 2, "a busy machine may reach the deadline before the third"
    site_regions.heal(IRELAND)
    assert soon(lambda: answers_from(table) == IRELAND)


def test_a_region_that_is_back_serves_again(
    table: Table, take_away: Callable[[str], None], site_regions: ThreeRegions
) -> None:
    take_away(OREGON)
    table.get("library", "here")
    assert connection.router().states()[0].breaker != "closed"
    site_regions.heal(OREGON)
    assert soon(lambda: connection.router().states()[0].breaker == "closed")
    assert where(table.get("library", "here")) == OREGON


def test_pages_of_one_list_go_on_across_an_outage(
    table: Table, take_away: Callable[[str], None], site_regions: ThreeRegions
) -> None:
    for region in site_regions.names:
        table.at(region).batch_put({"PK": "many", "SK": f"{n:02}"} for n in range(30))
    reading = table.iter_query("many", page_size=10)
    found = [next(reading)["SK"]]
    take_away(OREGON)
    found += [item["SK"] for item in reading]
    assert found == [f"{n:02}" for n in range(30)]


def test_a_region_without_its_table_is_left_for_another_and_says_why(
    table: Table, site_regions: ThreeRegions
) -> None:
    site_regions.client(OREGON).delete_table(TableName=table.name)
    assert where(table.get("library", "here")) == OHIO
    state = connection.router().states()[0]
    assert (state.breaker, state.last_error) == ("open", "no-table")


def answers_from(table: Table) -> str | None:
    """The region that answers a read now, None when none does."""
    try:
        return where(table.get("library", "here"))
    except NoRegionAvailable:
        return None


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it comes true, given plenty of time."""
    pause = threading.Event()
    for _ in range(600):
        if holds():
            return True
        pause.wait(0.05)
    return False
