"""The bundle starts, and serves, as Elastic Beanstalk starts it: from its own files alone.

An empty folder, an environment from the bundle's requirements, the hook, the Procfile's line.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookmarks.lab.experiments.running import LONGEST_SECONDS
from gtsite.deploy.bundle import make_bundle, plan_bundle
from gtsite.deploy.config import Config
from gtsite.deploy.options import option_settings
from gtsite.settings import gunicorn
from tests.support.beanstalk.options import complaint
from tests.support.engines import ThreeRegions
from tests.support.production import BY_TLS, HOST_NAME, SECRET_KEY, Production, environment, serving
from tests.support.sandbox import PROJECT
from tests.support.site import ITEMS, put

COLLECT_STATIC = Path(".platform/hooks/predeploy/10_collectstatic.sh")
AFTER_A_CHANGE_OF_VARIABLES = Path(".platform/confighooks/predeploy/10_collectstatic.sh")
NGINX = PROJECT / ".platform/nginx/conf.d/elasticbeanstalk"
NGINX_SAYS_ALREADY = {
    "access_log",
    "client_body_timeout",
    "client_header_timeout",
    "gzip",
    "gzip_comp_level",
    "gzip_types",
    "include",
    "keepalive_timeout",
    "listen",
    "location",
}
"""In the server that Elastic Beanstalk writes, where our lines are added."""

NGINX_IDLE_SECONDS = 60
SYSTEMD_KILLS_AFTER_SECONDS = 90
AS_A_LOAD_BALANCER_ASKS = {"Host": "10.0.1.7"}
TOP_FOLDER = {
    ".ebextensions",
    ".platform",
    "LICENSE",
    "Procfile",
    "bookmarks",
    "catalog",
    "gtsite",
    "manage.py",
    "requirements.txt",
    "static",
    "templates",
}
HASHED = re.compile(r"\.[0-9a-f]{12}\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance's folder of the application, and its virtual environment's programs."""

    app: Path
    programs: Path

    def run(self, *command: str | Path, **variables: str) -> str:
        """What it prints; with no variable but the given ones and where the programs are."""
        done = subprocess.run(
            command,
            cwd=self.app,
            env={"PATH": f"{self.programs}:/usr/bin:/bin", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def assets(self) -> dict[str, str]:
        """The digest of every collected file."""
        root = self.app / "staticfiles"
        files = [path for path in root.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in files
        }


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bundle of this work tree, as if all of it were committed."""
    copy = tmp_path_factory.mktemp("committed")
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    who = ("-c", "user.name=Koro", "-c", "user.email=koro@example.com")
    for command in (("init",), ("add", "--all"), (*who, "commit", "--message=x")):
        subprocess.run(["git", *command], cwd=copy, check=True, capture_output=True)
    bundle = make_bundle(copy)
    findings = plan_bundle(copy, bundle)
    assert (findings.problems, findings.notes) == ((), ())
    return bundle.content


@pytest.fixture(scope="module")
def instance(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """Ready to start: the hook has run."""
    app = unpacked(content, tmp_path_factory.mktemp("app"))
    virtual = tmp_path_factory.mktemp("venv")
    for command in (
        (sys.executable, "-m", "venv", virtual),
        (virtual / "bin/pip", "install", "--quiet", "-r", app / "requirements.txt"),
    ):
        subprocess.run(command, check=True)
    made = Instance(app=app, programs=virtual / "bin")
    made.run(app / COLLECT_STATIC)
    return made


@pytest.fixture(scope="module")
def variables(_region_engines: ThreeRegions) -> dict[str, str]:
    """What `deploy up` gives an environment, and where the regions are on this machine."""
    _region_engines.empty()
    for region in _region_engines.names:
        put(_region_engines, region, *ITEMS)
    found = environment(_region_engines.endpoints, Path())
    for name in ("STATIC_ROOT", "WEB_CONCURRENCY"):
        del found[name]
    return found | {"DJANGO_SETTINGS_MODULE": "gtsite.settings.production"}


@pytest.fixture(scope="module")
def site(
    instance: Instance, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    log = tmp_path_factory.mktemp("log") / "web.stdout.log"
    with serving(variables, log, project=instance.app, programs=instance.programs) as site:
        yield site


def unpacked(content: bytes, folder: Path) -> Path:
    """As `unzip` does it, which keeps what is executable."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            archive.extract(entry, folder)
            (folder / entry.filename).chmod(entry.external_attr >> 16)
    return folder


def settings_of_the_bundle() -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for path in sorted((PROJECT / ".ebextensions").glob("*.config")):
        for namespace, options in yaml.safe_load(path.read_text())["option_settings"].items():
            for name, value in options.items():
                assert (namespace, name) not in found, (namespace, name)
                found[namespace, name] = value
    return found


# What the bundle asks of Elastic Beanstalk


def test_elastic_beanstalk_knows_every_option_and_takes_every_value() -> None:
    options = settings_of_the_bundle()
    assert {type(value) for value in options.values()} == {str}
    assert [complaint(*option, value) for option, value in options.items()] == [""] * len(options)


def test_no_option_is_set_in_two_places() -> None:
    config = Config(regions=("us-west-2",), domain="www.example.com")
    from_here = option_settings(
        config, "us-west-2", account="1" * 12, certificate_arn="arn", secret_arn="arn"
    )
    assert set(settings_of_the_bundle()) & set(from_here) == set()


def test_no_option_of_the_bundle_counts_instances_which_deploy_toml_does() -> None:
    """To keep one in service of at most one is what CloudFormation refuses."""
    names = {name for _, name in settings_of_the_bundle()}
    assert names & {"MinSize", "MaxSize", "MinInstancesInService", "MaxBatchSize"} == set()


def test_the_rules_of_health_are_a_document_that_can_be_read() -> None:
    rules = settings_of_the_bundle()[
        "aws:elasticbeanstalk:healthreporting:system", "ConfigDocument"
    ]
    assert json.loads(rules)["Version"] == 1


def test_nothing_on_the_way_gives_up_before_the_longest_answer_is_through() -> None:
    options = settings_of_the_bundle()
    process = "aws:elasticbeanstalk:environment:process:default"
    assert int(options[process, "DeregistrationDelay"]) > LONGEST_SECONDS
    assert LONGEST_SECONDS < gunicorn.graceful_timeout < SYSTEMD_KILLS_AFTER_SECONDS
    idle = int(options["aws:elbv2:loadbalancer", "IdleTimeout"])
    assert idle < NGINX_IDLE_SECONDS < gunicorn.keepalive


def test_nginx_serves_nothing_by_itself_but_what_lies_at_the_top_of_the_site_anyway() -> None:
    namespace = "aws:elasticbeanstalk:environment:proxy:staticfiles"
    mapped = {
        path: folder
        for (space, path), folder in settings_of_the_bundle().items()
        if space == namespace
    }
    assert mapped == {"/static": "static/root"}


def test_no_line_is_added_to_nginxs_server_that_would_keep_it_from_starting() -> None:
    lines = [
        line.split()
        for path in NGINX.glob("*.conf")
        for line in path.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    directives = [words[0] for words in lines]
    assert all(words[-1].endswith(";") for words in lines)
    assert sorted(set(directives)) == sorted(directives)
    assert set(directives) & NGINX_SAYS_ALREADY == set()


def test_hooks_are_programs_that_stop_at_the_first_error() -> None:
    hooks = [*(PROJECT / ".platform").rglob("*.sh")]
    assert {PROJECT / COLLECT_STATIC, PROJECT / AFTER_A_CHANGE_OF_VARIABLES} <= {*hooks}
    for hook in hooks:
        lines = hook.read_bytes().decode().split("\n")
        assert lines[0] == "#!/usr/bin/env bash"
        assert "set -euo pipefail" in lines
        assert "\r" not in "".join(lines)
        assert os.access(hook, os.X_OK)


# What the bundle holds


def test_an_instance_has_what_the_site_needs_every_version_of_it_said_and_nothing_else(
    content: bytes, instance: Instance
) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == TOP_FOLDER
    packages = json.loads(
        instance.run("pip", "list", "--format=json", "--disable-pip-version-check")
    )
    installed = {f"{each['name']}=={each['version']}".lower() for each in packages}
    asked = re.sub(r"\[.*?\]", "", (PROJECT / "requirements.txt").read_text()).splitlines()
    came_with_python = {each for each in installed if each.startswith(("pip==", "setuptools=="))}
    assert installed - came_with_python == {line for line in asked if "==" in line}


@pytest.mark.parametrize("hook", [COLLECT_STATIC, AFTER_A_CHANGE_OF_VARIABLES], ids=str)
def test_every_instance_names_its_files_alike_also_after_a_change_of_variables(
    content: bytes, instance: Instance, tmp_path: Path, hook: Path
) -> None:
    other = Instance(app=unpacked(content, tmp_path), programs=instance.programs)
    other.run(other.app / hook)
    assert other.assets() == instance.assets()
    assert any(HASHED.search(name) for name in instance.assets())


def test_a_hook_that_fails_ends_with_an_error(content: bytes, tmp_path: Path) -> None:
    app = unpacked(content, tmp_path)
    (app / "manage.py").write_text("raise SystemExit(3)\n")
    ran = subprocess.run(
        [app / COLLECT_STATIC],
        cwd=app,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        check=False,
    )
    assert ran.returncode == 3


def test_a_site_without_its_files_does_not_start_and_says_what_is_missing(
    content: bytes, instance: Instance, variables: dict[str, str], tmp_path: Path
) -> None:
    """Its health would be good, and every page a fault."""
    ran = subprocess.run(
        [instance.programs / "python", "-c", "import gtsite.wsgi"],
        cwd=unpacked(content, tmp_path),
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "ImproperlyConfigured: The site's files are not collected" in ran.stderr


def test_djangos_checks_for_deployment_have_nothing_to_say(
    instance: Instance, variables: dict[str, str]
) -> None:
    check = ("python", "manage.py", "check", "--deploy", "--fail-level", "INFO")
    assert "no issues" in instance.run(*check, **variables)


# What it serves


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/browse/",
        "/title/sintel/",
        "/watch/sintel/",
        "/status/",
        "/viewers/sign-in/",
        "/robots.txt",
        "/favicon.ico",
    ],
)
def test_pages_are_served(site: Production, path: str) -> None:
    assert site.get(path).status == 200


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
def test_a_load_balancer_learns_of_its_health_by_address_and_without_tls(
    site: Production, path: str
) -> None:
    assert site.get(path, AS_A_LOAD_BALANCER_ASKS).status == 200


def test_a_visitor_without_tls_is_sent_to_it(site: Production) -> None:
    answer = site.get("/browse/?q=x", {"Host": HOST_NAME})
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST_NAME}/browse/?q=x"


def test_another_host_is_refused(site: Production) -> None:
    assert site.get("/", BY_TLS | {"Host": "elsewhere.example"}).status == 400


def test_pages_carry_the_headers_of_production(site: Production) -> None:
    headers = site.get("/").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "upgrade-insecure-requests" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Served-Region"] == "us-west-2"


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_pages_files_have_hashed_names_and_are_kept_for_ever_and_compressed(
    site: Production, instance: Instance, coding: str
) -> None:
    page = site.get("/").body.decode()
    linked = set(re.findall(r'(?:href|src)="/assets/([^"]+\.(?:css|js))"', page))
    manifest = json.loads((instance.app / "staticfiles/staticfiles.json").read_text())
    assert linked
    assert linked <= set(manifest["paths"].values())
    for name in linked:
        answer = site.get(f"/assets/{name}", BY_TLS | {"Accept-Encoding": coding})
        assert HASHED.search(name)
        assert answer.status == 200
        assert answer.headers["Content-Encoding"] == coding
        assert "immutable" in answer.headers["Cache-Control"]


def test_a_file_of_another_release_is_missing_and_nobody_keeps_that(site: Production) -> None:
    answer = site.get("/assets/css/base.000000000000.css")
    assert answer.status == 404
    assert "max-age" not in answer.headers.get("Cache-Control", "")


def test_every_line_of_its_log_is_json_and_none_has_the_key(site: Production) -> None:
    site.get("/title/sintel/")
    said = site.log.read_text()
    lines = [json.loads(line) for line in said.splitlines()]
    assert {"gunicorn.error", "gtsite.access"} <= {line["logger"] for line in lines}
    assert SECRET_KEY not in said


def test_a_warning_is_a_line_like_any_other(instance: Instance, variables: dict[str, str]) -> None:
    warn = ("python", "-c", "import gtsite.wsgi, warnings; warnings.warn('Careful')")
    lines = [json.loads(line) for line in instance.run(*warn, **variables).splitlines()]
    (told,) = (line["message"] for line in lines if line["logger"] == "py.warnings")
    assert "UserWarning: Careful" in told
