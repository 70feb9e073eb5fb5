"""As many invented titles as one likes, to see how the site does with many.

Title `n` depends on `n` and the seed only: asked for more, the first ones stay the same.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from catalog.entities import Episode, Title
from catalog.vocabulary import GENRES

MOST = 1_000_000
ID_PREFIX = "syn-"
SHOW_EVERY = 20
EPISODES = (4, 12)
FIRST_YEAR, LAST_YEAR = 1895, 2025
ADDED_FROM_MS = 1_577_836_800_000
ADDED_WITHIN_MS = 5 * 365 * 86_400_000
MOST_POPULAR = 20
LICENCE = "CC0-1.0"
LICENCE_URL = "https://creativecommons.org/publicdomain/zero/1.0/"
CREDIT = "Invented by Meridian's generator; there is no such film."

WORDS: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("data").joinpath("synthetic.json").read_text(encoding="utf-8")
)
ADJECTIVES, NOUNS, PLACES = WORDS["adjectives"], WORDS["nouns"], WORDS["places"]
GIVEN, FAMILY = WORDS["given"], WORDS["family"]
TROUBLES, TURNS = WORDS["troubles"], WORDS["turns"]


def synthetic(count: int, *, seed: int = 0) -> Iterator[Title | Episode]:
    """`count` titles, every twentieth a show followed by its episodes; one at a time."""
    for number in range(count):
        random = Random(f"{seed}:{number}")  # noqa: S311
        title = _title(random, number)
        yield title
        if title.kind == "show":
            yield from _episodes(Random(f"{seed}:{number}:episodes"), title)  # noqa: S311


def _title(random: Random, number: int) -> Title:
    year = random.randint(FIRST_YEAR, LAST_YEAR)
    is_show = number % SHOW_EVERY == SHOW_EVERY - 1
    hero = random.choice(NOUNS)
    return Title(
        id=f"{ID_PREFIX}{number:06}",
        title=_name(random, hero),
        kind="show" if is_show else "movie",
        year=year,
        runtime_seconds=None if is_show else _runtime_seconds(random),
        director=_person(random),
        cast=tuple(dict.fromkeys(_person(random) for _ in range(random.randint(1, 4)))),
        genres=tuple(sorted(random.sample(GENRES, random.choice((1, 1, 2, 2, 3))))),
        synopsis=_synopsis(random, hero, year),
        licence=LICENCE,
        licence_url=LICENCE_URL,
        credit=CREDIT,
        popularity=int(MOST_POPULAR * random.random() ** 3),
        added_at_ms=ADDED_FROM_MS + random.randrange(ADDED_WITHIN_MS),
    )


def _episodes(random: Random, show: Title) -> Iterator[Episode]:
    """One to three seasons."""
    for season in range(1, random.randint(1, 3) + 1):
        for place in range(1, random.randint(*EPISODES) + 1):
            hero = random.choice(NOUNS)
            yield Episode(
                show_id=show.id,
                key=f"S{season:02}E{place:02}",
                title=_name(random, hero),
                year=None if show.year is None else show.year + season - 1,
                runtime_seconds=60 * random.randint(8, 55),
                synopsis=_sentence(random, hero),
            )


def _name(random: Random, hero: str) -> str:
    noun, other = hero.capitalize(), random.choice(NOUNS).capitalize()
    adjective = random.choice(ADJECTIVES).capitalize()
    place = random.choice(PLACES)
    forms = (
        f"The {adjective} {noun}",
        f"The {noun} of {place}",
        f"{adjective} {noun}",
        f"The {noun} and the {other}",
        f"A {noun} in {place}",
        f"{noun}'s {other}",
        f"{random.choice(GIVEN)} and the {adjective} {noun}",
        f"Last {other} to {place}",
    )
    return random.choice(forms)


def _synopsis(random: Random, hero: str, year: int) -> str:
    where = f"{random.choice(PLACES)}, {year - random.randint(0, 60)}"
    return f"{where}. {_sentence(random, hero)} {random.choice(TURNS)}"


def _sentence(random: Random, hero: str) -> str:
    return f"The {random.choice(ADJECTIVES)} {hero} {random.choice(TROUBLES)}."


def _person(random: Random) -> str:
    return f"{random.choice(GIVEN)} {random.choice(FAMILY)}"


def _runtime_seconds(random: Random) -> int:
    """Mostly features, and a third of them shorts."""
    minutes = random.randint(2, 35) if random.random() < 1 / 3 else random.randint(58, 165)
    return 60 * minutes
