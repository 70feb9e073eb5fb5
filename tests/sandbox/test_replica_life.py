"""A replica's life at a pace that can be watched, and through crashes at every moment of it."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.global_tables import (
    IN_USE,
    NOT_FOUND,
    VALIDATION,
    change,
    create,
    delete,
    describe,
    refusal,
    replicas,
    update,
)
from tests.support.paces import SteppedSandbox
from tests.support.sandbox import REGIONS, RunningSandbox, error_of, frozen, text, wait_until

HOME, AWAY, THIRD = REGIONS
Start = Callable[..., RunningSandbox]
States = tuple[str, str | None, str | None]
SLOW = 600.0
"""A pace at which nothing moves by itself; tests move it by the ledger."""


@pytest.fixture
def stepped(tmp_path: Path, dynoxide: None) -> Iterator[SteppedSandbox]:  # noqa: ARG001
    """A sandbox of the test's own, and the steps of its replicas' lives as the test lets them."""
    with SteppedSandbox(tmp_path / "stepped") as own:
        yield own
    assert "Traceback" not in own.output(), own.output()


def test_a_replica_comes_in_the_steps_that_aws_shows(stepped: SteppedSandbox) -> None:
    stepped.create_table("watched", HOME)
    stepped.hold_steps()
    answered = change(stepped, "watched", HOME, create(AWAY))
    assert (answered["TableStatus"], answered["Replicas"]) == ("UPDATING", [])
    assert _states(stepped) == ("UPDATING", None, None)
    for state in (
        ("UPDATING", "CREATING", None),
        ("UPDATING", "CREATING", "CREATING"),
        ("ACTIVE", "ACTIVE", "ACTIVE"),
    ):
        _step_to(stepped, state)


def test_a_replica_goes_in_the_steps_that_aws_shows(stepped: SteppedSandbox) -> None:
    stepped.create_table("watched", HOME, AWAY)
    stepped.hold_steps()
    answered = change(stepped, "watched", HOME, delete(AWAY))
    assert (answered["TableStatus"], replicas(answered)) == ("UPDATING", {AWAY: "ACTIVE"})
    assert _states(stepped) == ("UPDATING", "ACTIVE", "ACTIVE")
    for state in (("ACTIVE", "DELETING", "DELETING"), ("ACTIVE", None, None)):
        _step_to(stepped, state)
    assert "GlobalTableVersion" not in describe(stepped, "watched", HOME)


def test_a_region_is_free_again_only_when_its_replica_is_gone(start: Start) -> None:
    own = start(pace_seconds=SLOW)
    own.create_table("watched", HOME)
    _make_global(own, "watched", HOME, AWAY)
    change(own, "watched", HOME, delete(AWAY))
    assert refusal(own, "watched", HOME, create(AWAY))[0] == IN_USE
    _move(own, "watched", AWAY, phase="")
    _move(own, "watched", HOME, status="ACTIVE")
    code, message = refusal(own, "watched", HOME, create(AWAY))
    assert (code, "already existed as tables" in message) == (VALIDATION, True)
    assert refusal(own, "watched", HOME, create(THIRD))[0] == IN_USE


def test_a_creating_replica_knows_nothing_of_backups_policies_and_the_like(start: Start) -> None:
    own = start(pace_seconds=SLOW)
    own.create_table("watched", HOME)
    _make_global(own, "watched", HOME, AWAY)
    _move(own, "watched", AWAY, status="CREATING", source=HOME)
    client = own.client(AWAY)
    arn = describe(own, "watched", AWAY)["TableArn"]
    assert describe(own, "watched", AWAY)["TableStatus"] == "CREATING"
    for call, code in (
        (lambda: client.describe_continuous_backups(TableName="watched"), "TableNotFoundException"),
        (lambda: client.describe_kinesis_streaming_destination(TableName="watched"), NOT_FOUND),
        (lambda: client.get_resource_policy(ResourceArn=arn), NOT_FOUND),
        (lambda: client.delete_table(TableName="watched"), IN_USE),
        (lambda: update(own, "watched", AWAY, BillingMode="PAY_PER_REQUEST"), IN_USE),
    ):
        assert error_of(call)[0] == code
    assert "watched" in client.list_tables()["TableNames"]


@pytest.mark.parametrize(("steps", "moment"), [(0, "ASKED"), (1, "LISTED"), (2, "")])
def test_a_replica_is_made_to_the_end_after_a_crash(
    stepped: SteppedSandbox, steps: int, moment: str
) -> None:
    own = stepped
    own.create_table("cut", HOME, StreamSpecification=_stream("KEYS_ONLY"))
    own.client(HOME).put_item(TableName="cut", Item={"PK": text("a")})
    own.hold_steps()
    change(own, "cut", HOME, create(AWAY))
    _crash(own, steps, moment)
    own.wait_active("cut", HOME, AWAY)
    assert set(own.scan("cut", AWAY)) == {"a"}
    for region in (HOME, AWAY):
        assert describe(own, "cut", region)["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"


@pytest.mark.parametrize(("steps", "moment"), [(0, "LEAVING"), (1, "")])
def test_a_replica_is_taken_down_to_the_end_after_a_crash(
    stepped: SteppedSandbox, steps: int, moment: str
) -> None:
    own = stepped
    own.create_table("cut", HOME, AWAY)
    own.hold_steps()
    change(own, "cut", HOME, delete(AWAY))
    _crash(own, steps, moment)
    own.wait_gone("cut", AWAY)
    own.wait_active("cut", HOME)
    assert "Replicas" not in describe(own, "cut", HOME)
    own.add_replica("cut", HOME, AWAY)
    own.wait_active("cut", HOME, AWAY)


def test_a_disassociation_is_finished_after_a_crash(start: Start) -> None:
    own = start()
    own.create_table("cut", HOME, AWAY)
    own.hold()
    own.client(HOME).put_item(TableName="cut", Item={"PK": text("due")})
    update(own, "cut", AWAY, DisassociationProtectionEnabled=False)
    mode = {"RegionName": AWAY, "DisassociationMode": "WAIT_FOR_REPLICATION"}
    change(own, "cut", AWAY, {"Disassociate": mode})
    own.kill()
    own.restart()
    assert describe(own, "cut", AWAY)["TableStatus"] == "UPDATING"
    own.deliver()
    own.wait_active("cut", HOME, AWAY)
    assert "Replicas" not in describe(own, "cut", AWAY)
    assert set(own.scan("cut", AWAY)) == {"due"}


def test_a_table_whose_making_was_cut_short_is_none_and_can_be_made(start: Start) -> None:
    """Nobody was told of it, and its engine may have made it by half."""
    own = start()
    own.create_table("born", HOME)
    own.kill()
    _edit(own, "born", HOME, status="CREATING", stream_label="", key_names=[])
    engine = own.folder / "data" / "engines" / f"{HOME}.db"
    with closing(sqlite3.connect(engine, isolation_level=None)) as halved:
        halved.execute("DROP TABLE born")
    own.restart()
    assert error_of(lambda: describe(own, "born", HOME))[0] == NOT_FOUND
    own.create_table("born", HOME)
    own.client(HOME).put_item(TableName="born", Item={"PK": text("a")})


def test_a_table_whose_making_was_cut_short_is_none_though_it_is_protected(start: Start) -> None:
    own = start()
    own.create_table("born", HOME, DeletionProtectionEnabled=True)
    own.kill()
    _edit(own, "born", HOME, status="CREATING", stream_label="", key_names=[])
    own.restart()
    assert error_of(lambda: describe(own, "born", HOME))[0] == NOT_FOUND
    own.create_table("born", HOME)
    assert describe(own, "born", HOME)["DeletionProtectionEnabled"] is False


def test_a_table_that_no_engine_made_before_the_crash_is_none(start: Start) -> None:
    own = start()
    own.create_table("born", HOME)
    own.kill()
    own.ledger(
        "UPDATE replicas SET table_name = 'unborn', body = json_set(body, '$.table', 'unborn', "
        "'$.status', 'CREATING')"
    )
    own.restart()
    assert error_of(lambda: describe(own, "unborn", HOME))[0] == NOT_FOUND
    own.create_table("unborn", HOME)


def test_a_back_fill_waits_for_a_paused_region_and_then_goes_on(start: Start) -> None:
    own = start()
    own.create_table("filled", HOME)
    own.client(HOME).put_item(TableName="filled", Item={"PK": text("a")})
    own.control.pause(HOME)
    own.add_replica("filled", HOME, AWAY)
    wait_until(lambda: _phase(own, "filled", AWAY) == "")
    assert replicas(describe(own, "filled", HOME)) == {AWAY: "CREATING"}
    own.control.resume(HOME)
    own.wait_active("filled", HOME, AWAY)
    assert set(own.scan("filled", AWAY)) == {"a"}


def test_a_back_fill_of_several_pages_brings_every_item_and_its_version(start: Start) -> None:
    """An older write that arrives late must not undo what was copied."""
    own = start()
    own.create_table("filled", HOME)
    keys = [f"k{place}" for place in range(550)]
    for first in range(0, len(keys), 25):
        puts: list[Any] = [
            {"PutRequest": {"Item": {"PK": text(key), "v": text("HOME")}}}
            for key in keys[first : first + 25]
        ]
        own.client(HOME).batch_write_item(RequestItems={"filled": puts})
    own.add_replica("filled", HOME, AWAY)
    own.wait_active("filled", HOME, AWAY)
    own.hold()
    own.client(AWAY).put_item(TableName="filled", Item={"PK": text("k7"), "v": text("older")})
    own.client(HOME).put_item(TableName="filled", Item={"PK": text("k7"), "v": text("newer")})
    own.client(HOME).delete_item(TableName="filled", Key={"PK": text("k8")})
    own.add_replica("filled", HOME, THIRD)
    wait_until(lambda: _phase(own, "filled", THIRD) == "")
    own.deliver()
    own.wait_active("filled", *REGIONS)
    found = own.scan("filled", THIRD)
    assert found == own.scan("filled", HOME) == own.scan("filled", AWAY)
    assert (len(found), found["k7"]["v"], "k8" in found) == (549, text("newer"), False)
    assert own.stream("filled", THIRD) == []


def test_an_engine_that_is_killed_amid_a_back_fill_does_not_stop_it(start: Start) -> None:
    own = start()
    own.create_table("filled", HOME)
    for first in range(0, 500, 25):
        puts: list[Any] = [
            {"PutRequest": {"Item": {"PK": text(f"k{first + place}")}}} for place in range(25)
        ]
        own.client(HOME).batch_write_item(RequestItems={"filled": puts})
    own.add_replica("filled", HOME, AWAY)
    own.kill_engine(AWAY)
    own.kill_engine(HOME)
    own.wait_active("filled", HOME, AWAY)
    assert len(own.scan("filled", AWAY)) == 500


def test_a_replica_whose_table_was_made_by_half_is_made_anew(stepped: SteppedSandbox) -> None:
    """An engine that is killed amid a CreateTable may know the table, and have no room for it."""
    own = stepped
    own.create_table("halved", HOME)
    own.client(HOME).put_item(TableName="halved", Item={"PK": text("a")})
    own.hold_steps()
    own.add_replica("halved", HOME, AWAY)
    own.kill()
    own.let_steps()
    engines = own.folder / "data" / "engines"
    with closing(sqlite3.connect(engines / f"{AWAY}.db", isolation_level=None)) as halved:
        halved.execute("ATTACH ? AS home", (str(engines / f"{HOME}.db"),))
        halved.execute("INSERT INTO _tables SELECT * FROM home._tables")
    own.restart()
    own.wait_active("halved", HOME, AWAY)
    assert set(own.scan("halved", AWAY)) == {"a"}


def test_a_replica_whose_source_forgot_everything_goes_as_well(start: Start) -> None:
    """An engine without a file is empty when it comes back."""
    own = start(in_memory=True)
    own.create_table("lost", HOME)
    own.client(HOME).put_item(TableName="lost", Item={"PK": text("a")})
    own.control.pause(HOME)
    own.add_replica("lost", HOME, AWAY)
    wait_until(lambda: "lost" in own.tables(AWAY))
    own.kill_engine(HOME)
    own.wait_gone("lost", AWAY)
    own.create_table("lost", AWAY)


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        ("create_table", ["kept", "other"]),
        ("delete_table", ["kept"]),
        ("delete_table kept", ["kept", "other"]),
    ],
)
def test_a_table_whose_engine_ends_before_it_answers_is_not_there(
    start: Start, operation: str, left: list[str]
) -> None:
    own = start(regions=(HOME,))
    own.create_table("other", HOME)
    own.create_table("kept", HOME, DeletionProtectionEnabled=True)
    client, pid = own.client(HOME), own.engine_pid(HOME)
    asked = {
        "create_table": lambda: own.create_table("new", HOME),
        "delete_table": lambda: client.delete_table(TableName="other"),
        "delete_table kept": lambda: client.delete_table(TableName="kept"),
    }[operation]
    with ThreadPoolExecutor(1) as pool, frozen(pid):
        refused = pool.submit(error_of, asked)
        status = "CREATING" if operation == "create_table" else "DELETING"
        wait_until(lambda: status in _statuses(own), "the engine to be asked")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert refused.result()[0] == "InternalServerError"
    assert client.list_tables()["TableNames"] == left
    for table in {"new", "other"} - set(left):
        own.create_table(table, HOME)
        client.put_item(TableName=table, Item={"PK": text("a")})


def _step_to(own: SteppedSandbox, state: States) -> None:
    """One step of the replica's life later the table is seen in this state."""
    own.let_step()
    wait_until(lambda: _states(own) == state, str(state))


def _crash(own: SteppedSandbox, steps: int, moment: str) -> None:
    """Killed at a moment of the replica's life; after the restart nothing holds it."""
    for _ in range(steps):
        own.let_step()
    wait_until(lambda: _phase(own, "cut", AWAY) == moment, moment)
    own.kill()
    own.let_steps()
    own.restart()


def _states(own: RunningSandbox) -> States:
    """The source's status, the replica's as the source sees it, and as its own region does."""
    home = describe(own, "watched", HOME)
    try:
        replica = describe(own, "watched", AWAY)["TableStatus"]
    except own.client(AWAY).exceptions.ResourceNotFoundException:
        replica = None
    again = describe(own, "watched", HOME)
    if (home["TableStatus"], home.get("Replicas")) != (again["TableStatus"], again.get("Replicas")):
        return _states(own)
    listed = {each["RegionName"]: each["ReplicaStatus"] for each in home.get("Replicas", [])}
    return home["TableStatus"], listed.get(AWAY), replica


def _phase(own: RunningSandbox, table: str, region: str) -> str | None:
    found = own.ledger(
        "SELECT body FROM replicas WHERE table_name = ? AND region = ?", table, region
    )
    return json.loads(found[0][0])["phase"] if found else None


def _statuses(own: RunningSandbox) -> set[str]:
    """What the ledger has of its tables; it knows what an engine is asked before the engine."""
    return {json.loads(body)["status"] for (body,) in own.ledger("SELECT body FROM replicas")}


def _stream(view: str) -> dict[str, Any]:
    return {"StreamEnabled": True, "StreamViewType": view}


def _make_global(own: RunningSandbox, table: str, home: str, away: str) -> None:
    """Two tables made one group while the sandbox is down: at its pace it would take too long."""
    own.create_table(table, away)
    own.kill()
    for region in (home, away):
        _edit(own, table, region, is_global=True, group_id="test")
    own.restart()


def _move(own: RunningSandbox, table: str, region: str, **fields: Any) -> None:
    """What a later step would have done."""
    own.kill()
    _edit(own, table, region, **fields)
    own.restart()


def _edit(own: RunningSandbox, table: str, region: str, **fields: Any) -> None:
    ((body,),) = own.ledger(
        "SELECT body FROM replicas WHERE table_name = ? AND region = ?", table, region
    )
    changed = json.dumps({**json.loads(body), **fields})
    own.ledger(
        "UPDATE replicas SET body = ? WHERE table_name = ? AND region = ?",
        changed,
        table,
        region,
    )
