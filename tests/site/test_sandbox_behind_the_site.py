"""The site on a sandbox that somebody else filled, by the commands of the source document."""

import pytest
from django.test import Client

from tests.support.cli import bash, commands_of
from tests.support.sandbox import REGIONS, RunningSandbox

HOME, _, THIRD = REGIONS


@pytest.mark.usefixtures("fresh_catalogue")
def test_what_the_documents_commands_write_appears_on_the_site(
    site_sandbox: RunningSandbox,
) -> None:
    for command in commands_of("001"):
        done = bash(site_sandbox, command, region=HOME, typed="\n" * 4)
        assert done.returncode == 0, done.stderr
    site_sandbox.wait_active("global-serverless", HOME, THIRD)
    site_sandbox.drain()
    client = Client()
    for region in (HOME, THIRD):
        found = client.get(f"/api/{region}/get/user100/AshlandValley").json()
        assert found["Item"]["Bookmark"] == {"N": "0"}
        panel = client.post(f"/lab/{region}/get/", headers={"HX-Request": "true"})
        assert "holds 0" in panel.content.decode()
