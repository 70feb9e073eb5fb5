"""One configured DynamoDB client per region: how long it waits, and where the region answers.

The SDK makes one attempt and no more. Whether a call is worth repeating, and where, depends on
what it is and on how the other regions are; the router knows, the SDK does not.
"""

import os
import threading
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from gtsite.dynamodb.errors import BadAwsSettings
from gtsite.dynamodb.failures import GarbledAnswer
from gtsite.dynamodb.regions import ANYWHERE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HTTP_ERRORS = 300
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Never reached through a proxy, whatever the environment says of proxies."""
SANDBOX_CREDENTIALS = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}


def check_whole(response_dict: Mapping[str, Any], **_: object) -> None:
    """Raises `GarbledAnswer` for a good answer that is not all there, or is not DynamoDB's.

    The SDK takes a body that it cannot read for an empty one: an item cut short would be no item,
    and a stranger's "200 OK" a write carried out.
    """
    if response_dict["status_code"] >= HTTP_ERRORS:
        return
    body, checksum = response_dict["body"], response_dict["headers"].get("x-amz-crc32")
    if checksum is not None and checksum != str(zlib.crc32(body)):
        raise GarbledAnswer("The answer does not match its checksum.")
    if checksum is None and not (body.startswith(b"{") and body.rstrip().endswith(b"}")):
        raise GarbledAnswer("The answer is no JSON object, or not the whole of one.")


class Clients:
    """The clients of one process, each built on first use. Thread-safe; not to be shared by a fork.

    `endpoints` maps a region to its URL, `*` all others to one; a region without any is at AWS.
    Where there is an endpoint, and no key in the environment, the key is `sandbox`. A call costs at
    most `connect_seconds` + `read_seconds`. `check_requests` has the SDK look at every value first,
    a good part of the work of a batch. The pool has room for as many threads as may call at
    once. `caller_region` is named in the User-Agent, which AWS ignores and the sandbox goes by.
    Raises `BadAwsSettings` where the SDK cannot use the profile, keys or files it finds.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, str],
        connect_seconds: float = 0.3,
        read_seconds: float = 0.8,
        pool_size: int = 32,
        caller_region: str = "",
        control_read_seconds: float = 10,
        control_attempts: int = 3,
        check_requests: bool = True,
    ) -> None:
        self.read_seconds = read_seconds
        self._endpoints = dict(endpoints)
        self._lock = threading.Lock()
        self._session = _new_session()
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._quick = Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            retries={"mode": "standard", "total_max_attempts": 1},
            tcp_keepalive=True,
            max_pool_connections=pool_size,
            user_agent_extra=f"caller-region/{caller_region}" if caller_region else None,
            parameter_validation=check_requests,
        )
        self._patient = Config(
            connect_timeout=3,
            read_timeout=control_read_seconds,
            retries={"mode": "standard", "total_max_attempts": control_attempts},
        )

    def dynamodb(self, region: str) -> "DynamoDBClient":
        """For requests somebody waits for."""
        return cast("DynamoDBClient", self._client("dynamodb", region, patient=False))

    def control(self, region: str) -> "DynamoDBClient":
        """For provisioning: waits longer, and the SDK tries again by itself."""
        return cast("DynamoDBClient", self._client("dynamodb", region, patient=True))

    def autoscaling(self, region: str) -> Any:
        """Application Auto Scaling, for provisioned capacity."""
        return self._client("application-autoscaling", region, patient=True)

    def cloudwatch(self, region: str) -> Any:
        """CloudWatch, for metrics; the sandbox takes some seconds to answer the first time."""
        return self._client("cloudwatch", region, patient=True)

    def close(self) -> None:
        """Closes every connection; the next call builds its client anew."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _client(self, service: str, region: str, *, patient: bool) -> Any:
        key = (service, region, patient)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key) or self._build(service, region, patient=patient)
                self._clients[key] = client
        return client

    def _build(self, service: str, region: str, *, patient: bool) -> Any:
        endpoint = self._endpoints.get(region, self._endpoints.get(ANYWHERE))
        invented = endpoint is not None and not os.environ.get("AWS_ACCESS_KEY_ID")
        config = self._patient if patient else self._quick
        if endpoint is not None and urlsplit(endpoint).hostname in LOOPBACK:
            config = config.merge(Config(proxies={}))
        try:
            return self._session.client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                config=config,
                **(SANDBOX_CREDENTIALS if invented else {}),
            )
        except (HTTPClientError, NotConnected):
            raise
        except BotoCoreError as error:
            raise BadAwsSettings(error) from error


def _new_session() -> Any:
    try:
        session = boto3.session.Session()
    except BotoCoreError as error:
        raise BadAwsSettings(error) from error
    session.events.register("before-parse.dynamodb", check_whole)
    return session
