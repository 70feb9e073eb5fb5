"""The site's clients on a machine that may stand still for seconds: slow is not away.

Production gives a region less than a second. Here only a region that a test has made hang is given
up that soon; a healthy one whose engine the machine holds up is waited for. Otherwise the site goes
on in another region, which in these tests has other items.
"""

import copy
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.config import Config

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.router import Router

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LONG_SECONDS = 30.0
DEADLINE_SECONDS = 120.0
BACKGROUND = ("probe-", "catalogue")


class WaitingClients:
    """Other clients, with their own haste for regions that hang, and long waits for all others."""

    def __init__(self, quick: Clients, hangs: Callable[[str], bool]) -> None:
        self.read_seconds = quick.read_seconds
        self._quick = quick
        self._waiting = _waiting(quick)
        self._hangs = hangs

    def dynamodb(self, region: str) -> "DynamoDBClient":
        return (self._quick if self._hangs(region) else self._waiting).dynamodb(region)

    def close(self) -> None:
        self._quick.close()
        self._waiting.close()


def unhurried(router: Router, hangs: Callable[[str], bool] = lambda _: False) -> Router:
    """The same router, before its first call, for which slowness is no fault."""
    if isinstance(router._clients, Clients):
        router._clients = WaitingClients(router._clients, hangs)
        router.deadline_seconds = DEADLINE_SECONDS
    return router


def wait_for_background() -> None:
    """Returns when no thread is left that one test's site began: the next one hears its logs."""
    for thread in threading.enumerate():
        if thread.name.startswith(BACKGROUND):
            thread.join(LONG_SECONDS)


def _waiting(quick: Clients) -> Clients:
    made = copy.copy(quick)
    made._lock, made._clients = threading.Lock(), {}
    made._quick = quick._quick.merge(
        Config(connect_timeout=LONG_SECONDS, read_timeout=LONG_SECONDS)
    )
    return made
