"""When a change is over and went well: what is believed, and what is not."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import Beanstalk
from gtsite.deploy.config import Config
from gtsite.deploy.errors import OutOfPatience, Refused, Unreachable
from gtsite.deploy.steps import Kind, News
from gtsite.deploy.turns import beanstalk_of
from gtsite.deploy.waiting import NotHealthy, Watch, find_ailment
from tests.support.beanstalk import NEVER_ENDS, Play
from tests.support.beanstalk.plays import GOOD, Change
from tests.support.cloud import Cloud
from tests.support.rollouts import PATIENCE, PassingClock

REGION, NAME = "eu-west-1", "meridian-eu-west-1"


@dataclass(slots=True, kw_only=True)
class Scene:
    """One environment on git-1, watched."""

    cloud: Cloud
    watch: Watch
    environment: Any
    news: list[News]

    def said(self, kind: Kind) -> list[str]:
        return [each.sentence for each in self.news if each.kind is kind]

    def shows(self, color: str, health: str) -> None:
        self.environment.frame = replace(GOOD, color=color, health=health)

    def begin(self, version: str, play: Play) -> None:
        wanted = replace(self.environment.content, version=version)
        self.environment.begin(Change.DEPLOY, wanted, play)


@pytest.fixture
def beanstalk(config: Config, aws: Aws) -> Beanstalk:
    return beanstalk_of(config, REGION, aws)


@pytest.fixture
def scene(cloud: Cloud, beanstalk: Beanstalk) -> Scene:
    news: list[News] = []
    environment = cloud.beanstalk.stand(
        REGION, application="meridian", name=NAME, version="git-1", tags=()
    )
    watch = Watch(beanstalk=beanstalk, patience=PATIENCE, clock=PassingClock(), tell=news.append)
    return Scene(cloud=cloud, watch=watch, environment=environment, news=news)


@pytest.mark.parametrize("color", ["Green", "Yellow"])
def test_a_healthy_environment_is_believed_after_some_looks_in_a_row(
    scene: Scene, color: str
) -> None:
    scene.shows(color, "Ok")

    scene.watch.pass_gate("git-1")

    assert len(scene.cloud.beanstalk.visits) == PATIENCE.settled_looks
    assert scene.cloud.beanstalk.operations(REGION).count("DescribeEnvironments") == 3


def test_a_colour_that_says_nothing_yet_is_waited_for_without_asking_the_site(
    scene: Scene,
) -> None:
    scene.shows("Grey", "Pending")

    with pytest.raises(OutOfPatience, match="600 s were not enough in eu-west-1 for git-1"):
        scene.watch.pass_gate("git-1")

    assert scene.cloud.beanstalk.visits == []


def test_red_that_stays_is_a_failure_with_its_causes_and_red_that_passes_is_not(
    scene: Scene,
) -> None:
    scene.shows("Red", "Severe")
    with pytest.raises(NotHealthy, match=r"Its health is Red \(Severe\)"):
        scene.watch.pass_gate("git-1")

    looks = iter(range(100))

    def tell(_news: News) -> None:
        if next(looks) == PATIENCE.ill_looks - 2:
            scene.shows("Green", "Ok")

    scene.watch.tell = tell
    scene.watch.pass_gate("git-1")


def test_the_wrong_version_is_a_failure_at_once_when_the_environment_was_busy(
    scene: Scene,
) -> None:
    scene.begin("git-2", Play())
    with pytest.raises(NotHealthy, match="It runs git-2, not git-3"):
        scene.watch.pass_gate("git-3")


def test_the_old_version_may_still_be_said_for_a_while_after_the_change_was_asked_for(
    scene: Scene,
) -> None:
    scene.watch.until(lambda: True, "nothing")
    scene.news.clear()

    with pytest.raises(NotHealthy, match="It runs git-1, not git-2"):
        scene.watch.pass_gate("git-2")

    assert len(scene.said(Kind.WAITING)) == PATIENCE.ill_looks - 1


def test_an_environment_that_never_gets_ready_ends_the_patience_and_says_what_it_is(
    scene: Scene,
) -> None:
    scene.begin("git-2", NEVER_ENDS)

    with pytest.raises(OutOfPatience, match="Updating"):
        scene.watch.settle()

    assert scene.watch.clock.now() >= PATIENCE.longest_seconds


def test_the_services_clock_may_be_an_hour_off(scene: Scene) -> None:
    scene.cloud.beanstalk.region(REGION).clock.skew = timedelta(hours=-1)
    there = scene.cloud.beanstalk.region(REGION)
    there.tell(scene.environment, [("ERROR", "of long ago")], "git-1")
    scene.watch.mark()
    there.tell(scene.environment, [("WARN", "first"), ("INFO", "second")], "git-1")

    scene.watch.look()
    scene.watch.look()

    assert scene.said(Kind.EVENT) == ["WARN first", "second"]
    assert scene.watch.diary.complaint == ""


def test_an_error_among_the_events_is_a_failure_although_all_looks_well(scene: Scene) -> None:
    there = scene.cloud.beanstalk.region(REGION)
    scene.watch.mark()
    there.tell(scene.environment, [("ERROR", "The hook failed.")], "git-1")

    with pytest.raises(NotHealthy, match=r"Elastic Beanstalk says: The hook failed\."):
        scene.watch.pass_gate("git-1")


def test_an_environment_that_was_never_there_has_no_events(beanstalk: Beanstalk) -> None:
    assert beanstalk.newest_event() is None
    assert beanstalk.find_environment() is None


# Asking for a change


def test_a_change_is_certain_when_it_is_answered(scene: Scene) -> None:
    assert scene.watch.insist(lambda: None, lambda: False)


def test_a_change_that_is_refused_and_holds_is_not_certain(scene: Scene) -> None:
    assert not scene.watch.insist(_raising(_refused()), lambda: True)


def test_a_change_that_is_refused_and_does_not_hold_is_refused(scene: Scene) -> None:
    with pytest.raises(Refused):
        scene.watch.insist(_raising(_refused()), lambda: False)


def test_a_change_that_is_not_heard_and_holds_is_not_asked_for_again(scene: Scene) -> None:
    asked = []

    def change() -> None:
        asked.append(1)
        raise Unreachable("Nobody answers.")

    assert not scene.watch.insist(change, lambda: True)
    assert len(asked) == 1


def test_a_change_that_is_not_heard_is_asked_for_again_and_then_given_up(scene: Scene) -> None:
    asked = []

    def change() -> None:
        asked.append(1)
        raise Unreachable("Nobody answers.")

    with pytest.raises(Unreachable):
        scene.watch.insist(change, lambda: False)

    assert len(asked) == 3


def _raising(error: Exception) -> Any:
    def change() -> None:
        raise error

    return change


def _refused() -> Refused:
    return Refused(service="Elastic Beanstalk", region=REGION, code="No", reason="Must be Ready.")


# The site itself


class _Site(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def site(bare_environment: pytest.MonkeyPatch) -> Iterator[tuple[type[_Site], str]]:
    del bare_environment
    handler = type("_OneSite", (_Site,), {})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield handler, f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_site_that_answers_200_has_no_ailment(site: tuple[type[_Site], str]) -> None:
    assert find_ailment(site[1]) == ""


@pytest.mark.parametrize("status", [204, 301, 400, 503])
def test_any_other_answer_is_an_ailment_and_no_redirect_is_followed(
    site: tuple[type[_Site], str], status: int
) -> None:
    handler, host = site
    handler.status = status

    assert find_ailment(host) == f"http://{host}/healthz/ready answers {status}"


def test_a_site_that_does_not_answer_is_ailing(bare_environment: pytest.MonkeyPatch) -> None:
    del bare_environment

    ailment = find_ailment("127.0.0.1:9")

    assert ailment.startswith("http://127.0.0.1:9/healthz/ready does not answer (")
