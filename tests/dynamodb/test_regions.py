"""Regions, their distances, and which is nearest."""

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.dynamodb.errors import UnknownRegion
from gtsite.dynamodb.regions import all_regions, distance_km, light_time_ms, nearest, region

NAMES = [each.name for each in all_regions()]


def test_every_commercial_region_the_sdk_knows_is_there_and_no_other() -> None:
    known = botocore.session.Session().get_available_regions("dynamodb")
    assert sorted(NAMES) == sorted(known)


def test_a_region_has_its_place() -> None:
    ireland = region("eu-west-1")
    assert (ireland.place, ireland.country) == ("Ireland", "Ireland")


@pytest.mark.parametrize("name", ["", "us-west-9", "US-WEST-2", "local", "us-west-2/../x"])
def test_any_other_name_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(UnknownRegion, match=r"is not an AWS region: write a name"):
        region(name)


@pytest.mark.parametrize(
    ("here", "there", "kilometres"),
    [
        ("us-west-2", "eu-west-1", 7250),
        ("us-east-1", "ap-southeast-2", 15700),
        ("eu-west-1", "eu-west-2", 460),
    ],
)
def test_distances_are_right_to_a_few_percent(here: str, there: str, kilometres: float) -> None:
    assert distance_km(here, there) == pytest.approx(kilometres, rel=0.03)


def test_light_takes_24_ms_from_oregon_to_ireland() -> None:
    assert round(light_time_ms("us-west-2", "eu-west-1")) == 24


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_way_there_is_as_long_as_the_way_back(here: str, there: str) -> None:
    assert distance_km(here, there) == pytest.approx(distance_km(there, here))
    assert 0 <= distance_km(here, there) <= 20_040


@given(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True))
def test_nearest_first_and_none_lost(origin: str, names: list[str]) -> None:
    found = nearest(origin, names)
    assert sorted(found) == sorted(names)
    distances = [distance_km(origin, name) for name in found]
    assert distances == sorted(distances)


def test_the_origin_itself_is_the_nearest() -> None:
    found = nearest("us-west-2", ["eu-west-1", "us-east-2", "us-west-2"])
    assert found == ["us-west-2", "us-east-2", "eu-west-1"]
