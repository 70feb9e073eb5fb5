"""`manage.py provision` as a shell sees it, on a control plane that takes its time."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gtsite.dynamodb import connection
from tests.commands.conftest import Ran
from tests.support.control_plane import ControlPlaneServer, running_control_plane
from tests.support.engines import ThreeRegions

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
REGIONS = (OREGON, IRELAND, OHIO)
NAME = "global-serverless"

Manage = Callable[..., Ran]


@pytest.fixture
def aws(settings: Any) -> Iterator[ControlPlaneServer]:
    """The control plane, for the site's three regions. It holds no items."""
    with running_control_plane() as server:
        settings.GT_ENDPOINTS = server.endpoints(*REGIONS)
        yield server


class TestPlanning:
    def test_a_dry_run_shows_the_plan_and_changes_nothing(
        self, manage: Manage, aws: ControlPlaneServer
    ) -> None:
        ran = manage("provision", "--dry-run", "--no-load")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines() == [
            "create global-serverless in us-west-2, on-demand",
            "let items of global-serverless expire at expires_at",
            "replicate global-serverless from us-west-2 to eu-west-1",
            "replicate global-serverless from us-west-2 to us-east-2",
        ]
        assert aws.state.changes() == []

    def test_as_json(self, manage: Manage, aws: ControlPlaneServer) -> None:
        ran = manage("provision", "Orders", "--regions", f"{OHIO},{IRELAND}", "--dry-run", "--json")
        assert ran.json == {
            "changed": False,
            "tables": [
                {
                    "table": "Orders",
                    "regions": [OHIO, IRELAND],
                    "steps": [
                        "create Orders in us-east-2, on-demand",
                        "replicate Orders from us-east-2 to eu-west-1",
                    ],
                    "items": 0,
                    "notes": [],
                }
            ],
        }
        assert aws.state.changes() == []

    @pytest.mark.usefixtures("aws")
    def test_the_data_is_part_of_the_plan(self, manage: Manage, settings: Any) -> None:
        items = Path(settings.BASE_DIR, "catalog", "data", "catalogue.jsonl").read_text()
        last = manage("provision", "--dry-run").out.splitlines()[-1]
        assert last == f"load {len(items.splitlines()):,} items into {NAME}"


class TestCarryingOut:
    def test_run_twice_it_changes_nothing(self, manage: Manage, aws: ControlPlaneServer) -> None:
        ran = manage("provision", "--no-load")
        assert ran.code == 0
        assert ran.out == f"{NAME} is in us-west-2, eu-west-1, us-east-2: 4 changes\n"
        assert [line.partition(" (")[0] for line in ran.err.splitlines()] == [
            "done: create global-serverless in us-west-2, on-demand",
            "done: let items of global-serverless expire at expires_at",
            "done: replicate global-serverless from us-west-2 to eu-west-1",
            "done: replicate global-serverless from us-west-2 to us-east-2",
        ]
        assert aws.state.regions_of(NAME) == dict.fromkeys(REGIONS, "ACTIVE")
        changes = aws.state.changes()
        again = manage("provision", "--no-load")
        assert (again.code, again.err) == (0, "")
        assert again.out == f"{NAME} is in us-west-2, eu-west-1, us-east-2: nothing to change\n"
        assert aws.state.changes() == changes
        assert manage("provision", "--no-load", "--json").json["changed"] is False

    def test_several_tables_each_where_it_wants_to_be(
        self, manage: Manage, aws: ControlPlaneServer
    ) -> None:
        """Flights have two regions of their own; Music's cannot be reached here."""
        ran = manage("provision", "flights", "Music", "--billing", "on-demand")
        assert ran.code == 0
        assert set(aws.state.regions_of("flights")) == {OHIO, IRELAND}
        assert set(aws.state.regions_of("Music")) == set(REGIONS)

    def test_protected_and_strong(self, manage: Manage, aws: ControlPlaneServer) -> None:
        ran = manage("provision", "--consistency", "strong", "--protect", "--backups", "--no-load")
        assert ran.code == 0
        assert [each.region for each in aws.state.tables(NAME) if each.backed_up] == [REGIONS[0]]
        assert aws.state.strong == {NAME}
        assert all(each.protected for each in aws.state.tables(NAME))

    def test_what_fails_half_way_says_so_and_what_is_done_stands(
        self, manage: Manage, aws: ControlPlaneServer
    ) -> None:
        aws.state.failing_replicas = {OHIO}
        ran = manage("provision", "--no-load")
        assert ran.code == 3
        assert ran.err.splitlines()[-1] == (
            "provision: us-east-2 could not make its replica of global-serverless: remove it "
            "first. What is done stands; run the command again."
        )

    def test_what_fails_at_once_has_changed_nothing(
        self, manage: Manage, aws: ControlPlaneServer
    ) -> None:
        aws.state.refuse("CreateTable", "AccessDeniedException", "You may not.")
        ran = manage("provision", "--no-load")
        assert ran.code == 1
        assert ran.err == "provision: us-west-2 refused access: You may not.\n"

    def test_patience_is_an_option(self, manage: Manage, aws: ControlPlaneServer) -> None:
        aws.state.refuse("CreateTable", "ResourceInUseException", times=1000)
        ran = manage("provision", "--no-load", "--timeout", "0.2")
        assert ran.code == 1
        assert "Still not done after 0.2 s: create global-serverless" in ran.err

    def test_other_keys_are_a_clear_error(self, manage: Manage, aws: ControlPlaneServer) -> None:
        manage("provision", "--no-load")
        for replica in aws.state.tables(NAME):
            replica.request["AttributeDefinitions"][1]["AttributeType"] = "N"
        ran = manage("provision", "--no-load")
        assert ran.code == 1
        assert ran.err == (
            "provision: Table global-serverless in us-west-2 has the key PK (S) + SK (N), not "
            "PK (S) + SK (S): give one of them another name, or destroy it.\n"
        )


class TestDestroying:
    @pytest.fixture(autouse=True)
    def _there_already(self, manage: Manage, aws: ControlPlaneServer) -> None:
        assert manage("provision", "--no-load").code == 0
        aws.state.calls.clear()

    def test_without_yes_the_plan_is_all(self, manage: Manage, aws: ControlPlaneServer) -> None:
        ran = manage("provision", "--destroy")
        assert ran.code == 2
        assert ran.out.splitlines() == [
            "remove the replica of global-serverless in us-east-2, and its items",
            "remove the replica of global-serverless in eu-west-1, and its items",
            "delete global-serverless in us-west-2, and its items",
        ]
        assert ran.err == "provision: Nothing was deleted: add --yes to carry out this plan.\n"
        assert aws.state.changes() == []

    def test_with_yes_nothing_is_left(self, manage: Manage, aws: ControlPlaneServer) -> None:
        ran = manage("provision", "--destroy", "--yes")
        assert ran.code == 0
        assert aws.state.regions_of(NAME) == {}
        assert ran.out == f"{NAME} is gone from us-west-2, eu-west-1, us-east-2\n"
        again = manage("provision", "--destroy", "--yes")
        assert (again.code, again.out) == (0, f"{NAME} is nowhere: nothing to delete\n")

    def test_a_dry_run_with_yes_is_still_a_dry_run(
        self, manage: Manage, aws: ControlPlaneServer
    ) -> None:
        assert manage("provision", "--destroy", "--yes", "--dry-run").code == 0
        assert aws.state.changes() == []

    def test_one_region_leaves_the_others(self, manage: Manage, aws: ControlPlaneServer) -> None:
        assert manage("provision", "--destroy", "--yes", "--regions", IRELAND).code == 0
        assert set(aws.state.regions_of(NAME)) == {OREGON, OHIO}


class TestData:
    """On a real engine, in a single region: nothing replicates here."""

    @pytest.fixture(autouse=True)
    def _one_region(self, site_regions: ThreeRegions, settings: Any) -> None:
        settings.GT_REGIONS = list(site_regions.names[:1])

    @pytest.fixture
    def catalogue(self, settings: Any) -> list[dict[str, Any]]:
        text = Path(settings.BASE_DIR, "catalog", "data", "catalogue.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def test_the_catalogue_is_loaded_and_loaded_once(
        self, manage: Manage, catalogue: list[dict[str, Any]]
    ) -> None:
        ran = manage("provision")
        assert ran.code == 0, ran.err
        assert ran.out.endswith(f", {len(catalogue)} items loaded\n")
        table = connection.site_table()
        assert len(list(table.iter_scan())) == len(catalogue)
        again = manage("provision")
        assert again.out == f"{NAME} is in us-west-2: nothing to change\n"

    def test_what_has_changed_since_is_kept_and_what_is_gone_comes_back(
        self, manage: Manage
    ) -> None:
        manage("provision")
        table = connection.site_table()
        table.update("user100", "AshlandValley", set_={"Bookmark": 754})
        table.delete("library", "sintel")
        ran = manage("provision")
        assert ran.out == f"{NAME} is in us-west-2: 1 item loaded\n"
        kept = table.get("user100", "AshlandValley").value
        assert kept is not None
        assert kept["Bookmark"] == 754

    def test_no_load_leaves_the_data_alone(self, manage: Manage) -> None:
        assert manage("provision", "--no-load").code == 0
        assert list(connection.site_table().iter_scan()) == []


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nosuch"], "'nosuch' is not a table of this project"),
            (["--regions", "us-west-9"], "'us-west-9' is not an AWS region"),
            (["--regions", ""], "'' is not an AWS region"),
            (["--regions", "us-west-2,us-west-2"], "names a region twice: name each once."),
            (["--regions", "sa-east-1"], "No endpoint is known for sa-east-1: add it to GT_END"),
            (["--billing", "cash"], "invalid choice"),
            (["--consistency", "perhaps"], "invalid choice"),
            (["--timeout", "soon"], "invalid float value"),
            (["--timeout", "0"], "--timeout is 0.0: write a number of seconds above 0."),
            (["--timeout", "nan"], "--timeout is nan: write a number of seconds above 0."),
        ],
    )
    def test_what_makes_no_sense_is_2(
        self, manage: Manage, aws: ControlPlaneServer, arguments: list[str], sentence: str
    ) -> None:
        ran = manage("provision", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert sentence in ran.err
        assert "Traceback" not in ran.err
        assert aws.state.calls == []

    def test_a_region_away_is_1(self, manage: Manage) -> None:
        """The test settings point nowhere."""
        ran = manage("provision")
        assert ran.code == 1
        assert "us-west-2 does not answer (refused)" in ran.err
