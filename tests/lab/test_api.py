from base64 import b64encode
from typing import Any

import pytest
from django.test import Client

from tests.lab.rig import KEY, bookmark_in
from tests.support.engines import ThreeRegions
from tests.support.patience import Patience

OREGON, IRELAND = "us-west-2", "eu-west-1"
TITLE = {
    "PK": {"S": "library"},
    "SK": {"S": "01"},
    "title": {"S": "Sprite Fright"},
    "thumb": {"S": "https://example.org/a.jpg"},
    "video": {"S": "https://example.org/a.webm"},
}
SECRET = {"PK": {"S": "viewer#ada"}, "SK": {"S": "profile"}, "password": {"S": "hash"}}


@pytest.fixture
def regions(lab_regions: ThreeRegions) -> ThreeRegions:
    """The lab's item, one title and one viewer's profile in Oregon."""
    for item in (TITLE, SECRET):
        lab_regions.client(OREGON).put_item(TableName="global-serverless", Item=item)
    return lab_regions


def ask(path: str, *, region: str = OREGON) -> tuple[int, Any]:
    response = Client().get(f"/api/{region}/{path}")
    return response.status_code, response.json()


def latency(body: dict[str, Any]) -> int:
    """Whole milliseconds, taken out of the body."""
    found = body.pop("Latency")
    assert type(found) is int
    assert found >= 0
    return found


@pytest.mark.usefixtures("regions")
class TestAnswers:
    def test_ping(self) -> None:
        assert ask("") == (200, {"ping": "ok"})

    def test_get(self) -> None:
        status, body = ask("get/user100/AshlandValley")
        latency(body)
        assert (status, body) == (200, {"Item": {**KEY, "Bookmark": {"N": "0"}}})

    def test_get_of_nothing_is_null(self) -> None:
        status, body = ask("get/user10/01")
        latency(body)
        assert (status, body) == (200, {"Item": None})

    def test_query(self) -> None:
        status, body = ask("query/library")
        latency(body)
        assert (status, body) == (200, {"Items": [TITLE]})

    def test_query_of_nothing_is_empty(self) -> None:
        assert ask("query/user10")[1]["Items"] == []

    def test_scan_shows_what_may_be_seen_and_nothing_else(self) -> None:
        status, body = ask("scan")
        latency(body)
        assert status == 200
        assert body == {"Items": [TITLE, {**KEY, "Bookmark": {"N": "0"}}]}

    def test_update_adds_in_that_region(self, regions: ThreeRegions) -> None:
        status, body = ask("update/user100/AshlandValley/5")
        latency(body)
        assert (status, body) == (
            200,
            {"Attributes": {"Bookmark": {"N": "5"}}, "PK": "user100", "SK": "AshlandValley"},
        )
        assert ask("update/user100/AshlandValley/-7")[1]["Attributes"] == {"Bookmark": {"N": "-2"}}
        assert [bookmark_in(regions, region) for region in (OREGON, IRELAND)] == [-2, 0]

    def test_update_leaves_the_lab_s_stamp(self) -> None:
        ask("update/user100/AshlandValley/1", region=IRELAND)
        item = ask("get/user100/AshlandValley", region=IRELAND)[1]["Item"]
        assert item["region"] == {"S": IRELAND}
        assert int(item["updated_at"]["N"]) > 0

    def test_a_player_s_position_is_kept_as_its_text(self) -> None:
        thumb = b64encode("https://example.org/ÿÿ?a>b".encode()).decode()
        assert "/" in thumb
        status, body = ask(f"update/user10/01/0.123/{thumb}")
        latency(body)
        assert (status, body) == (
            200,
            {
                "Attributes": {"bookmark": {"S": "0.123"}, "thumb": {"S": thumb}},
                "PK": "user10",
                "SK": "01",
            },
        )
        (item,) = ask("query/user10")[1]["Items"]
        assert (item["bookmark"], item["thumb"]) == ({"S": "0.123"}, {"S": thumb})

    def test_an_episode_s_id_may_be_asked_for(self) -> None:
        assert ask("get/user10/caminandes%23S01E02")[1]["Item"] is None


@pytest.mark.usefixtures("regions")
class TestRefusals:
    @pytest.mark.parametrize(
        "path",
        [
            "query/viewer%23ada",
            "query/user1",
            "get/viewer%23ada/profile",
            "get/anon-abc/01",
            "update/library/01/1",
            "update/viewer%23ada/profile/1",
            "update/library/01/0.5/eA==",
        ],
    )
    def test_what_is_not_the_lab_s_is_403(self, path: str) -> None:
        status, body = ask(path)
        assert status == 403
        assert list(body) == ["Error"]

    @pytest.mark.parametrize(
        "number",
        ["1001", "-1001", "x", "1.5", "NaN", "1e2", "--1", "%D9%A3", "9" * 200, "1%00", "%20"],
    )
    def test_a_wrong_number_is_400_and_nothing_is_written(
        self, number: str, regions: ThreeRegions
    ) -> None:
        status, body = ask(f"update/user100/AshlandValley/{number}")
        assert status == 400
        assert list(body) == ["Error"]
        assert bookmark_in(regions, OREGON) == 0

    @pytest.mark.parametrize(
        "tail", ["NaN/eA==", "1.1/eA==", "-0.1/eA==", "0.5/%3Cb%3E", "0.5/" + "a" * 2001, ".5/eA=="]
    )
    def test_a_wrong_position_is_400_and_nothing_is_written(self, tail: str) -> None:
        status, body = ask(f"update/user10/01/{tail}")
        assert status == 400
        assert list(body) == ["Error"]
        assert ask("query/user10")[1]["Items"] == []

    @pytest.mark.parametrize("sort", ["%3Cb%3E", "a" * 65, "%20", "a%0Ab", "%2F"])
    def test_an_odd_content_id_is_refused_and_nothing_is_written(self, sort: str) -> None:
        assert Client().get(f"/api/{OREGON}/get/user10/{sort}").status_code in {400, 404}
        assert Client().get(f"/api/{OREGON}/update/user10/{sort}/1").status_code in {400, 404}
        assert ask("query/user10")[1]["Items"] == []

    @pytest.mark.parametrize("path", ["", "scan", "get/user100/AshlandValley"])
    @pytest.mark.parametrize("region", ["eu-central-1", "nowhere", "%3Cb%3E"])
    def test_a_region_that_is_not_here_is_404(self, region: str, path: str) -> None:
        status, body = ask(path, region=region)
        assert status == 404
        assert list(body) == ["Error"]


class TestRegionAway:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "scan",
            "query/library",
            "get/user100/AshlandValley",
            "update/user100/AshlandValley/1",
        ],
    )
    def test_a_refused_region_is_503(self, regions: ThreeRegions, path: str) -> None:
        regions.refuse(OREGON)
        status, body = ask(path)
        assert status == 503
        assert body == {"Error": "us-west-2 does not answer (refused)."}

    @pytest.mark.parametrize(
        "path", ["get/user100/AshlandValley", "update/user100/AshlandValley/1"]
    )
    def test_a_hung_region_is_504(
        self, regions: ThreeRegions, patience: Patience, path: str
    ) -> None:
        regions.blackhole(OREGON)
        patience.hangs(OREGON)
        status, body = ask(path)
        assert status == 504
        assert body == {"Error": "us-west-2 does not answer (timeout)."}

    def test_no_other_region_answers_in_its_place(self, regions: ThreeRegions) -> None:
        regions.refuse(OREGON)
        response = Client().get(f"/api/{OREGON}/get/user100/AshlandValley")
        assert "eu-west-1" not in response.headers["Server-Timing"]

    def test_a_missing_table_is_503(self, regions: ThreeRegions) -> None:
        regions.client(OREGON).delete_table(TableName="global-serverless")
        status, body = ask("scan")
        assert status == 503
        assert "provision" in body["Error"]


@pytest.mark.usefixtures("regions")
class TestOtherOrigins:
    def opened(self, response: Any) -> bool:
        return bool(response.headers["Access-Control-Allow-Origin"] == "*")

    def test_answers_may_be_read(self) -> None:
        response = Client().get(f"/api/{OREGON}/", headers={"Origin": "https://example.org"})
        assert self.opened(response)
        assert "Access-Control-Allow-Credentials" not in response.headers

    def test_refusals_may_be_read(self) -> None:
        assert self.opened(Client().get("/api/nowhere/"))

    def test_a_preflight_is_answered_without_asking_anyone(self) -> None:
        response = Client().options(f"/api/{OREGON}/update/user100/AshlandValley/1")
        assert response.status_code == 204
        assert self.opened(response)
        assert response.headers["Access-Control-Allow-Methods"] == "GET, OPTIONS"
        assert ask("get/user100/AshlandValley")[1]["Item"]["Bookmark"] == {"N": "0"}

    def test_there_are_no_cookies(self) -> None:
        client = Client()
        client.get(f"/api/{OREGON}/update/user100/AshlandValley/1")
        assert not client.cookies

    def test_answers_are_not_kept(self) -> None:
        assert "no-store" in Client().get(f"/api/{OREGON}/").headers["Cache-Control"]
