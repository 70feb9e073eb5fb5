"""Callers that wait for a healthy region as long as a slow machine needs, and not for a hung one.

The site gives a region up after most of a second, which on a busy machine goes by without anything
being wrong. What a test says of regions that answer must not hang on that.
"""

from typing import Any

import pytest
from botocore.config import Config

from gtsite.dynamodb import connection
from gtsite.dynamodb.clients import Clients
from gtsite.sandbox.client import SandboxClient
from tests.support.sandbox import BOUND_SECONDS

HUNG_SECONDS = 0.4


class Patience:
    """How long every client waits that is made from now on, until `patch` is undone.

    A region that `hangs` is asked as the site asks it, only for less long: nobody can be early.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._hung: set[str] = set()
        build = Clients._build

        def patient_build(clients: Clients, service: str, region: str, *, patient: bool) -> Any:
            seconds = HUNG_SECONDS if region in self._hung else BOUND_SECONDS
            waits = Config(connect_timeout=seconds, read_timeout=seconds)
            clients._quick = clients._quick.merge(waits)
            clients._patient = clients._patient.merge(waits)
            return build(clients, service, region, patient=patient)

        patch.setattr(Clients, "_build", patient_build)
        defaults = vars(SandboxClient)["__init__"].__kwdefaults__
        patch.setitem(defaults, "timeout_seconds", BOUND_SECONDS)

    def hangs(self, region: str) -> None:
        """To be said before the region is first asked, unless it is the site's own router."""
        self._hung.add(region)
        connection.reset()

    def answers(self, region: str) -> None:
        """It is waited for again."""
        self._hung.discard(region)
        connection.reset()
