"""moto where dynoxide is not: the same sandbox, on an engine that forgets."""

from collections.abc import Iterator

import pytest

from gtsite.sandbox.storage import engines
from gtsite.sandbox.storage.engines import EngineMissing, find_engine
from tests.support.sandbox import REGIONS, RunningSandbox, number, text

HOME, AWAY, _ = REGIONS


@pytest.fixture(scope="module")
def on_moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("moto"), engine="moto") as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


def test_it_says_that_moto_forgets(on_moto: RunningSandbox) -> None:
    found = on_moto.control.status()
    assert (found.engine, found.durable) == ("moto", False)
    assert "moto keeps items in memory only." in on_moto.output()


def test_tables_replicate_and_are_read_on_moto(on_moto: RunningSandbox) -> None:
    on_moto.create_table("films", sort_key=True)
    key = {"PK": text("library"), "SK": text("sintel")}
    on_moto.client(HOME).put_item(TableName="films", Item={**key, "year": number(2010)})
    on_moto.drain()
    on_moto.client(AWAY).update_item(
        TableName="films",
        Key=key,
        UpdateExpression="SET seen = :seen",
        ExpressionAttributeValues={":seen": number(1)},
    )
    on_moto.drain()
    for region in REGIONS:
        found = on_moto.client(region).query(
            TableName="films",
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": text("library")},
        )
        assert found["Items"] == [{**key, "year": number(2010), "seen": number(1)}]
        assert len(on_moto.stream("films", region)) == 2
    arn = on_moto.client(AWAY).describe_table(TableName="films")["Table"]["TableArn"]
    assert arn == f"arn:aws:dynamodb:{AWAY}:123456789012:table/films"


def test_the_later_writer_wins_on_moto_too(on_moto: RunningSandbox) -> None:
    on_moto.create_table("race", HOME, AWAY)
    on_moto.control.set_lag(lag_ms=600_000)
    for region in (AWAY, HOME):
        on_moto.client(region).put_item(
            TableName="race",
            Item={"PK": text("a"), "by": text(region)},
            ConditionExpression="attribute_not_exists(PK)",
        )
    on_moto.control.set_lag(lag_ms=0)
    on_moto.drain()
    for region in (HOME, AWAY):
        assert on_moto.scan("race", region)["a"]["by"] == text(HOME)
    (conflict,) = on_moto.control.conflicts()
    assert conflict.loser.region == AWAY


def test_an_engine_that_is_not_installed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_dynoxide_binary", lambda: None)
    with pytest.raises(EngineMissing, match="run `npm install`"):
        find_engine("dynoxide")
    assert find_engine().name == "moto"
    assert find_engine("moto").name == "moto"


def test_dynoxide_is_preferred_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_dynoxide_binary", lambda: "/somewhere/dynoxide")
    found = find_engine()
    assert (found.name, found.durable, found.program) == (
        "dynoxide",
        True,
        ("/somewhere/dynoxide",),
    )
    assert find_engine("moto").name == "moto"
