"""The project's tables, as the source documents have them."""

import pytest

from gtsite.dynamodb.errors import UnknownTable
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS, TABLES, Billing, table


@pytest.mark.parametrize(
    ("name", "keys", "billing"),
    [
        ("global-serverless", [("PK", "S"), ("SK", "S")], Billing.ON_DEMAND),
        ("flights", [("flight_id", "N"), ("airlines_name", "S")], Billing.PROVISIONED),
        ("Music", [("Artist", "S"), ("SongTitle", "S")], Billing.PROVISIONED),
        ("Orders", [("OrderID", "S"), ("CustomerID", "S")], Billing.ON_DEMAND),
    ],
)
def test_a_table_s_keys_and_billing(
    name: str, keys: list[tuple[str, str]], billing: Billing
) -> None:
    found = table(name)
    assert [(each.name, each.type) for each in found.key_attributes] == keys
    assert found.billing is billing
    assert found.stream == "NEW_AND_OLD_IMAGES"


def test_there_are_four() -> None:
    assert len(TABLES) == 4


@pytest.mark.parametrize("name", ["", "music", "global_serverless"])
def test_any_other_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UnknownTable, match=r"it has global-serverless, flights, Music, Orders\.$"):
        table(name)


def test_another_name_changes_nothing_else() -> None:
    renamed = GLOBAL_SERVERLESS.named("mine")
    assert renamed.name == "mine"
    assert renamed.named("global-serverless") == GLOBAL_SERVERLESS
