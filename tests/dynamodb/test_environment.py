"""What the machine says of AWS: a proxy, a profile, half a key."""

from contextlib import closing

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import BadAwsSettings
from tests.support.engines import ThreeRegions

NOWHERE = {"us-west-2": "http://127.0.0.1:9"}


def test_a_region_on_this_machine_is_not_asked_through_a_proxy(
    three_regions: ThreeRegions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    home = three_regions.names[0]
    with closing(Clients(endpoints=three_regions.endpoints, read_seconds=60.0)) as clients:
        assert "global-serverless" in clients.dynamodb(home).list_tables()["TableNames"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_PROFILE", "nobody"),
        ("AWS_ACCESS_KEY_ID", "half-a-key"),
        ("AWS_DEFAULTS_MODE", "perhaps"),
    ],
)
def test_settings_the_sdk_cannot_use_are_one_error_of_our_own(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for other in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(BadAwsSettings), closing(Clients(endpoints=NOWHERE)) as clients:
        clients.dynamodb("us-west-2")
