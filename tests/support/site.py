"""The whole site on three real engines, with a small catalogue in each."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from catalog.services import catalogue
from gtsite.dynamodb.items import to_item
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.support.engines import ThreeRegions

HOME, NEXT, LAST = "us-west-2", "us-east-2", "eu-west-1"
PUT_BATCH = 25

ITEMS: tuple[dict[str, Any], ...] = (
    {
        "PK": "library",
        "SK": "sintel",
        "title": "Sintel",
        "kind": "movie",
        "year": 2010,
        "runtime": 888,
        "director": "Colin Levy",
        "genres": ["fantasy", "animation"],
        "synopsis": "A lone young woman looks for a dragon.",
        "licence": "CC-BY-3.0",
        "licence_url": "https://creativecommons.org/licenses/by/3.0/",
        "credit": "© Blender Foundation",
        "video": "https://upload.wikimedia.org/sintel.webm",
        "popularity": 98,
    },
    {
        "PK": "library",
        "SK": "caminandes",
        "title": "Caminandes",
        "kind": "show",
        "year": 2013,
        "genres": ["animation", "comedy"],
        "synopsis": "Koro the llama wants one simple thing.",
        "popularity": 90,
    },
    {"PK": "show#caminandes", "SK": "S01E01", "title": "Llama Drama", "runtime": 90},
    {"PK": "show#caminandes", "SK": "S01E02", "title": "Gran Dillama", "runtime": 146},
    {"PK": "show#caminandes", "SK": "S01E03", "title": "Llamigos", "runtime": 150},
    {
        "PK": "library",
        "SK": "01",
        "title": "Sprite Fright",
        "thumb": "https://img.youtube.com/vi/_cMxraX_5RE/maxresdefault.jpg",
        "video": "https://upload.wikimedia.org/sprite.webm",
    },
    {
        "PK": "library",
        "SK": "quoted",
        "title": '<Tom & "Jerry\'s">',
        "synopsis": "</script><script>alert(1)</script>",
        "genres": ["comedy"],
    },
    {"PK": "library", "SK": "broken", "thumb": "no title"},
    {"PK": "library", "SK": "odd/id", "title": "No address can hold it"},
    {"PK": "user100", "SK": "AshlandValley", "Bookmark": 0},
)


@pytest.fixture(autouse=True)
def fresh_catalogue() -> Iterator[None]:
    """No test sees the index of another."""
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


@pytest.fixture
def stocked(site_regions: ThreeRegions, settings: Settings) -> ThreeRegions:
    """The three regions with the same titles; the index is not built yet, and does not grow old."""
    settings.CATALOGUE_REFRESH_SECONDS = 3600
    for region in site_regions.names:
        put(site_regions, region, *ITEMS)
    return site_regions


@pytest.fixture
def site(stocked: ThreeRegions) -> ThreeRegions:
    """The three regions with titles, and the index in memory."""
    catalogue().refresh()
    return stocked


def put(regions: ThreeRegions, region: str, *items: dict[str, Any]) -> None:
    """Writes items into one region, past the site."""
    client = regions.client(region)
    for start in range(0, len(items), PUT_BATCH):
        some = items[start : start + PUT_BATCH]
        puts: list[Any] = [{"PutRequest": {"Item": to_item(item)}} for item in some]
        left = client.batch_write_item(RequestItems={GLOBAL_SERVERLESS.name: puts})
        assert not left["UnprocessedItems"]


def stored(regions: ThreeRegions, region: str) -> list[dict[str, Any]]:
    """Every bookmark the site has written in a region, in the engine's own form."""
    items = regions.client(region).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    return [item for item in items if item["PK"]["S"].startswith("anon-")]


def calls(response: HttpResponseBase) -> int:
    """How many DynamoDB calls the response says it took."""
    found = re.search(r'desc="(\d+) call', response.headers["Server-Timing"])
    assert found is not None
    return int(found[1])


def viewer_id(client: Client) -> str:
    """Who the site takes this client for."""
    found = client.session["viewer"]
    assert isinstance(found, str)
    return found
