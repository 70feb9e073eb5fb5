"""PartiQL, reads and writes."""

# ruff: noqa: S608 - statements as text are what this is about

from collections.abc import Iterator, Sequence
from typing import Any

from tests.support.requests.base import FILL, Request, n, s

STATEMENTS: tuple[tuple[str, Sequence[Any]], ...] = (
    ("INSERT INTO things VALUE {'PK': 'q', 'SK': 1, 'v': [1, 'x', {'a': true}], 'n': 5}", ()),
    ("INSERT INTO \"things\" VALUE {'PK': ?, 'SK': ?}", (s("q"), n(2))),
    ("INSERT INTO things VALUE {'PK': 'q', 'SK': 1}", ()),
    ("INSERT INTO things VALUE {'PK': 'q'}", ()),
    ("INSERT INTO things VALUE {'PK': 'q', 'SK': 'x'}", ()),
    ("INSERT INTO things VALUE {'PK': '', 'SK': 1}", ()),
    ("INSERT INTO things VALUE {'PK': ?, 'SK': ?}", (s("q"),)),
    ("INSERT INTO things VALUE {'PK': ?, 'SK': ?}", (s("q"), n("x"))),
    ("INSERT INTO nope VALUE {'PK': 'q', 'SK': 1}", ()),
    ("INSERT INTO things VALUES {'PK': 'q', 'SK': 3}", ()),
    ("INSERT things VALUE {'PK': 'q', 'SK': 3}", ()),
    ("INSERT INTO things VALUE {'PK': 'q', 'SK': 3};", ()),
    ("UPDATE things SET n = 6 WHERE PK = 'q' AND SK = 1", ()),
    ("UPDATE things SET n = n + 1 WHERE PK = 'q' AND SK = 1 RETURNING ALL NEW *", ()),
    ("UPDATE things SET n = ?, s = 'it''s' WHERE SK = ? AND PK = ?", (n(8), n(1), s("q"))),
    ("UPDATE things REMOVE n WHERE PK = 'q' AND SK = 1 RETURNING MODIFIED OLD *", ()),
    ("UPDATE things SET n = 6 WHERE PK = 'q' AND SK = 1 AND n = 99", ()),
    ("UPDATE things SET n = 6 WHERE PK = 'zzz' AND SK = 1", ()),
    ("UPDATE things SET n = 6 WHERE PK = 'q'", ()),
    ("UPDATE things SET n = 6 WHERE PK = 'q' OR PK = 'r'", ()),
    ("UPDATE things SET n = 6 WHERE PK = 'q' AND SK > 1", ()),
    ("UPDATE things SET n = 6", ()),
    ("UPDATE things WHERE PK = 'q' AND SK = 1", ()),
    ("UPDATE things SET n = 6 WHERE PK = 1 AND SK = 1", ()),
    ("UPDATE nope SET n = 6 WHERE PK = 'q' AND SK = 1", ()),
    ("DELETE FROM things WHERE PK = 'q' AND SK = 2 RETURNING ALL OLD *", ()),
    ("DELETE FROM things WHERE PK = 'q' AND SK = 2", ()),
    ("DELETE FROM things WHERE PK = 'q' AND SK = 1 AND n = 77", ()),
    ("DELETE FROM things WHERE PK = ? AND SK = ?", (s("q"), n(1))),
    ("DELETE FROM things WHERE PK = 'q'", ()),
    ("DELETE FROM things", ()),
    ("DELETE things WHERE PK = 'q' AND SK = 1", ()),
    ("SELECT * FROM things WHERE PK = 'a'", ()),
    ('SELECT PK, n FROM "things"."by-l" WHERE PK = \'a\' AND L > 3', ()),
    ("SELECT * FROM things WHERE PK = ? AND SK IN [1, 2]", (s("a"),)),
    ("SELECT * FROM nope", ()),
    ("SELECT FROM things", ()),
    ("DROP TABLE things", ()),
    ("", ()),
)


def statements() -> Iterator[Request]:
    """PartiQL, read and write, alone, in batches and in transactions."""
    yield from FILL
    for text, parameters in STATEMENTS:
        more: dict[str, Any] = {"Parameters": list(parameters)} if parameters else {}
        yield "ExecuteStatement", {"Statement": text, **more}
    select = "SELECT * FROM things WHERE PK = 'a'"
    for more in ({"Limit": 2}, {"ConsistentRead": True}, {"ReturnConsumedCapacity": "TOTAL"}):
        yield "ExecuteStatement", {"Statement": select, **more}
    yield "ExecuteStatement", {"Statement": 5}
    yield "ExecuteStatement", {"Statement": select, "Parameters": []}
    inserts = [
        {"Statement": f"INSERT INTO things VALUE {{'PK': 'w', 'SK': {at}}}"} for at in range(26)
    ]
    reads = [{"Statement": f"SELECT * FROM things WHERE PK='a' AND SK={at}"} for at in (1, 2)]
    broken = {"Statement": "garbage"}
    no_key = {"Statement": "UPDATE things SET n = 1 WHERE PK = 'w'"}
    batches: tuple[Any, ...] = (
        inserts[:2],
        [inserts[0], inserts[2], broken, no_key],
        [inserts[3], inserts[3]],
        inserts,
        reads,
        [reads[0], inserts[4]],
        [],
        [{}],
        "x",
    )
    for parts in batches:
        yield "BatchExecuteStatement", {"Statements": parts}
        yield "ExecuteTransaction", {"TransactStatements": parts}
    token = {"ClientRequestToken": "statement-1"}
    yield "ExecuteTransaction", {"TransactStatements": [inserts[9]], **token}
    yield "ExecuteTransaction", {"TransactStatements": [inserts[9]], **token}
