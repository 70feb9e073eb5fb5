"""The AWS CLI, unchanged: our own document's commands, and errors in AWS's form."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.cli import bash
from tests.support.sandbox import PROJECT, REGIONS, RunningSandbox

OURS = PROJECT / "docs" / "sandbox.md"
HOME = REGIONS[0]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("cli")) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


def test_the_example_of_our_own_document_works(own: RunningSandbox) -> None:
    """But for the pause in it, which is as long as the machine it runs on needs."""
    (block,) = re.findall(r"```sh\n(export AWS_.*?)```", OURS.read_text(), re.DOTALL)
    before, pause, after = block.partition("sleep 2;")
    assert pause
    done = bash(own, "set -e\n" + before.replace(":8100", f":{own.port}"), region=HOME)
    assert done.returncode == 0, done.stderr
    own.wait_active("notes", HOME, "eu-west-1")
    own.drain()
    done = bash(own, after, region=HOME)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"Item": {"id": {"S": "1"}}}


def test_errors_reach_the_command_line_in_awss_form(own: RunningSandbox) -> None:
    done = bash(own, "aws dynamodb describe-table --table-name nowhere", region=HOME)
    assert done.returncode in (254, 255)
    assert "(ResourceNotFoundException)" in done.stderr
    own.control.outage(HOME)
    done = bash(
        own, f"aws dynamodb list-tables --endpoint-url {own.endpoint_of(HOME)}", region=HOME
    )
    own.control.heal()
    assert done.returncode == 255
    assert "Could not connect to the endpoint URL" in done.stderr
