"""The site's own connection: from the settings, once per process, and not shared by a fork."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django.fixtures import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.errors import TableMissing, UnknownTable
from gtsite.dynamodb.tables import FLIGHTS
from tests.support import faults
from tests.support.engines import ThreeRegions

pytestmark = pytest.mark.usefixtures("site_regions")


def test_the_router_is_as_the_settings_say(settings: Settings) -> None:
    settings.GT_LOCAL_REGION = "eu-west-1"
    settings.REGION_FALLBACK = False
    connection.reset()
    router = connection.router()
    assert router.local == "eu-west-1"
    assert router.regions == ("eu-west-1", "us-east-2", "us-west-2")
    assert not router.fallback


def test_the_router_says_where_the_site_is(settings: Settings) -> None:
    heard = []

    def listen(caller: socket.socket) -> None:
        heard.append(faults.request(caller))
        caller.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}")

    with faults.faulty_server(listen) as server:
        settings.GT_LOCAL_REGION = "eu-west-1"
        settings.GT_ENDPOINTS = {"eu-west-1": server.url}
        connection.reset()
        connection.router().call(lambda client: client.list_tables())
        connection.reset()
    assert b" caller-region/eu-west-1" in heard[0]


def test_one_router_however_many_threads_come_at_once() -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(map(id, threads.map(lambda _: connection.router(), range(32))))) == 1


def test_after_a_reset_the_settings_are_read_again() -> None:
    before = connection.router()
    connection.reset()
    assert connection.router() is not before


def test_the_site_s_table_has_the_name_of_the_settings(settings: Settings) -> None:
    settings.GT_TABLE = "another"
    assert connection.site_table().name == "another"
    with pytest.raises(TableMissing, match="another"):
        connection.site_table().get("library", "sintel")


def test_any_table_of_the_project_goes_by_its_name(settings: Settings) -> None:
    settings.GT_TABLE = "renamed"
    assert connection.definition("flights") is FLIGHTS
    assert connection.definition("renamed").key_names == ("PK", "SK")
    with pytest.raises(UnknownTable):
        connection.definition("nosuch")


def test_cursors_are_signed_with_the_site_s_key(settings: Settings) -> None:
    table = connection.site_table()
    table.batch_put({"PK": "library", "SK": f"{n}"} for n in range(3))
    cursor = table.query("library", limit=1).value.next_cursor
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next key, of at least fifty characters as it ought to be"
    page = connection.site_table().query("library", limit=1, cursor=cursor).value
    assert page.items[0]["SK"] == "1"


def test_a_region_without_an_endpoint_is_out_of_reach_unless_all_are_at_aws(
    settings: Settings,
) -> None:
    assert connection.is_reachable("us-west-2")
    assert not connection.is_reachable("sa-east-1")
    settings.GT_ENDPOINTS = {}
    assert connection.is_reachable("sa-east-1")


def test_a_forked_child_makes_its_own_connection() -> None:
    connection.site_table().put({"PK": "library", "SK": "sintel", "title": "Sintel"})
    parents = connection.router()
    child = os.fork()
    if child == 0:
        os._exit(_in_child(parents))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert connection.router() is parents
    found = connection.site_table().get("library", "sintel").value
    assert found is not None


def _in_child(parents: object) -> int:
    """0 when the child has a router of its own that works; never raises into the test run."""
    try:
        found = connection.site_table().get("library", "sintel").value
        own = connection.router() is not parents
    except BaseException:  # noqa: BLE001
        return 2
    return 0 if own and found else 1


def test_a_patient_table_is_one_region_s(site_regions: ThreeRegions) -> None:
    definition = connection.definition("global-serverless")
    with connection.patient_table(definition, "eu-west-1") as table:
        table.put({"PK": "library", "SK": "sintel"})
    items = [site_regions.client(name).scan(TableName=definition.name) for name in REGIONS]
    assert [len(each["Items"]) for each in items] == [0, 1, 0]


REGIONS = ("us-west-2", "eu-west-1", "us-east-2")
