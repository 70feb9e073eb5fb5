"""The site on a sandbox that somebody else filled, by the commands of the source document."""

import os

import pytest
from django.test import Client

from tests.sandbox.test_cli import DOCUMENT, FENCED, SHARED, bash
from tests.support.sandbox import REGIONS, RunningSandbox

HOME, _, THIRD = REGIONS


@pytest.mark.skipif(
    not DOCUMENT.exists() and not (os.environ.get("CI") == "true" and SHARED.exists()),
    reason="the source documents do not lie beside this checkout",
)
@pytest.mark.usefixtures("fresh_catalogue")
def test_what_the_documents_commands_write_appears_on_the_site(
    site_sandbox: RunningSandbox,
) -> None:
    for command in FENCED.findall(DOCUMENT.read_text()):
        done = bash(site_sandbox, command.strip(), typed="\n" * 4)
        assert done.returncode == 0, done.stderr
    site_sandbox.wait_active("global-serverless", HOME, THIRD)
    site_sandbox.drain()
    client = Client()
    for region in (HOME, THIRD):
        found = client.get(f"/api/{region}/get/user100/AshlandValley").json()
        assert found["Item"]["Bookmark"] == {"N": "0"}
        panel = client.post(f"/lab/{region}/get/", headers={"HX-Request": "true"})
        assert "holds 0" in panel.content.decode()
