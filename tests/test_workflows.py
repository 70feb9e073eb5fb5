"""What GitHub runs: commands that exist, on a tag only after the tests, with no lasting secret."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, load_command_class

from gtsite.deploy.policies import trust_policy

PROJECT = Path(__file__).resolve().parent.parent
WORKFLOWS = PROJECT / ".github" / "workflows"
NAMES = ("ci.yml", "deploy.yml")
ACTION = re.compile(r"[a-z-]+/[a-z-]+@(v\d+|[0-9a-f]{40})")


def workflow(name: str) -> dict[str, Any]:
    """YAML reads the key `on` as true."""
    read: dict[Any, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    return {"on" if key is True else key: value for key, value in read.items()}


def steps(name: str) -> list[dict[str, Any]]:
    jobs = workflow(name)["jobs"].values()
    return [step for job in jobs for step in job.get("steps", ())]


def commands(name: str, program: str) -> Iterator[list[str]]:
    """The arguments of every command of that program."""
    for step in steps(name):
        for line in step.get("run", "").splitlines():
            words = shlex.split(line)
            if words[: len(program.split())] == program.split():
                yield words[len(program.split()) :]


def test_these_are_all_the_workflows() -> None:
    assert sorted(path.name for path in WORKFLOWS.iterdir()) == sorted(NAMES)


def test_what_ci_makes_is_in_the_makefile() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    targets = [target for words in commands("ci.yml", "make") for target in words]
    assert targets == ["check", "test"]
    assert set(targets) <= set(phony.split())


def test_what_is_deployed_with_are_commands_and_options_there_are() -> None:
    command = load_command_class("gtsite", "deploy")
    parser = command.create_parser("manage.py", "deploy")
    given = list(commands("deploy.yml", "python manage.py"))
    for name, *words in given:
        assert name == "deploy"
        parser.parse_args(words)
    assert [words[1] for words in given] == ["plan", "up", "status"]


def test_a_command_that_does_not_exist_would_be_found() -> None:
    command = load_command_class("gtsite", "deploy")
    parser = command.create_parser("manage.py", "deploy")
    with pytest.raises(CommandError, match="no-such-option"):
        parser.parse_args(["up", "--no-such-option"])


def test_the_files_that_are_installed_from_are_there() -> None:
    for name in NAMES:
        for words in commands(name, "python -m pip install"):
            assert (PROJECT / words[words.index("--requirement") + 1]).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_and_none_gets_a_secret(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert all(ACTION.fullmatch(action) for action in used)
    text = (WORKFLOWS / name).read_text()
    assert "secrets." not in text
    assert "AWS_SECRET_ACCESS_KEY" not in text
    assert "pull_request_target" not in text


@pytest.mark.parametrize("name", NAMES)
def test_nothing_may_be_written_and_every_job_has_an_end(name: str) -> None:
    found = workflow(name)
    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        assert set(job.get("permissions", {}).items()) <= {
            ("contents", "read"),
            ("id-token", "write"),
        }
        assert "uses" in job or job["timeout-minutes"] <= 180


def test_a_tag_is_tested_and_approved_before_it_is_deployed() -> None:
    found = workflow("deploy.yml")
    assert found["on"] == {"push": {"tags": ["v*"]}}
    test, approve, deploy = (found["jobs"][name] for name in ("test", "approve", "deploy"))
    assert test["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in workflow("ci.yml")["on"]
    assert (approve["needs"], approve["environment"], deploy["needs"]) == ("test", "aws", "approve")
    assert deploy["concurrency"] == {"group": "deploy", "cancel-in-progress": False}


def test_only_the_job_that_deploys_gets_credentials_and_for_a_tag() -> None:
    """In an environment, GitHub would name that instead of the tag, and the role refuse it."""
    jobs = workflow("deploy.yml")["jobs"]
    allowed = [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert allowed == ["deploy"]
    assert "environment" not in jobs["deploy"]
    (credentials,) = (step for step in steps("deploy.yml") if "credentials" in step.get("uses", ""))
    assert credentials["with"]["role-to-assume"] == "${{ vars.AWS_ROLE_ARN }}"
    assert credentials["with"]["aws-region"] == "${{ vars.AWS_REGION }}"


def test_what_an_earlier_run_left_has_no_part_in_a_deployment() -> None:
    assert all("cache" not in step.get("with", {}) for step in steps("deploy.yml"))


def test_the_role_lets_in_runs_for_tags() -> None:
    (statement,) = trust_policy("123456789012", "owner/name")["Statement"]
    (subject,) = statement["Condition"]["StringLike"].values()
    assert subject == "repo:owner/name:ref:refs/tags/*"


def test_pushes_and_proposals_are_tested() -> None:
    assert {"push", "pull_request"} <= set(workflow("ci.yml")["on"])
