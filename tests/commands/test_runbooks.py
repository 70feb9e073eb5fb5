"""What README, deployment.md and runbooks.md tell an operator to type is what the commands take."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awscli.clidriver import create_clidriver
from django.core.management import get_commands, load_command_class

from tests.support.deployment import QUICK, Site
from tests.support.sandbox import PROJECT

RUNBOOKS = "docs/runbooks.md"
DOCUMENTS = ("README.md", "docs/deployment.md", RUNBOOKS)
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
WAITING = ("up", "restart", "down")
MOST_TEMPLATE_BYTES = 51_200
"""What CloudFormation takes from a file; a larger template needs a bucket."""


def commands(*documents: str) -> Iterator[list[str]]:
    """Every command line of the documents, in order, without what it writes to."""
    for document in documents:
        for block in BLOCK.findall((PROJECT / document).read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.partition(" > ")[0], comments=True)
                if words:
                    yield words


def of_manage(*documents: str) -> list[list[str]]:
    """The arguments of every `manage.py …`."""
    lines = [
        [word.rpartition("/")[2] for word in words[:2]] + words[2:]
        for words in commands(*documents)
    ]
    lines = [words[1:] if words[0] == "python" else words for words in lines]
    return [words[1:] for words in lines if words[0] == "manage.py"]


def of_aws() -> list[list[str]]:
    return [words[1:] for words in commands(*DOCUMENTS) if words[0] == "aws"]


def test_manage_takes_every_line() -> None:
    for name, *arguments in of_manage(*DOCUMENTS):
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments)


def test_the_aws_cli_would_send_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the options, checks them against the service's model, and is stopped on its way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobody")
    for name in ("trust.json", "meridian.json"):
        Path(name).write_text("{}")
    sent: list[str] = []

    def stop(model: Any, **_: object) -> None:
        sent.append(model.name)
        raise ConnectionAbortedError

    lines = of_aws()
    for arguments in lines:
        driver = create_clidriver()
        driver.session.register("before-call", stop)
        before = len(sent)
        driver.main(arguments)
        assert len(sent) == before + 1, arguments
    assert len(lines) > 5


def test_the_runbooks_deploy_from_first_to_last(site: Site) -> None:
    """In their order, each line the first time it comes."""
    site.project.git("tag", "v1.1.0")
    lines = dict.fromkeys(tuple(words) for words in of_manage(RUNBOOKS) if words[0] == "deploy")
    for _, action, *rest in lines:
        more = QUICK if action in WAITING else ()
        empty = ("--no-load",) if action in ("plan", "up") else ()
        ran = site.deploy(action, *rest, *more, *empty)
        assert ran.code == 0, (action, rest, ran.out, ran.err)


def test_the_template_takes_what_its_command_gives_and_is_small_enough(site: Site) -> None:
    template = site.deploy("template")
    (line,) = [words for words in of_aws() if words[:2] == ["cloudformation", "deploy"]]
    given = line[line.index("--parameter-overrides") + 1 :]
    assert [each.partition("=")[0] for each in given] == list(
        json.loads(template.out)["Parameters"]
    )
    assert len(template.out.encode()) <= MOST_TEMPLATE_BYTES
