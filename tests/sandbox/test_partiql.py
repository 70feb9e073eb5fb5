"""PartiQL's writes: which item one names, and that it is replicated like any other write."""
# ruff: noqa: S608 - statements as text are what this is about

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from gtsite.sandbox.data_plane.partiql import Write, tables, writes
from gtsite.sandbox.wire import ApiError
from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    broken_chains,
    error_of,
    number,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
Start = Callable[..., RunningSandbox]
A = {"PK": text("a")}
A2 = {"PK": text("a"), "SK": number(2)}
ITEMS = {
    "INSERT INTO t VALUE {'PK': 'a', 'SK': 2}": A2,
    "insert into \"t\" value {'PK':'a'}": A,
    "INSERT INTO 't' VALUE {'PK': 'it''s', 'SK': -1.5,}": {"PK": text("it's"), "SK": {"N": "-1.5"}},
    "INSERT INTO t VALUE {'m': {'PK': 'no', 'x': [1, 'VALUE {']}, \"PK\": 'a'}": A,
    "INSERT INTO t VALUE {'s': <<1, 2>>, 'PK': 'a'} IF NOT EXISTS": A,
    "INSERT INTO t VALUE {'PK': 'UPDATE ? -- /* x'}": {"PK": text("UPDATE ? -- /* x")},
    "UPDATE t SET v = 1 WHERE PK = 'a' AND SK = 2": A2,
    "update t set v = 1, w = 'x' where SK=2 and PK='a'": A2,
    "UPDATE t SET v = 'WHERE PK = 1' WHERE PK = 'a'": A,
    "UPDATE t REMOVE v WHERE ((PK = 'a' AND (SK = 2)))": A2,
    "UPDATE t SET v = 1 WHERE v BETWEEN 0 AND 5 AND PK = 'a' AND (v = 1 OR PK = 'b')": A,
    "UPDATE t SET m.PK = 1 SET l[0] = [1, 2] WHERE PK = 'a' AND NOT PK = 'b'": A,
    "DELETE FROM t WHERE \"PK\" = 'a' AND contains(v, 'x') RETURNING ALL OLD *": A,
    "DELETE FROM t WHERE PK = 'a AND SK = 1'": {"PK": text("a AND SK = 1")},
    "\n\tDELETE\nFROM t\r\nWHERE PK='a'": A,
}
NO_ITEM = (
    "UPDATE t SET v = 1",
    "UPDATE t SET v = 1 WHERE PK = 'a' OR PK = 'b'",
    "UPDATE t SET v = 1 WHERE ((PK = 'a') OR PK = 'b')",
    "UPDATE t SET v = 1 WHERE PK > 'a' AND PK <> 'b'",
    "UPDATE t SET v = 1 WHERE PK IN ['a'] AND NOT PK = 'a'",
    "UPDATE t SET v = 1 WHERE PK.x = 'a' AND t.PK = 'b'",
    "DELETE FROM t",
    "INSERT INTO t VALUE {}",
)
DOUBTFUL = (
    "UPDATE t SET v = 1 WHERE PK = a",
    "UPDATE t SET v = 1 WHERE PK = 'a' AND PK = 'b'",
    "UPDATE t SET v = 1 WHERE PK = 'a' v = 2",
    "UPDATE t SET v = 1 WHERE PK = 'a' -- AND PK = 'b'",
    "UPDATE t SET v = 1 WHERE PK = 1e5",
    "UPDATE t SET v = 1 WHERE PK = - 'a'",
    "DELETE FROM t WHERE PK = ['a']",
    "INSERT INTO t VALUE {'PK': 'a', 'PK': 'b'}",
    "INSERT INTO t VALUE {'PK': 'a' 'SK': 1}",
)
MALFORMED = (
    "INSERT t VALUE {'PK': 'a'}",
    "INSERT INTO t VALUES {'PK': 'a'}",
    "INSERT INTO t VALUE 'a'",
    "INSERT INTO t VALUE {'PK' 'a'}",
    "INSERT INTO t VALUE {'PK': 'a'",
    "INSERT INTO t VALUE {'PK': 'a'}}",
    "INSERT INTO t VALUE {'PK': [1}]",
    "INSERT INTO",
    "UPDATE",
    "DELETE t WHERE PK = 'a'",
    "DELETE FROM t WHERE PK = 'a",
    "DELETE FROM t WHERE PK = 'a';",
    "DELETE /* x */ FROM t WHERE PK = 'a'",
)
READS = ("SELECT * FROM t WHERE PK = 'a'", "", "  ", "DROP TABLE t", '"INSERT" INTO t', "INSERTS t")


def one(statement: str, *parameters: Any) -> Write:
    body = {"Statement": statement, "Parameters": list(parameters)}
    (write,) = writes("ExecuteStatement", body)
    return write


def refused(statement: str, *parameters: Any) -> str:
    with pytest.raises(ApiError) as caught:
        one(statement, *parameters).check(("PK",))
    assert caught.value.kind.endswith("#ValidationException")
    return caught.value.message


# Which item a statement names


@pytest.mark.parametrize("statement", ITEMS)
def test_the_item_of_a_statement_is_found(statement: str) -> None:
    write = one(statement)
    write.check(("PK", "SK"))
    assert write.table == "t"
    assert {name: write.values[name] for name in ("PK", "SK") if name in write.values} == ITEMS[
        statement
    ]


@pytest.mark.parametrize("statement", NO_ITEM)
def test_a_statement_without_a_key_names_no_item(statement: str) -> None:
    write = one(statement)
    write.check(("PK",))
    assert "PK" not in write.values


@pytest.mark.parametrize("statement", DOUBTFUL)
def test_a_key_that_can_be_read_in_two_ways_is_refused(statement: str) -> None:
    message = refused(statement)
    assert message.startswith("Statement wasn't well formed, can't be processed: ")


@pytest.mark.parametrize("statement", MALFORMED)
def test_a_write_that_is_no_statement_is_refused(statement: str) -> None:
    message = refused(statement)
    assert message.startswith("Statement wasn't well formed, can't be processed: ")


@pytest.mark.parametrize("statement", READS)
def test_what_does_not_write_is_left_to_the_engine(statement: str) -> None:
    assert writes("ExecuteStatement", {"Statement": statement}) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET PK = 'b' WHERE PK = 'a'",
        "UPDATE t SET v = 1, \"PK\" = 'b' WHERE PK = 'a'",
        "UPDATE t SET v = 1 REMOVE w, PK WHERE PK = 'a'",
    ],
)
def test_a_key_cannot_be_changed(statement: str) -> None:
    assert refused(statement).endswith(
        "Cannot update attribute PK. This attribute is part of the key"
    )


def test_parameters_are_counted_past_those_in_strings() -> None:
    write = one(
        "UPDATE t SET v = ?, w = '?', \"x?\" = ? WHERE PK = ? AND SK = ?",
        *(text(each) for each in ("v", "x", "a", "b")),
    )
    assert write.values == {"PK": text("a"), "SK": text("b")}


def test_a_parameter_stands_for_a_value_as_it_is() -> None:
    binary = {"B": "AAE="}
    assert one("INSERT INTO t VALUE {'n': [?], 'PK': ?}", number(1), binary).values["PK"] == binary


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.text("?'\"ab ", min_size=1)
)
def test_any_string_and_any_name_is_read_as_it_was_quoted(value: str, name: str) -> None:
    literal = "'" + value.replace("'", "''") + "'"
    quoted = '"' + name.replace('"', '""') + '"'
    for statement in (
        f"INSERT INTO t VALUE {{'x': {literal}, {quoted}: {literal}}}",
        f"UPDATE t SET x = {literal} WHERE y = {literal} AND {quoted} = {literal}",
        f"DELETE FROM t WHERE ({quoted} = {literal}) RETURNING ALL OLD *",
    ):
        assert one(statement).values[name] == {"S": value}


@given(st.text("INSERTUPDATEINTO t{}[]()<>'\",:=?.-1aWHEREANDPK ", max_size=60))
def test_nonsense_is_refused_or_names_nothing_wrong(nonsense: str) -> None:
    for verb in ("INSERT INTO t VALUE ", "UPDATE t ", "DELETE FROM t WHERE "):
        try:
            write = one(verb + nonsense)
        except ApiError:
            continue
        assert all(len(value) == 1 for value in write.values.values())


def test_a_batch_and_a_transaction_have_a_write_per_statement() -> None:
    parts = [
        {"Statement": "DELETE FROM t WHERE PK = ?", "Parameters": [text("a")]},
        {"Statement": "UPDATE u SET v = 1 WHERE PK = 'b'"},
        {"Statement": 5},
        "DELETE FROM t WHERE PK = 'c'",
    ]
    for operation, name in (
        ("BatchExecuteStatement", "Statements"),
        ("ExecuteTransaction", "TransactStatements"),
    ):
        found = writes(operation, {name: parts, "Statement": "DELETE FROM v WHERE PK = 'd'"})
        assert [(write.table, write.values["PK"]) for write in found] == [
            ("t", text("a")),
            ("u", text("b")),
        ]
        assert tables(operation, {name: parts}) == ["t", "u"]


# What becomes of it


def execute(sandbox: RunningSandbox, region: str, statement: str, *parameters: Any) -> Any:
    more: dict[str, Any] = {"Parameters": list(parameters)} if parameters else {}
    return sandbox.client(region).execute_statement(Statement=statement, **more)


def test_insert_update_and_delete_reach_every_region(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    execute(sandbox, HOME, f"INSERT INTO \"{table}\" VALUE {{'PK': 'a', 'v': 1}}")
    sandbox.deliver()
    execute(sandbox, AWAY, f'UPDATE "{table}" SET v = v + ? WHERE PK = ?', number(1), text("a"))
    execute(sandbox, AWAY, f"INSERT INTO \"{table}\" VALUE {{'PK': 'gone'}}")
    sandbox.deliver()
    execute(sandbox, THIRD, f"DELETE FROM \"{table}\" WHERE PK = 'gone'")
    sandbox.drain()
    for region in REGIONS:
        assert sandbox.scan(table, region) == {"a": {"PK": text("a"), "v": number(2)}}
        records = sandbox.stream(table, region)
        assert broken_chains(records) == []
        assert sorted(record["eventName"] for record in records) == [
            "INSERT",
            "INSERT",
            "MODIFY",
            "REMOVE",
        ]


def test_two_regions_that_write_one_item_are_a_conflict(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.hold()
    for region in (HOME, AWAY):
        execute(sandbox, region, f"INSERT INTO \"{table}\" VALUE {{'PK': 'a', 'r': '{region}'}}")
    sandbox.deliver()
    winner = {"PK": text("a"), "r": text(AWAY)}
    assert [sandbox.scan(table, region)["a"] for region in REGIONS] == [winner] * 3
    (conflict,) = [each for each in sandbox.control.conflicts() if each.table == table]
    assert (conflict.winner.image, conflict.loser.region) == (winner, HOME)


def test_an_update_that_changes_nothing_is_the_later_write(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    execute(sandbox, HOME, f"INSERT INTO \"{table}\" VALUE {{'PK': 'a', 'v': 1}}")
    sandbox.deliver()
    sandbox.hold()
    execute(sandbox, HOME, f"UPDATE \"{table}\" SET v = 2 WHERE PK = 'a'")
    execute(sandbox, AWAY, f"UPDATE \"{table}\" SET v = 1 WHERE PK = 'a'")
    sandbox.deliver()
    assert [sandbox.scan(table, region)["a"]["v"] for region in REGIONS] == [number(1)] * 3


def test_a_statement_whose_condition_fails_writes_nothing(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    execute(sandbox, HOME, f"INSERT INTO \"{table}\" VALUE {{'PK': 'a', 'v': 1}}")
    sandbox.deliver()
    refusals = {
        f"INSERT INTO \"{table}\" VALUE {{'PK': 'a'}}": "DuplicateItemException",
        f"UPDATE \"{table}\" SET v = 2 WHERE PK = 'a' AND v = 5": "ConditionalCheckFailedException",
        f"UPDATE \"{table}\" SET PK = 'b' WHERE PK = 'a'": "ValidationException",
        f'UPDATE "{table}" SET v = 2 WHERE PK = a': "ValidationException",
    }
    for statement, code in refusals.items():
        assert error_of(partial(execute, sandbox, HOME, statement))[0] == code
    assert sandbox.control.status().backlog == 0
    assert [len(sandbox.stream(table, region)) for region in REGIONS] == [1, 1, 1]


def test_a_batch_replicates_what_was_done_of_it(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    execute(sandbox, HOME, f"INSERT INTO \"{table}\" VALUE {{'PK': 'a'}}")
    statements: list[Any] = [
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'PK': '{key}'}}"} for key in "abc"
    ]
    no_key: Any = {"Statement": f'UPDATE "{table}" SET v = 1'}
    answered = sandbox.client(HOME).batch_execute_statement(Statements=[*statements, no_key])
    errors = [each.get("Error", {}).get("Code") for each in answered["Responses"]]
    assert errors == ["DuplicateItem", None, None, "ValidationError"]
    sandbox.drain()
    assert [set(sandbox.scan(table, region)) for region in REGIONS] == [{"a", "b", "c"}] * 3


def test_a_batch_with_a_statement_that_makes_no_sense_does_nothing(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    good = f"INSERT INTO \"{table}\" VALUE {{'PK': 'a'}}"
    bad = f"INSERT INTO \"{table}\" VALUE {{'PK': 'b'"
    wrong_type = f"INSERT INTO \"{table}\" VALUE {{'PK': 5}}"
    client = sandbox.client(HOME)
    for other in (bad, wrong_type):
        parts: list[Any] = [{"Statement": good}, {"Statement": other}]
        code, _ = error_of(partial(client.batch_execute_statement, Statements=parts))
        assert code == "ValidationException"
    assert sandbox.scan(table, HOME) == {}


def test_a_transaction_is_whole_and_done_once_for_its_token(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    client = sandbox.client(HOME)
    insert: list[Any] = [
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'PK': '{key}', 'v': 0}}"} for key in "ab"
    ]
    client.execute_transaction(TransactStatements=insert)
    add: list[Any] = [
        {"Statement": f"UPDATE \"{table}\" SET v = v + 1 WHERE PK = '{key}'"} for key in "ab"
    ]
    for _ in range(2):
        client.execute_transaction(TransactStatements=add, ClientRequestToken="once-only")
    half = [add[0], {"Statement": f"UPDATE \"{table}\" SET v = 9 WHERE PK = 'c'"}]
    refused = error_of(lambda: client.execute_transaction(TransactStatements=half))
    assert refused[0] == "TransactionCanceledException"
    sandbox.drain()
    for region in REGIONS:
        values = {key: item["v"] for key, item in sandbox.scan(table, region).items()}
        assert values == {"a": number(1), "b": number(1)}
        assert len(sandbox.stream(table, region)) == 4


def test_no_acknowledged_statement_is_lost_when_the_sandbox_is_killed(start: Start) -> None:
    own = start(lag_ms=20)
    own.create_table("lasting", HOME, AWAY)
    execute(own, HOME, "INSERT INTO lasting VALUE {'PK': 'a', 'v': 0}")
    acknowledged = [0]
    stopped = threading.Event()

    def count() -> None:
        client = own.client(HOME)
        value = 0
        while not stopped.is_set():
            value += 1
            statement = f"UPDATE lasting SET v = {value} WHERE PK = 'a'"
            try:
                client.execute_statement(Statement=statement)
            except (BotoCoreError, ClientError):
                time.sleep(0.01)
            else:
                acknowledged[0] = value

    writer = threading.Thread(target=count, daemon=True)
    writer.start()
    for _ in range(2):
        before = acknowledged[0]
        wait_until(lambda before=before: acknowledged[0] > before + 5)  # type: ignore[misc]
        time.sleep(random.random() / 20)
        own.kill()
        own.restart()
    stopped.set()
    writer.join()
    own.drain()
    stored = [int(own.scan("lasting", region)["a"]["v"]["N"]) for region in (HOME, AWAY)]
    assert stored[0] == stored[1] >= acknowledged[0]
    for region in (HOME, AWAY):
        assert broken_chains(own.stream("lasting", region)) == []
