"""The project's tables, as the source documents have them."""

import pytest

from gtsite.dynamodb.errors import UnknownTable
from gtsite.dynamodb.rows import read_rows
from gtsite.dynamodb.tables import FLIGHTS, GLOBAL_SERVERLESS, TABLES, Billing, table
from tests.support.sandbox import PROJECT


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


@pytest.mark.parametrize("name", ["flights", "Music", "Orders"])
def test_a_table_s_data_has_its_sample_and_what_exercises_change(name: str) -> None:
    found = table(name)
    rows = list(
        read_rows(
            PROJECT / found.data,
            table=name,
            columns=found.columns,
            headed_by=found.key_names if found.columns else None,
        )
    )
    items = {tuple(row.item[key] for key in found.key_names): row.item for row in rows}
    assert found.sample
    assert set(found.sample) <= set(items)
    assert all(found.measure in ("", *items[key]) for key in found.sample)


def test_capacity_and_regions_are_the_documents_() -> None:
    assert [table(name).capacity for name in ("flights", "Music")] == [(30, 30), (1, 1)]
    assert {name: each.default_regions for name, each in TABLES.items()} == {
        "global-serverless": (),
        "flights": ("us-east-2", "eu-west-1"),
        "Music": ("ap-southeast-1", "us-east-1", "eu-west-1"),
        "Orders": ("us-east-1", "eu-west-1", "ap-southeast-1"),
    }


def test_the_ten_flights_are_in_the_document_s_order() -> None:
    assert [flight_id for flight_id, _ in FLIGHTS.sample] == [
        *(5603280670, 26806130, 9902917690, 1079996, 2907581914),
        *(53600600, 282027328, 421920151, 534890387, 658410767),
    ]


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
