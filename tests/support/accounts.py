"""Viewers who come to the site through its own forms, as a browser does."""

import re
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.items import from_item
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.viewers import sessions
from tests.support.engines import ThreeRegions
from tests.support.site import viewer_id

NAME = "Ada Lovelace"
PASSWORD = "difference engine no. 2"
OTHER_PASSWORD = "analytical engine no. 1"
POSITION: dict[str, Any] = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}


def sign_up(client: Client, *, name: str = NAME, password: str = PASSWORD) -> HttpResponseBase:
    """Makes an account, and is signed in with it."""
    response = client.post("/viewers/sign-up/", {"name": name, "password": password})
    assert response.status_code == 302, response.content.decode()
    return response


def signed_up(name: str) -> Client:
    """A new browser in which somebody has just signed up."""
    client = Client()
    sign_up(client, name=name)
    return client


def sign_in(client: Client, *, name: str = NAME, password: str = PASSWORD) -> HttpResponseBase:
    return client.post("/viewers/sign-in/", {"name": name, "password": password})


def is_signed_in(client: Client) -> bool:
    """Whether the site shows this client its account."""
    return client.get("/viewers/account/").status_code == 200


def same_body(response: Any, name: str) -> str:
    """Without what differs from page to page: the token, the name typed, the milliseconds."""
    page = response.content.decode().replace(name, "NAME")
    page = re.sub(r'value="[A-Za-z0-9]{64}"|x-csrftoken":"\w+"', "TOKEN", page)
    return re.sub(r"DynamoDB [\d,]+ ms", "DynamoDB", page)


def watches(client: Client, content: str = "sintel", **changes: Any) -> str:
    """Keeps a position, puts the title on the list, and tells whose they are."""
    assert client.post(f"/bookmarks/{content}/", POSITION | changes).status_code == 204
    title = content.split("/", maxsplit=1)[0]
    assert client.post(f"/list/{title}/", {"listed": "1"}).status_code == 302
    return viewer_id(client)


def settle_in(settings: Settings, region: str) -> None:
    """From now on the site is that region's: another process, which has seen nothing yet."""
    settings.GT_LOCAL_REGION = region
    sessions.markers = sessions.Markers()
    connection.reset()


def items(regions: ThreeRegions, region: str, prefix: str) -> list[dict[str, Any]]:
    """What a region holds under partitions that begin so."""
    found = regions.client(region).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    return [from_item(item) for item in found if item["PK"]["S"].startswith(prefix)]


def replicate(regions: ThreeRegions, source: str, target: str) -> None:
    """Everything one region has about accounts, copied to another: these engines do not."""
    for item in regions.client(source).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]:
        if item["PK"]["S"].startswith(("viewer#", "viewer-")):
            regions.client(target).put_item(TableName=GLOBAL_SERVERLESS.name, Item=item)
