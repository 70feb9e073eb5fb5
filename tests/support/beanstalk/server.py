"""The stand-in for Elastic Beanstalk: one HTTP server on this machine, any number of regions.

It is also the way to the environments' sites: a client that takes it for its HTTP proxy reaches
them by the names Elastic Beanstalk gave them.
"""

import http.server
import json
import re
import threading
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.beanstalk import wire
from tests.support.beanstalk.environments import Content, Environment
from tests.support.beanstalk.faults import Call, Fault, Kind, Visit
from tests.support.beanstalk.neighbours import Neighbours
from tests.support.beanstalk.plays import Change, Play
from tests.support.beanstalk.region import Refusal, Region

HOST = "127.0.0.1"
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/elasticbeanstalk/aws4_request")
PATHS = ("/healthz/live", "/healthz/ready")


class NoAnswer(Exception):
    """The connection ends without an answer."""


class Beanstalk:
    """The service, and what a test does to it.

    Time passes with DescribeEnvironments and, for versions, DescribeApplicationVersions. Requests
    that no client may send are kept in `violations`.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._lock = threading.RLock()
        self._server = _Server((HOST, 0), _Handler)
        self._server.stand_in = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._forget()

    def _forget(self) -> None:
        self.calls: list[Call] = []
        self.visits: list[Visit] = []
        self.violations: list[str] = []
        self._regions: dict[str, Region] = {}
        self._faults: list[Fault] = []
        self._site_status: dict[str, int] = {}
        self._let_go = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._neighbours.close()

    def reset(self) -> None:
        """As if nobody had ever asked; whoever still waits for an answer loses the connection."""
        with self._lock:
            self._let_go.set()
            self._forget()

    # What a test asks for

    def region(self, name: str) -> Region:
        """What a region has."""
        with self._lock:
            if name not in self._regions:
                self._regions[name] = Region(name, self._neighbours)
            return self._regions[name]

    def environment(self, region: str, name: str) -> Environment:
        """The one that exists; raises `Refusal`."""
        return self.region(region).environment(name)

    def play(self, region: str, *several: Play) -> None:
        """How the region treats its next changes, in turn; then they succeed again."""
        self.region(region).plays.extend(several)

    def operations(self, region: str) -> list[str]:
        """What the region was asked, in order."""
        return [each.operation for each in self.calls if each.region == region]

    @property
    def changes(self) -> list[Call]:
        """Every request that asked for a change, whatever came of it."""
        return [each for each in self.calls if each.changes]

    def keep_busy(self, region: str, name: str, *, polls: int = 2) -> None:
        """Somebody else's update of an environment is under way."""
        environment = self.environment(region, name)
        environment.begin(Change.CONFIGURE, environment.content, Play(polls=polls))

    def fail_version(self, region: str, label: str) -> None:
        """The region will not be able to process that version."""
        self.region(region).failing_versions.add(label)

    def take_prefix(self, region: str, prefix: str) -> None:
        """Somebody else has that CNAME."""
        self.region(region).taken_prefixes.add(prefix)

    def throttle(self, region: str, *, times: int = 1, operation: str = "") -> None:
        self.refuse(
            region, "Throttling", "Rate exceeded", times=times, operation=operation, status=400
        )

    def fail(self, region: str, *, times: int = 1, operation: str = "", status: int = 500) -> None:
        """The service is ill."""
        self.refuse(
            region,
            "InternalFailure",
            "The service failed.",
            times=times,
            operation=operation,
            status=status,
        )

    def refuse(
        self,
        region: str,
        code: str,
        message: str,
        *,
        times: int = 1,
        operation: str = "",
        status: int = 400,
    ) -> None:
        """The next requests get this error, and nothing is done."""
        self._add(
            kind=Kind.REFUSED,
            region=region,
            operation=operation,
            times=times,
            code=code,
            message=message,
            status=status,
        )

    def hang(self, region: str, *, times: int = 1, operation: str = "") -> None:
        """The next requests get no answer until the test is over, and nothing is done."""
        self._add(kind=Kind.HANGS, region=region, operation=operation, times=times)

    def lose_answers(self, region: str, *, times: int = 1, operation: str = "") -> None:
        """The next requests are carried out, and the connection ends without an answer."""
        self._add(kind=Kind.ANSWER_LOST, region=region, operation=operation, times=times)

    def heal(self, region: str) -> None:
        """No more faults in that region."""
        with self._lock:
            self._faults = [each for each in self._faults if each.region != region]

    def serve(self, region: str, status: int | None) -> None:
        """What the region's sites answer on /healthz/ready, whatever Elastic Beanstalk thinks."""
        with self._lock:
            self._site_status.pop(region, None)
            if status is not None:
                self._site_status[region] = status

    def stand(
        self,
        region: str,
        *,
        application: str,
        name: str,
        version: str,
        prefix: str = "",
        options: Sequence[tuple[str, str, str]] = (),
        tags: Sequence[dict[str, str]] = (),
    ) -> Environment:
        """An environment that is Ready and Green, without any request."""
        there = self.region(region)
        request: dict[str, Any] = {
            "ApplicationName": application,
            "EnvironmentName": name,
            "CNAMEPrefix": prefix or name,
            "Tags": list(tags),
        }
        content = Content(
            version=version,
            stack=there.stacks[1],
            options={(space, option): value for space, option, value in options},
        )
        with self._lock:
            if application not in there.applications:
                there.answer("CreateApplication", request | {"Tags": list(tags)})
            return there.stand(request, content)

    def _add(self, **what: Any) -> None:
        with self._lock:
            self._faults.append(Fault(**what))

    # What the server asks

    def answer(self, region: str, form: dict[str, str], request_id: str) -> tuple[int, bytes]:
        """Status and XML; raises `NoAnswer`."""
        operation = form.get("Action", "")
        try:
            request = wire.read(operation, form)
        except wire.Malformed as error:
            with self._lock:
                self.violations.append(f"{region}: {error}")
            return 400, wire.refusal("ValidationError", str(error), request_id)
        fault = self._fault(region, operation)
        if fault is not None and fault.kind is not Kind.ANSWER_LOST:
            return self._befall(fault, region, operation, request, request_id)
        status, told = self._carry_out(region, operation, request, request_id)
        if fault is not None:
            raise NoAnswer
        return status, told

    def _carry_out(
        self, region: str, operation: str, request: dict[str, Any], request_id: str
    ) -> tuple[int, bytes]:
        with self._lock:
            try:
                result = self.region(region).answer(operation, request)
            except Refusal as refused:
                self._note(region, operation, request, refused.code)
                told = wire.refusal(refused.code, refused.message, request_id)
                return refused.status, told
            self._note(region, operation, request)
            return 200, wire.answer(operation, result, request_id)

    def _befall(
        self, fault: Fault, region: str, operation: str, request: dict[str, Any], request_id: str
    ) -> tuple[int, bytes]:
        self._note(region, operation, request, fault.code or fault.kind)
        if fault.kind is Kind.HANGS:
            self._let_go.wait()
            raise NoAnswer
        ours = fault.status >= 500
        return fault.status, wire.refusal(fault.code, fault.message, request_id, ours=ours)

    def _fault(self, region: str, operation: str) -> Fault | None:
        with self._lock:
            return next((each for each in self._faults if each.takes(region, operation)), None)

    def _note(
        self, region: str, operation: str, request: dict[str, Any], outcome: str = ""
    ) -> None:
        with self._lock:
            self.calls.append(
                Call(region=region, operation=operation, request=request, outcome=outcome)
            )

    def visit(self, host: str, path: str) -> int:
        """The status of a page of some environment's site; 502 if nobody has that name."""
        with self._lock:
            status = self._status_of(host, path)
            self.visits.append(Visit(host=host, path=path, status=status))
        return status

    def _status_of(self, host: str, path: str) -> int:
        found = [
            each
            for region in self._regions.values()
            for each in region.environments
            if each.cname == host.lower() and each.exists
        ]
        if not found:
            return 502
        if path not in PATHS:
            return 404
        (environment,) = found
        ordinary = 200 if environment.frame.serves else 503
        return self._site_status.get(environment.region, ordinary)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    stand_in: Beanstalk


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer in one packet: two would wait for each other
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the caller was killed in the middle of its request
            return
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        request_id = str(uuid.uuid4())
        signed = SCOPE.search(self.headers.get("Authorization", ""))
        if signed is None:
            told = wire.refusal("MissingAuthenticationToken", "Not signed.", request_id)
            self._send(403, told, "text/xml")
            return
        try:
            status, told = self.server.stand_in.answer(signed["region"], form, request_id)
        except NoAnswer:
            self.close_connection = True
            return
        self._send(status, told, "text/xml")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        host = url.hostname or self.headers.get("Host", "").partition(":")[0]
        status = self.server.stand_in.visit(host, url.path)
        told = json.dumps({"status": "ok" if status == 200 else "unavailable"}).encode()
        self._send(status, told, "application/json")

    def _send(self, status: int, told: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Says nothing: `calls` and `visits` are the log."""
