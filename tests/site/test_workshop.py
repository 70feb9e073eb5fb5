"""Real input from outside: the workshop's sample data, by our loader and by the AWS CLI."""

import http.client
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.demo import RunningDemo
from tests.support.sandbox import PROJECT, REGIONS, wait_until

HOME, SECOND, _ = REGIONS
SAMPLE = PROJECT.parent / "shared" / "data" / "workshop-sample-data.json"
TITLES = {"01": "Sprite Fright", "02": "Coffee Run"}

pytestmark = pytest.mark.skipif(
    not SAMPLE.exists() and not (os.environ.get("CI") and SAMPLE.parent.parent.exists()),
    reason="the workshop's sample data is not on this machine",
)


def get(demo: RunningDemo, region: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(demo.site(region).removeprefix("http://"), timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def run(demo: RunningDemo, *command: str) -> subprocess.CompletedProcess[str]:
    environment = demo.environment() | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{demo.sandbox_port}",
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_PAGER": "",
    }
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def delete_sample(demo: RunningDemo) -> None:
    """Returns when no site shows any of it, not even from the index it has in memory."""
    for number in range(1, 13):
        path = ("--key", f'{{"PK": {{"S": "library"}}, "SK": {{"S": "{number:02}"}}}}')
        aws(demo, "delete-item", "--table-name", "global-serverless", *path)
    demo.drain()
    for number in range(1, 13):
        gone = f"/title/{number:02}/"
        for region in REGIONS:
            wait_until(lambda at=region, path=gone: get(demo, at, path)[0] == 404)  # type: ignore[misc]


def aws(demo: RunningDemo, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("aws"))
    return run(demo, program, "dynamodb", *arguments, "--region", HOME)


def shows_and_plays(demo: RunningDemo) -> None:
    """All twelve, on the site of a region that replication brought them to."""
    for number in range(1, 13):
        content_id = f"{number:02}"
        wait_until(lambda path=f"/title/{content_id}/": get(demo, SECOND, path)[0] == 200)  # type: ignore[misc]
        status, page = get(demo, SECOND, f"/watch/{content_id}/")
        assert status == 200
        assert ' src="https://' in page
        assert TITLES.get(content_id, "") in page
    wait_until(lambda: 'href="/title/12/"' in get(demo, SECOND, "/browse/?q=big+buck")[1])


def test_the_loader_takes_it_and_its_twelve_titles_show_and_play(demo: RunningDemo) -> None:
    done = run(demo, sys.executable, "manage.py", "load", "global-serverless", str(SAMPLE))
    assert done.returncode == 0, done.stderr
    shows_and_plays(demo)


def test_the_aws_cli_takes_it_and_its_twelve_titles_show_and_play(demo: RunningDemo) -> None:
    delete_sample(demo)
    done = aws(demo, "batch-write-item", "--request-items", f"file://{SAMPLE}")
    assert done.returncode == 0, done.stderr
    assert '"UnprocessedItems": {}' in done.stdout
    shows_and_plays(demo)
