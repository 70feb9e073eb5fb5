"""A control plane of global tables that says what AWS says, takes its time, and fails when told.

Version 2019.11.21, real HTTP on one port for all regions: the region is read from the signature.
Time goes by with every DescribeTable, so no test waits for a clock.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/")
STEPS = 3
"""Descriptions until a table, or a replica, is ACTIVE or gone."""

TARGET, POLICY = "RegisterScalableTarget", "PutScalingPolicy"
SCALING = (TARGET, POLICY, "DescribeScalableTargets", "DescribeScalingPolicies")

Body = dict[str, Any]


class Refusal(Exception):
    """An error answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def validation(message: str) -> Refusal:
    return Refusal("ValidationException", message)


def in_use() -> Refusal:
    return Refusal(
        "ResourceInUseException", "The resource which you are attempting to change is in use."
    )


@dataclass
class Replica:
    """One region's table. `left` counts the descriptions until its status changes."""

    region: str
    request: Body
    source: str = ""
    status: str = "CREATING"
    left: int = STEPS
    born: int = 0
    group: int = 0
    ttl: str = ""
    protected: bool = False
    backed_up: bool = False
    stream: Body | None = None
    shown: bool = True


@dataclass
class Fault:
    """What goes wrong with the next calls of an operation."""

    code: str
    message: str
    times: int


@dataclass
class ControlPlaneState:
    """All regions' tables, the calls made, and the faults to come."""

    replicas: dict[tuple[str, str], Replica] = field(default_factory=dict)
    calls: list[tuple[str, str, Body]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    hang_ups: dict[str, int] = field(default_factory=dict)
    failing_replicas: set[str] = field(default_factory=set)
    own_lag: dict[str, int] = field(default_factory=dict)
    """Region → how often it goes on calling its own replica CREATING when others call it ACTIVE."""

    listed_lag: dict[str, int] = field(default_factory=dict)
    """Region → how often others go on calling its replica CREATING when it calls it ACTIVE."""

    strong: set[str] = field(default_factory=set)
    scaling: set[str] = field(default_factory=set)
    has_autoscaling: bool = True
    lists_itself: bool = False
    births: int = 0

    def forget(self) -> None:
        """Back to a world without tables."""
        for name, value in vars(ControlPlaneState()).items():
            setattr(self, name, value)

    def changes(self) -> list[tuple[str, str]]:
        """(region, operation) of every call that is not a mere description, in order."""
        return [
            (region, operation)
            for region, operation, _ in self.calls
            if not operation.startswith("Describe")
        ]

    def regions_of(self, table: str) -> dict[str, str]:
        """Region → status of every replica."""
        return {
            region: replica.status
            for (region, name), replica in self.replicas.items()
            if name == table
        }

    def refuse(self, operation: str, code: str, message: str = "No.", *, times: int = 1) -> None:
        self.faults[operation] = Fault(code=code, message=message, times=times)

    def hang_up_after(self, operation: str, *, times: int = 1) -> None:
        """The change is made, and the connection closed instead of answering."""
        self.hang_ups[operation] = times

    def answer(self, region: str, operation: str, body: Body) -> Body:
        self.calls.append((region, operation, body))
        fault = self.faults.get(operation)
        if fault is not None and fault.times:
            fault.times -= 1
            raise Refusal(fault.code, fault.message)
        handlers = {
            "CreateTable": self._create,
            "DescribeTable": self._describe,
            "UpdateTable": self._update,
            "DeleteTable": self._delete,
            "DescribeTimeToLive": self._describe_ttl,
            "UpdateTimeToLive": self._update_ttl,
            "DescribeContinuousBackups": self._backups,
            "UpdateContinuousBackups": self._set_backups,
        }
        if operation in SCALING:
            return self._scale(operation)
        return handlers[operation](region, body)

    def tables(self, table: str) -> list[Replica]:
        """Every region's table of that name."""
        return [each for (_, name), each in self.replicas.items() if name == table]

    def group(self, replica: Replica) -> list[Replica]:
        """The replica itself and those it replicates with."""
        named = self.tables(replica.request["TableName"])
        return [each for each in named if each.group == replica.group]

    def _create(self, region: str, body: Body) -> Body:
        table = body["TableName"]
        if (region, table) in self.replicas:
            raise Refusal("ResourceInUseException", f"Table already exists: {table}")
        self.births += 1
        replica = Replica(
            region=region,
            request=body,
            born=self.births,
            group=self.births,
            stream=body.get("StreamSpecification"),
        )
        self.replicas[region, table] = replica
        return {"TableDescription": self._described(replica)}

    def _describe(self, region: str, body: Body) -> Body:
        replica = self._find(region, body)
        for each in self.tables(body["TableName"]):
            self._grow_older(each)
        if (region, body["TableName"]) not in self.replicas:
            raise self._missing(body)
        described = self._described(replica)
        if replica.status == "ACTIVE" and self._still(self.own_lag, region):
            described["TableStatus"] = "CREATING"
        return {"Table": described}

    def _still(self, lags: dict[str, int], region: str) -> bool:
        lags[region] = lags.get(region, 0) - 1
        return lags[region] >= 0

    def _listed(self, replica: Replica) -> Body:
        active = replica.status == "ACTIVE"
        lags = active and self._still(self.listed_lag, replica.region)
        status = "CREATING" if lags else replica.status
        return {"RegionName": replica.region, "ReplicaStatus": status}

    def _grow_older(self, replica: Replica) -> None:
        if replica.status not in ("CREATING", "UPDATING", "DELETING"):
            return
        replica.shown = True
        replica.left -= 1
        if replica.left > 0:
            return
        table = replica.request["TableName"]
        if replica.status == "DELETING":
            del self.replicas[replica.region, table]
        elif replica.region in self.failing_replicas:
            replica.status = "CREATION_FAILED"
        else:
            replica.status = "ACTIVE"

    def _update(self, region: str, body: Body) -> Body:
        replica = self._find(region, body)
        if replica.status != "ACTIVE":
            raise in_use()
        if "ReplicaUpdates" in body:
            self._update_replicas(replica, body)
        if "StreamSpecification" in body:
            replica.stream = body["StreamSpecification"]
            self._busy(replica)
        if "DeletionProtectionEnabled" in body:
            replica.protected = body["DeletionProtectionEnabled"]
            self._busy(replica)
        return {"TableDescription": self._described(replica)}

    def _busy(self, replica: Replica) -> None:
        replica.status, replica.left = "UPDATING", STEPS

    def _update_replicas(self, source: Replica, body: Body) -> None:
        table = body["TableName"]
        if any(each.status != "ACTIVE" for each in self.group(source)):
            raise in_use()
        actions = [next(iter(update.items())) for update in body["ReplicaUpdates"]]
        strong = body.get("MultiRegionConsistency") == "STRONG" or table in self.strong
        if len(actions) > 1 and not strong:
            raise validation(
                "Update table operation with more than one create or delete replica actions "
                "not allowed"
            )
        for kind, action in actions:
            if kind == "Create":
                self._add(source, action["RegionName"])
            else:
                self._remove(source, action["RegionName"])
        if strong:
            self.strong.add(table)
        self._busy(source)

    def _add(self, source: Replica, region: str) -> None:
        table = source.request["TableName"]
        if (region, table) in self.replicas:
            raise validation(
                f"Failed to create a the new replica of table with name: ‘{table}’ because one "
                "or more replicas already existed as tables."
            )
        if "ProvisionedThroughput" in source.request and {TARGET, POLICY} - self.scaling:
            raise validation("Table write capacity should either be Pay-Per-Request or AutoScaled.")
        self.births += 1
        self.replicas[region, table] = Replica(
            region=region,
            request=source.request,
            source=source.region,
            left=STEPS + 1,
            born=self.births,
            group=source.group,
            ttl=source.ttl,
            stream=source.stream,
            shown=False,
        )

    def _remove(self, source: Replica, region: str) -> None:
        table = source.request["TableName"]
        leaving = self.replicas.get((region, table))
        if leaving is None:
            raise validation(
                "Update global table operation failed because one or more replicas were not part "
                f"of the global table. Please retry the request without these replicas: [{region}]."
            )
        if any(each.source == region for each in self.group(source)):
            raise validation(
                "Replica cannot be deleted because it has acted as a source region for new "
                "replica(s) being added to the table in the last 24 hours."
            )
        leaving.status, leaving.left = "DELETING", STEPS

    def _delete(self, region: str, body: Body) -> Body:
        replica = self._find(region, body)
        if replica.protected:
            raise validation(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        if replica.status != "ACTIVE":
            raise in_use()
        replica.status, replica.left = "DELETING", STEPS
        return {"TableDescription": self._described(replica)}

    def _describe_ttl(self, region: str, body: Body) -> Body:
        ttl = self._find(region, body).ttl
        described = {"TimeToLiveStatus": "ENABLED", "AttributeName": ttl} if ttl else {}
        return {"TimeToLiveDescription": described or {"TimeToLiveStatus": "DISABLED"}}

    def _update_ttl(self, region: str, body: Body) -> Body:
        specification = body["TimeToLiveSpecification"]
        self._find(region, body).ttl = specification["AttributeName"]
        return {"TimeToLiveSpecification": specification}

    def _backups(self, region: str, body: Body) -> Body:
        status = "ENABLED" if self._find(region, body).backed_up else "DISABLED"
        point = {"PointInTimeRecoveryStatus": status}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": point}}

    def _set_backups(self, region: str, body: Body) -> Body:
        wanted = body["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        self._find(region, body).backed_up = wanted
        return self._backups(region, body)

    def _scale(self, operation: str) -> Body:
        if not self.has_autoscaling:
            raise Refusal("UnknownOperationException", "")
        if operation in (TARGET, POLICY):
            self.scaling.add(operation)
        answers: dict[str, Body] = {
            "DescribeScalableTargets": {"ScalableTargets": [{}] if TARGET in self.scaling else []},
            "DescribeScalingPolicies": {"ScalingPolicies": [{}] if POLICY in self.scaling else []},
            TARGET: {},
            POLICY: {"PolicyARN": "arn:aws:autoscaling:policy"},
        }
        return answers[operation]

    def _find(self, region: str, body: Body) -> Replica:
        found = self.replicas.get((region, body["TableName"]))
        if found is None:
            raise self._missing(body)
        return found

    def _missing(self, body: Body) -> Refusal:
        return Refusal(
            "ResourceNotFoundException",
            f"Requested resource not found: Table: {body['TableName']} not found",
        )

    def _described(self, replica: Replica) -> Body:
        table = replica.request["TableName"]
        described: Body = {
            "TableName": table,
            "TableStatus": replica.status,
            "KeySchema": replica.request["KeySchema"],
            "AttributeDefinitions": replica.request["AttributeDefinitions"],
            "CreationDateTime": 1_700_000_000 + replica.born,
            "DeletionProtectionEnabled": replica.protected,
        }
        if replica.request.get("BillingMode"):
            described["BillingModeSummary"] = {"BillingMode": replica.request["BillingMode"]}
        if replica.stream:
            described["StreamSpecification"] = replica.stream
        if table in self.strong:
            described["MultiRegionConsistency"] = "STRONG"
        others = [
            self._listed(each)
            for each in self.group(replica)
            if each.shown and (self.lists_itself or each.region != replica.region)
        ]
        in_group = any(each.source for each in self.group(replica))
        return described | ({"Replicas": others} if in_group else {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # of five, a sixth caller at once would wait for a second and more


class ControlPlaneServer:
    """Where the fake answers, and what it holds."""

    def __init__(self, url: str, state: ControlPlaneState) -> None:
        self.url = url
        self.state = state

    def endpoints(self, *regions: str) -> dict[str, str]:
        return dict.fromkeys(regions, self.url)


@contextmanager
def running_control_plane() -> Iterator[ControlPlaneServer]:
    """A fresh control plane, for as long as the block."""
    state = ControlPlaneState()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            found = SCOPE.search(self.headers["Authorization"])
            assert found is not None
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                status, answer = self._ask(found["region"], operation, body)
                hangs_up = state.hang_ups.get(operation, 0) > 0
                state.hang_ups[operation] = state.hang_ups.get(operation, 0) - hangs_up
            if hangs_up:
                self.close_connection = True
                return
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _ask(self, region: str, operation: str, body: Body) -> tuple[int, Body]:
            try:
                return 200, state.answer(region, operation, body)
            except Refusal as error:
                kind = f"com.amazonaws.dynamodb.v20120810#{error.code}"
                return 400, {"__type": kind, "message": str(error)}

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: a test's output is its own."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield ControlPlaneServer(f"http://127.0.0.1:{server.server_address[1]}", state)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
