"""An operator at the project's folder: a small commit to deploy, and AWS on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff
from pytest_django import Settings

from gtsite.deploy.config import Config
from gtsite.dynamodb import connection, provisioner
from gtsite.management.deploying import standing
from tests.support.cloud import Cloud
from tests.support.control_plane import ControlPlaneServer, running_control_plane
from tests.support.engines import REGIONS
from tests.support.sandbox import BOUND_SECONDS, PROJECT

OREGON, IRELAND, OHIO = REGIONS
DOMAIN = "www.example.com"
QUICK = ("--poll", "0", "--patience", "300")
"""Nothing is waited for between looks; patience is there to end a broken run, no more."""

LONGEST_START_SECONDS = 3 * BOUND_SECONDS
"""For a process of its own to come so far that it asks for something: it starts from nothing."""

GIT = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
FILES = {
    "Procfile": "web: gunicorn gtsite.wsgi\n",
    "requirements.txt": "gunicorn\n",
    "catalog/data/catalogue.jsonl": '{"PK": "library", "SK": "sintel", "title": "Sintel"}\n',
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Project:
    """A git repository with no more in it than a deployment needs."""

    folder: Path

    def commit(self, **files: str) -> str:
        """Writes the files, names with `__` for `/`, and commits; the version's label."""
        for name, text in files.items():
            self.write(name.replace("__", "/"), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "More")
        return self.label()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def label(self, revision: str = "HEAD") -> str:
        return f"git-{self.git('rev-parse', revision)[:12]}"

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**os.environ, **GIT},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One deployment from the operator's side."""

    cloud: Cloud
    project: Project
    tables: ControlPlaneServer
    manage: Callable[..., Any]

    @property
    def config(self) -> Config:
        return Config(regions=REGIONS, domain=DOMAIN)

    def deploy(self, *arguments: object) -> Any:
        """`manage.py deploy …`."""
        return self.manage("deploy", *arguments)

    def up(self, *arguments: object) -> Any:
        """`manage.py deploy up`, without items and without waiting between looks."""
        return self.deploy("up", "--no-load", *QUICK, *arguments)

    def down(self, *arguments: object) -> Any:
        return self.deploy("down", *QUICK, *arguments)

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """`manage.py deploy …` as a process of its own; it does not outlive the block."""
        command = [sys.executable, str(PROJECT / "manage.py"), "deploy", *arguments]
        endpoints = ",".join(f"{name}={url}" for name, url in self.endpoints.items())
        own = {
            "DJANGO_SETTINGS_MODULE": "tests.support.deploy_settings",
            "PROJECT_FOLDER": str(self.project.folder),
            "SANDBOX_DIR": str(self.project.folder.parent),
            "GT_ENDPOINTS": endpoints,
            "GT_REGIONS": ",".join(REGIONS),
        }
        with subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def endpoints(self) -> dict[str, str]:
        return self.tables.endpoints(*REGIONS)

    def wait_for(self, region: str, operation: str, *, times: int = 1) -> None:
        """Until the region's Elastic Beanstalk was asked for that, so often since it was reset."""
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while self.cloud.beanstalk.operations(region).count(operation) < times:
            assert time.monotonic() < deadline, f"{region} was not asked for {operation}."
            time.sleep(0.02)

    def versions(self) -> dict[str, str]:
        """What each region's environment runs; '' for none."""
        return {region: self._version(region) for region in REGIONS}

    def _version(self, region: str) -> str:
        name = self.config.environment_name(region)
        found = [each for each in self.cloud.beanstalk.region(region).environments if each.exists]
        return next((each.version for each in found if each.name == name), "")

    def changes(self) -> list[str]:
        """Whatever was asked to be different, wherever a test can see it, as far as it goes."""
        beanstalk = [f"{each.region} {each.operation}" for each in self.cloud.beanstalk.changes]
        tables = [f"{region} {operation}" for region, operation in self.tables.state.changes()]
        return [*beanstalk, *tables, *self.made()]

    def made(self) -> list[str]:
        """What there is of ours in IAM and Route 53."""
        roles = self.cloud.client("iam", OREGON).list_roles()["Roles"]
        checks = self.cloud.client("route53", OREGON).list_health_checks()["HealthChecks"]
        return [*(each["RoleName"] for each in roles), *(each["Id"] for each in checks)]

    def records(self) -> list[str]:
        """The regions that the domain leads to."""
        client = self.cloud.client("route53", OREGON)
        (zone,) = client.list_hosted_zones()["HostedZones"]
        found = client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        return sorted(each["SetIdentifier"] for each in found if each["Name"] == f"{DOMAIN}.")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch", "main")
    for name, text in FILES.items():
        made.write(name, text)
    made.write("deploy.toml", f'domain = "{DOMAIN}"\n')
    made.commit()
    return made


@pytest.fixture
def tables() -> Iterator[ControlPlaneServer]:
    """The control plane of the tables; it holds no items."""
    with running_control_plane() as server:
        yield server


@pytest.fixture
def site(
    cloud: Cloud,
    project: Project,
    tables: ControlPlaneServer,
    manage: Callable[..., Any],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """An operator with credentials, and an account with a hosted zone and nothing else in it."""
    settings.BASE_DIR = project.folder
    settings.GT_REGIONS = list(REGIONS)
    settings.GT_ENDPOINTS = tables.endpoints(*REGIONS)
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.0)
    monkeypatch.setattr(provisioner, "FIRST_POLL_SECONDS", 0.001)
    _leave_time_to_look(monkeypatch)
    zones = cloud.client("route53", OREGON)
    zones.create_hosted_zone(Name="example.com", CallerReference="test")
    return Site(cloud=cloud, project=project, tables=tables, manage=manage)


def _leave_time_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """For `status`: what answers late on a busy machine is not silent here."""
    monkeypatch.setattr(connection, "INSPECTION_READ_SECONDS", BOUND_SECONDS)
    monkeypatch.setattr(standing, "GIT_SECONDS", BOUND_SECONDS)


@pytest.fixture
def ready(site: Site) -> Site:
    """The same with the secret: nothing is in the way of the first deployment."""
    made = site.deploy("secret", "create")
    assert made.code == 0, made.err
    return site


@pytest.fixture
def deployed(ready: Site) -> Site:
    """The same after the first deployment."""
    ran = ready.up()
    assert ran.code == 0, ran.err
    return ready
