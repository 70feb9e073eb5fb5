"""The AWS CLI, unchanged: every command of the source document does what the document says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sandbox import PROJECT, REGIONS, RunningSandbox

SHARED = PROJECT.parent / "shared"
DOCUMENT = SHARED / "seeds" / "001_1f16fa6096701d26.txt"
OURS = PROJECT / "docs" / "sandbox.md"
FENCED = re.compile(r"```\s*(aws .*?)```", re.DOTALL)
HOME, _, REPLICA = REGIONS
ITEM = {"PK": {"S": "user100"}, "SK": {"S": "AshlandValley"}, "Bookmark": {"N": "0"}}


@pytest.fixture(scope="module")
def commands() -> list[str]:
    """Every `aws` command of the document, in its order, as it is written there."""
    if not DOCUMENT.exists():
        if os.environ.get("CI") == "true" and SHARED.exists():
            pytest.fail(f"{DOCUMENT.name} is not among the source documents any more.")
        pytest.skip("The source documents do not lie beside this checkout.")
    return [found.strip() for found in FENCED.findall(DOCUMENT.read_text())]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("cli")) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


def bash(
    sandbox: RunningSandbox, command: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader of the document would, but for where AWS is."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **ours,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(sandbox.folder),
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": HOME,
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return subprocess.run(
        ["bash", "-c", command],
        input=typed,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_documents_commands_run_as_they_are_written(
    own: RunningSandbox, commands: list[str]
) -> None:
    identity, create, put, configure, replicate = commands
    done = bash(own, identity)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Account"] == "123456789012"
    done = bash(own, create)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "New Table ": f"arn:aws:dynamodb:{HOME}:123456789012:table/global-serverless",
        "Status    ": "CREATING",
    }
    done = bash(own, put)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    done = bash(own, configure, typed="\n" * 4)
    assert done.returncode == 0, done.stderr
    assert "Default region name [" in done.stdout
    done = bash(own, replicate)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["TableDescription"]["TableStatus"] == "UPDATING"
    own.wait_active("global-serverless", HOME, REPLICA)
    assert own.scan("global-serverless", REPLICA) == {"user100/AshlandValley": ITEM}
    own.client(REPLICA).delete_item(
        TableName="global-serverless", Key={name: ITEM[name] for name in ("PK", "SK")}
    )
    done = bash(own, put)
    assert done.returncode == 0, done.stderr
    own.drain()
    assert own.scan("global-serverless", REPLICA) == {"user100/AshlandValley": ITEM}


def test_the_documents_commands_are_all_found(commands: list[str]) -> None:
    """Some stand in the running text, some in blocks: none is left out for how it is set."""
    named = [command.split()[1:3] for command in commands]
    assert named == [
        ["sts", "get-caller-identity"],
        ["dynamodb", "create-table"],
        ["dynamodb", "put-item"],
        ["configure"],
        ["dynamodb", "update-table"],
    ]
    written = re.findall(r"\baws (?:sts|dynamodb|configure)\b", DOCUMENT.read_text())
    assert len(written) == len(commands)


def test_the_example_of_our_own_document_works(own: RunningSandbox) -> None:
    """But for the pause in it, which is as long as the machine it runs on needs."""
    (block,) = re.findall(r"```sh\n(export AWS_.*?)```", OURS.read_text(), re.DOTALL)
    before, pause, after = block.partition("sleep 2;")
    assert pause
    done = bash(own, "set -e\n" + before.replace(":8100", f":{own.port}"))
    assert done.returncode == 0, done.stderr
    own.wait_active("notes", HOME, "eu-west-1")
    own.drain()
    done = bash(own, after)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"Item": {"id": {"S": "1"}}}


def test_errors_reach_the_command_line_in_awss_form(own: RunningSandbox) -> None:
    done = bash(own, "aws dynamodb describe-table --table-name nowhere")
    assert done.returncode in (254, 255)
    assert "(ResourceNotFoundException)" in done.stderr
    own.control.outage(HOME)
    done = bash(own, f"aws dynamodb list-tables --endpoint-url {own.endpoint_of(HOME)}")
    own.control.heal()
    assert done.returncode == 255
    assert "Could not connect to the endpoint URL" in done.stderr
