from decimal import Decimal

import pytest

from bookmarks.lab import wording
from bookmarks.lab.entities import Action, Entry, Outcome
from bookmarks.lab.verdict import judge
from tests.lab.world import IRELAND, OHIO, OREGON, World

PLACES = {OREGON: "Oregon", IRELAND: "Ireland", OHIO: "Ohio"}


@pytest.fixture
def world() -> World:
    return World()


def said(world: World) -> list[str]:
    verdict = judge(world.histories)
    place = PLACES.__getitem__
    return [wording.headline(verdict, place), *wording.facts(verdict, place)]


def entry(action: Action, outcome: Outcome = Outcome.OK, **more: object) -> Entry:
    return Entry(at_ms=0, action=action, outcome=outcome, elapsed_ms=1.0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (-5, "−5"), (Decimal("1E+3"), "1000"), (Decimal("-0.50"), "−0.50")],
)
def test_numbers_are_set_plainly(value: int | Decimal | None, text: str) -> None:
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("elapsed", "text"),
    [(-3, "0.00 s"), (420, "0.42 s"), (12_340, "12.3 s"), (200_000, "3 min")],
)
def test_spans_get_coarser_with_their_length(elapsed: int, text: str) -> None:
    assert wording.span(elapsed) == text


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (entry(Action.PING), "Ohio answers."),
        (entry(Action.GET, value=7), "Ohio holds 7."),
        (entry(Action.GET), "Ohio has no bookmark here."),
        (entry(Action.PLUS, step=1, old=6, value=7), "Ohio wrote 6 ➜ 7."),
        (entry(Action.PLUS, step=1, value=1), "Ohio wrote – ➜ 1."),
        (entry(Action.GET, Outcome.AWAY), "Ohio does not answer."),
        (entry(Action.PLUS, Outcome.AWAY), "Ohio does not answer. Nothing was written."),
        (
            entry(Action.MINUS, Outcome.UNCERTAIN, step=-2),
            (
                "Ohio failed to answer. The −2 may have been written or not: "
                "get the item once the region is back."
            ),
        ),
        (
            entry(Action.MINUS, Outcome.BUSY),
            "Ohio is at its limit just now. Nothing was written. Try again.",
        ),
        (
            entry(Action.GET, Outcome.REFUSED),
            "Ohio refused. Is the table provisioned there, with a number in it?",
        ),
    ],
)
def test_every_answer_is_a_sentence(answer: Entry, sentence: str) -> None:
    assert wording.answer(answer, "Ohio") == sentence


@pytest.mark.parametrize("action", [each for each in Action if each is not Action.CLEAR])
@pytest.mark.parametrize("outcome", Outcome)
def test_every_answer_has_a_few_words(action: Action, outcome: Outcome) -> None:
    assert 0 < len(wording.brief(entry(action, outcome, value=1))) < 30


class TestVerdict:
    def test_before_anything(self, world: World) -> None:
        assert said(world) == ["Not known", "Get the item in every region to compare them."]

    def test_in_sync(self, world: World) -> None:
        world.add(IRELAND, 3)
        world.drain()
        world.get_everywhere()
        assert said(world) == ["In sync", "Every region holds 3, written in Ireland."]

    def test_stale(self, world: World) -> None:
        world.get_everywhere()
        world.add(OREGON, 1)
        world.wait(400)
        world.get(IRELAND)
        assert said(world) == [
            "Stale in Ireland",
            "Ireland gave 0, 0.40 s after Oregon had written 1.",
            "Ohio has not been asked since the newest write.",
        ]

    def test_two_away(self, world: World) -> None:
        world.fail(OREGON, Outcome.AWAY)
        world.fail(OHIO, Outcome.AWAY)
        world.get(IRELAND)
        assert said(world) == ["Not known: Oregon and Ohio do not answer"]

    def test_one_away_beside_a_stale_one(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(10)
        world.get(IRELAND)
        world.fail(OHIO, Outcome.AWAY)
        assert said(world) == [
            "Stale in Ireland",
            "Ireland gave 0, 0.01 s after Oregon had written 1.",
            "Ohio did not answer.",
        ]

    def test_conflict(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(300)
        world.add(IRELAND, -1)
        assert said(world) == [
            "Conflict",
            (
                "Ireland’s −1 (0 ➜ −1) came 0.30 s after Oregon’s +1 (0 ➜ 1) and did not "
                "know it. The later write wins: Oregon’s 1 is lost."
            ),
            "Oregon and Ohio have not been asked since the newest write.",
        ]

    def test_after_a_conflict(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(5)
        world.add(OREGON, 1)
        world.wait(300)
        world.add(IRELAND, -1)
        world.drain()
        world.get_everywhere()
        assert said(world) == [
            "In sync, after a conflict",
            "Every region holds −1, written in Ireland.",
            (
                "Ireland’s −1 (0 ➜ −1) came 0.30 s after Oregon’s +1 (1 ➜ 2) and did not "
                "know it. The later write wins: Oregon’s 2, the last of 2 updates, was lost."
            ),
        ]
