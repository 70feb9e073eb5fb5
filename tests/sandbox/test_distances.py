"""How far regions are apart, and who says where it is."""

import itertools
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from gtsite.dynamodb.regions import all_regions
from gtsite.dynamodb.regions import distance_km as distance_by_the_site
from gtsite.sandbox.distances import PLACES, caller_region, distance_km, round_trip_ms
from gtsite.sandbox.wire import REGIONS

MEASURED_MS = {
    ("us-east-1", "us-west-2"): 87,
    ("us-east-1", "eu-west-1"): 81,
    ("us-west-1", "us-west-2"): 19,
    ("us-west-2", "eu-west-1"): 137,
    ("us-west-2", "ap-northeast-1"): 89,
    ("eu-west-1", "eu-central-1"): 20,
    ("eu-west-1", "ap-southeast-2"): 310,
    ("eu-central-1", "ap-southeast-1"): 326,
    ("ap-northeast-1", "ap-southeast-1"): 74,
    ("us-east-1", "sa-east-1"): 120,
}
"""As published in 2017 (acomputerscientistlearnsaws.blogspot.com/2017/04); routes change."""


def test_every_region_has_a_place() -> None:
    assert set(PLACES) == REGIONS


def test_the_sandbox_and_the_site_have_the_same_map() -> None:
    names = [region.name for region in all_regions()]
    assert set(names) == set(PLACES)
    for a, b in itertools.combinations(names, 2):
        assert distance_km(a, b) == pytest.approx(distance_by_the_site(a, b), abs=1)


@pytest.mark.parametrize(("pair", "measured_ms"), MEASURED_MS.items())
def test_a_round_trip_is_estimated_to_within_a_half(
    pair: tuple[str, str], measured_ms: int
) -> None:
    assert round_trip_ms(*pair) == pytest.approx(measured_ms, rel=1 / 2)
    assert round_trip_ms(*pair) == round_trip_ms(*reversed(pair))


def test_within_a_region_there_is_no_way() -> None:
    assert round_trip_ms("eu-west-1", "eu-west-1") == 0


def test_no_round_trip_beats_light() -> None:
    for a, b in itertools.combinations(PLACES, 2):
        assert 2 * distance_km(a, b) / 299.79 < round_trip_ms(a, b) < 500


@pytest.mark.parametrize(
    ("user_agent", "region"),
    [
        ("caller-region/eu-west-1", "eu-west-1"),
        ("Boto3/1 md/Botocore#1 app/caller-region-eu-west-1", "eu-west-1"),
        ("aws-cli/2 caller-region/ap-southeast-2 more", "ap-southeast-2"),
        ("caller-region/eu-nowhere-1", None),
        ("caller-region/", None),
        ("caller-region/eu-west-1x", None),
        ("my-caller-region/eu-west-1", None),
        ("x" * 8000, None),
        ("", None),
    ],
)
def test_a_caller_is_where_it_says_if_that_is_a_region(user_agent: str, region: str | None) -> None:
    assert caller_region(user_agent) == region


@pytest.mark.parametrize(
    "config",
    [
        Config(user_agent_extra="caller-region/eu-west-1"),
        Config(user_agent_appid="caller-region/eu-west-1"),
        Config(user_agent_appid="caller-region-eu-west-1"),
        Config(),
    ],
    ids=["extra", "application id", "application id with a dash", "environment"],
)
def test_an_sdk_can_say_it_in_its_configuration(
    monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    if config.user_agent_extra is None and config.user_agent_appid is None:
        monkeypatch.setenv("AWS_SDK_UA_APP_ID", "caller-region-eu-west-1")
    sent: list[str] = []
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-west-2",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=config,
    )

    def answer(request: Any, **_: object) -> Any:
        sent.append(request.headers["User-Agent"])
        raise StopAsyncIteration

    client.meta.events.register("before-send.dynamodb", answer)
    with pytest.raises(StopAsyncIteration):
        client.list_tables()
    (user_agent,) = sent
    assert caller_region(_text(user_agent)) == "eu-west-1"


def _text(header: str | bytes) -> str:
    return header.decode() if isinstance(header, bytes) else header
