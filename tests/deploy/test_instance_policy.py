"""The instances' policy against the calls that the site makes: nothing missing, nothing spare."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from pytest_django import Settings

from catalog.services import catalogue
from gtsite.deploy.config import Config
from gtsite.deploy.policies import SITE_ACTIONS, instance_policy
from gtsite.dynamodb import connection
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.items import to_item
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import FLIGHTS, GLOBAL_SERVERLESS, MUSIC, ORDERS
from gtsite.status import views, watch
from tests.support.accounts import OTHER_PASSWORD, PASSWORD, POSITION
from tests.support.addresses import addresses
from tests.support.iam.calls import Call, recorded_calls
from tests.support.iam.evaluation import denied, unused, without
from tests.support.iam.needs import all_needs
from tests.support.sandbox import BOUND_SECONDS, REGIONS, RunningSandbox
from tests.support.site import ITEMS

ACCOUNT = "123456789012"
HOME, AWAY, _ = REGIONS
LONGEST_INLINE = 10_240
"""Of all policies written into one role, without blanks: IAM's own limit."""

NAME = "Ada Lovelace"
SIX = ("us-west-2", "eu-west-1", "us-east-2", "ap-southeast-1", "eu-central-1", "sa-east-1")
Step = tuple[str, dict[str, Any] | None]
"""A path, and the form that is sent to it; None for a GET."""

SITE: Sequence[Step] = (
    *((path, None) for path in ("/", "/browse/?q=llama", "/suggest/?q=ll", "/credits/")),
    *((path, None) for path in ("/robots.txt", "/sitemap.xml", "/sitemap-1.xml")),
    *((path, None) for path in ("/posters/sintel.svg", "/backdrops/sintel.svg")),
    *((path, None) for path in ("/title/sintel/", "/title/caminandes/", "/watch/sintel/")),
    ("/watch/caminandes/S01E02/", None),
    ("/bookmarks/sintel/", POSITION),
    ("/bookmarks/sintel/", None),
    ("/list/sintel/", {"listed": "1"}),
    ("/list/caminandes/", {"listed": "1"}),
    ("/viewers/sign-up/", {"name": NAME, "password": PASSWORD}),
    *((path, None) for path in ("/", "/list/", "/title/caminandes/", "/viewers/account/")),
    ("/list/sintel/", {"listed": "0"}),
    ("/continue/sintel/", {"shown": "0"}),
    ("/watched/sintel/", {"watched": "1"}),
    ("/watched/sintel/", {"watched": "0"}),
    ("/bookmarks/caminandes/S01E02/", POSITION | {"duration": 146, "position": 10}),
    ("/theme/", {"theme": "dark"}),
    ("/viewers/change-password/", {"current": PASSWORD, "new": OTHER_PASSWORD}),
    ("/viewers/sign-out/", {}),
    ("/viewers/sign-in/", {"name": NAME, "password": "wrong"}),
    ("/viewers/sign-in/", {"name": NAME, "password": OTHER_PASSWORD}),
    ("/viewers/sign-out-everywhere/", {}),
    ("/viewers/sign-in/", {"name": NAME, "password": OTHER_PASSWORD}),
    ("/viewers/delete-account/", {"password": OTHER_PASSWORD}),
    *((path, None) for path in ("/status/?refresh=off", "/status/tables/")),
    *((path, None) for path in ("/status/replication/", "/status/sandbox/")),
    *((path, None) for path in ("/healthz/live", "/healthz/ready")),
)
WATCHING: Sequence[Step] = (
    ("/bookmarks/sintel/", POSITION),
    ("/bookmarks/sintel/", None),
    ("/title/sintel/", None),
)
LAB: Sequence[Step] = (
    *((f"/lab/{name}", None) for name in ("", "map/", "sandbox/", "tour/", "tour/1/", "faults/")),
    *((f"/lab/{name}/", {}) for name in ("verdict", "log", "faults/reset")),
    *(
        (f"/lab/{HOME}/{action}/", {f"{HOME}-step": "10"})
        for action in ("ping", "get", "plus", "minus")
    ),
    ("/lab/all/get/", {}),
    (f"/lab/{AWAY}/fault/refuse/", {}),
    ("/lab/faults/distance/on/", {}),
    ("/lab/faults/ways/", {}),
    (f"/lab/faults/ways/{HOME}/{AWAY}/", {}),
    (f"/lab/faults/regions/{AWAY}/", {}),
    (f"/lab/faults/regions/{AWAY}/engine/", {}),
    ("/lab/experiments/", None),
    ("/lab/experiments/lag/", {"source": HOME, "target": "every", "probes": 2}),
    ("/lab/experiments/stale-read/", {"write": HOME, "read": AWAY, "items": 2}),
    ("/lab/experiments/race/", {"first": HOME, "second": AWAY, "gap_ms": 0}),
    ("/lab/experiments/conflicts/", {"regions": [HOME, AWAY], "items": 2, "gap_ms": 0}),
    ("/lab/experiments/counters/", {"regions": [HOME, AWAY], "increments": 2}),
    *((f"/api/{AWAY}/{path}", None) for path in ("", "scan", "query/library")),
    *((f"/api/{AWAY}/{path}/user100/AshlandValley", None) for path in ("get",)),
    (f"/api/{AWAY}/update/user100/AshlandValley/5", None),
    (f"/api/{AWAY}/update/user100/AshlandValley/0.5/aGVsbG8=", None),
)
REFUSED = {
    "/viewers/sign-in/": (302, 422),
    "/status/sandbox/": (404,),
    "/lab/sandbox/": (404,),
    f"/lab/{AWAY}/fault/refuse/": (404,),
}
"""One wrong password, and what there is only where there is a sandbox."""

ELSEWHERE = {
    ("Secret", "secretsmanager:GetSecretValue"): "Elastic Beanstalk, when an instance starts",
    ("Health", "elasticbeanstalk:PutInstanceStatistics"): "its health agent",
    ("Bundles", "s3:GetObject"): "Elastic Beanstalk takes the bundle",
    ("Bundles", "s3:GetObjectVersion"): "Elastic Beanstalk takes the bundle",
    ("Bucket", "s3:ListBucket"): "Elastic Beanstalk takes the bundle",
    ("Bucket", "s3:ListBucketVersions"): "Elastic Beanstalk takes the bundle",
    ("LogFiles", "s3:PutObject"): "logs that somebody requests",
    ("Logs", "logs:CreateLogStream"): "the CloudWatch agent",
    ("Logs", "logs:DescribeLogStreams"): "the CloudWatch agent",
    ("Logs", "logs:PutLogEvents"): "the CloudWatch agent",
    ("LogGroups", "logs:DescribeLogGroups"): "the CloudWatch agent",
}
"""What the instances' own programs do, not the site: the only part taken on trust."""

EXERCISES = frozenset(
    f"dynamodb:DescribeTable on arn:aws:dynamodb:{region}:{ACCOUNT}:table/{table.name}"
    for region in REGIONS
    for table in (FLIGHTS, MUSIC, ORDERS)
)
"""The status page does without what it may not look at."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("policy"), lag_ms=0) as running:
        running.create_table(GLOBAL_SERVERLESS.name, *REGIONS, sort_key=True)
        for item in (to_item(each) for each in ITEMS):
            running.client(HOME).put_item(TableName=GLOBAL_SERVERLESS.name, Item=item)
        running.drain()
        yield running


@pytest.fixture
def recorded(
    sandbox: RunningSandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Call]]:
    """What the site, new in Oregon, asks of AWS, and however long an answer takes."""
    _be_patient(monkeypatch)
    settings.GT_REGIONS = list(REGIONS)
    settings.GT_LOCAL_REGION = HOME
    settings.GT_ENDPOINTS = {name: sandbox.endpoint_of(name) for name in REGIONS}
    _forget()
    with recorded_calls() as calls:
        catalogue().refresh()
        yield calls
        _forget()


def _be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not answered in time is not asked about further, and would be missing here."""
    clients = partial(Clients, connect_seconds=BOUND_SECONDS, read_seconds=BOUND_SECONDS)
    monkeypatch.setattr(connection, "Clients", clients)
    router = partial(Router, deadline_seconds=4 * BOUND_SECONDS)
    monkeypatch.setattr(connection, "Router", router)
    for name in ("PART_PATIENCE_SECONDS", "PAGE_PATIENCE_SECONDS"):
        monkeypatch.setattr(views, name, BOUND_SECONDS)
    for name in ("DESCRIBE_SECONDS", "METRICS_SECONDS"):
        monkeypatch.setattr(watch, name, BOUND_SECONDS)


def _forget() -> None:
    connection.reset()
    watch.forget()
    catalogue.cache_clear()


def walk(client: Client, steps: Sequence[Step]) -> None:
    """Takes the steps one after another: none is refused but those known to be."""
    for path, form in steps:
        answer = client.get(path) if form is None else client.post(path, form)
        assert answer.status_code in REFUSED.get(path, (200, 204, 302)), path


def policy(*regions: str) -> dict[str, Any]:
    return instance_policy(Config(regions=regions), ACCOUNT)


def test_the_site_may_make_every_call_it_makes_and_makes_every_call_it_may(
    sandbox: RunningSandbox, recorded: list[Call]
) -> None:
    walk(Client(), SITE)
    viewer = Client()
    walk(viewer, WATCHING)
    sandbox.control.set_fault(HOME, fault="refuse")
    walk(viewer, WATCHING)
    sandbox.control.heal()
    asked = all_needs(recorded, ACCOUNT)
    assert set(denied(asked, policy(*REGIONS))) - EXERCISES == set()
    assert unused(asked, policy(*REGIONS)) == set(ELSEWHERE)
    for action in SITE_ACTIONS:
        assert denied(asked, without(action, policy(*REGIONS))), action


def test_the_lab_needs_nothing_more(recorded: list[Call]) -> None:
    walk(Client(), LAB)
    assert {call.region for call in recorded} == set(REGIONS)
    assert set(denied(all_needs(recorded, ACCOUNT), policy(*REGIONS))) - EXERCISES == set()


def test_the_walk_comes_by_every_address() -> None:
    paths = [path.partition("?")[0] for path, _ in (*SITE, *LAB) if "/healthz/" not in path]
    assert {resolve(path).route for path in paths} == {each.route for each in addresses()}


def test_it_fits_into_a_role_for_six_regions() -> None:
    assert len(json.dumps(policy(*SIX), separators=(",", ":"))) <= LONGEST_INLINE
