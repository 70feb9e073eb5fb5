"""`manage.py provision` against the sandbox's own control plane, in three regions."""

from collections.abc import Callable

from tests.commands.conftest import Ran
from tests.support.sandbox import REGIONS, RunningSandbox

HOME, SECOND, THIRD = REGIONS
Manage = Callable[..., Ran]


def test_provisioning_twice_changes_nothing_the_second_time(
    site_sandbox: RunningSandbox, manage: Manage
) -> None:
    planned = manage("provision", "--dry-run")
    assert planned.code == 0
    assert site_sandbox.client(HOME).list_tables()["TableNames"] == []
    first = manage("provision")
    assert first.code == 0, first.err
    site_sandbox.drain()
    held = {region: site_sandbox.scan("global-serverless", region) for region in REGIONS}
    assert len(held[HOME]) > 100
    assert held[SECOND] == held[HOME]
    assert held[THIRD] == held[HOME]
    records = len(site_sandbox.stream("global-serverless", HOME))
    again = manage("provision")
    assert again.code == 0
    assert "nothing to change" in again.out
    assert len(site_sandbox.stream("global-serverless", HOME)) == records


def test_a_table_with_other_keys_is_one_clear_sentence(
    site_sandbox: RunningSandbox, manage: Manage
) -> None:
    site_sandbox.create_table("global-serverless", HOME)
    ended = manage("provision")
    assert ended.code == 1
    assert "global-serverless" in ended.err
    assert "PK" in ended.err
    assert "Traceback" not in ended.err
    assert site_sandbox.scan("global-serverless", HOME) == {}


def test_destroy_leaves_nothing_in_any_region(site_sandbox: RunningSandbox, manage: Manage) -> None:
    assert manage("provision", "--no-load").code == 0
    assert manage("provision", "--destroy").code == 2
    assert site_sandbox.client(THIRD).list_tables()["TableNames"] == ["global-serverless"]
    assert manage("provision", "--destroy", "--yes").code == 0
    for region in REGIONS:
        assert site_sandbox.client(region).list_tables()["TableNames"] == []
