"""The catalogue file that `provision` loads: its shape, and those promises a test can check."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import catalog
from catalog.repository import (
    episode_from_item,
    episode_to_item,
    title_from_item,
    title_to_item,
)
from catalog.vocabulary import GENRES

Row = Mapping[str, Any]

PROJECT = Path(catalog.__file__).parent.parent
CATALOGUE = PROJECT / "catalog" / "data" / "catalogue.jsonl"
STANDIN = PROJECT / "static" / "media" / "standin.webm"

TITLE_ATTRIBUTES = {
    "PK": str,
    "SK": str,
    "title": str,
    "kind": str,
    "year": int,
    "runtime": int,
    "genres": list,
    "synopsis": str,
    "director": str,
    "cast": list,
    "licence": str,
    "licence_url": str,
    "credit": str,
    "source_url": str,
    "video": str,
    "popularity": int,
    "added_at": int,
}
EPISODE_ATTRIBUTES = {
    "PK": str,
    "SK": str,
    "title": str,
    "year": int,
    "runtime": int,
    "synopsis": str,
    "video": str,
}
LICENCES = {
    "CC-BY-2.5": "https://creativecommons.org/licenses/by/2.5/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "Public domain": None,
}
IDS_OF_THE_WORKSHOP = {f"{number:02}" for number in range(1, 13)}
PLAIN_WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
EPISODE = re.compile(r"S\d{2}E\d{2}")
SOURCES = ("https://commons.wikimedia.org/wiki/", "https://en.wikipedia.org/wiki/")
REASONS = (" in the public domain in the United States.", " in the public domain there.")
TRANSCODED = "https://upload.wikimedia.org/wikipedia/commons/transcoded"
SMALL = ".480p.vp9.webm"
LAB_ITEM = {"PK": "user100", "SK": "AshlandValley", "Bookmark": 0}


def read_rows() -> list[Row]:
    return [json.loads(line) for line in CATALOGUE.read_text(encoding="utf-8").splitlines()]


ROWS = read_rows()
TITLES = [row for row in ROWS if row["PK"] == "library"]
EPISODES = [row for row in ROWS if row["PK"].startswith("show#")]


def name(row: Row) -> str:
    return f"{row['PK']}/{row['SK']}"


def failing(rows: Iterable[Row], holds: Callable[[Row], bool]) -> list[str]:
    """The names of the rows for which it does not hold: one test for all of them is far quicker."""
    return [name(row) for row in rows if not holds(row)]


def used_twice(values: Iterable[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def test_there_are_titles_enough_and_nothing_but_titles_episodes_and_the_lab_item() -> None:
    assert len(TITLES) >= 120
    assert [row for row in ROWS if row not in TITLES and row not in EPISODES] == [LAB_ITEM]


def test_no_key_name_of_a_title_or_synopsis_is_used_twice() -> None:
    assert used_twice(map(name, ROWS)) == []
    assert used_twice(row["title"] for row in TITLES) == []
    assert used_twice(row["synopsis"] for row in [*TITLES, *EPISODES]) == []


def test_titles_and_episodes_have_known_attributes_of_the_right_types() -> None:
    wrong = {name(row): wrongly_typed(row, TITLE_ATTRIBUTES) for row in TITLES}
    wrong |= {name(row): wrongly_typed(row, EPISODE_ATTRIBUTES) for row in EPISODES}
    assert {row: attributes for row, attributes in wrong.items() if attributes} == {}


def wrongly_typed(row: Row, attributes: Mapping[str, type]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if type(value) is not attributes.get(key)}


def test_a_name_has_no_space_around_it_and_a_kind_is_known() -> None:
    assert (
        failing([*TITLES, *EPISODES], lambda row: row["title"].strip() == row["title"] != "") == []
    )
    assert failing(TITLES, lambda row: row["kind"] in ("movie", "show")) == []


def test_the_site_reads_everything_a_title_and_an_episode_say() -> None:
    assert failing(TITLES, lambda row: title_to_item(title_from_item(row)) == row) == []
    assert failing(EPISODES, lambda row: episode_to_item(episode_from_item(row)) == row) == []


def test_an_id_is_a_plain_word_and_not_one_of_the_workshop() -> None:
    assert failing(TITLES, lambda row: PLAIN_WORD.fullmatch(row["SK"]) is not None) == []
    assert failing(TITLES, lambda row: len(row["SK"]) <= 64) == []
    assert failing(TITLES, lambda row: row["SK"] not in IDS_OF_THE_WORKSHOP) == []


def test_a_title_says_by_what_right_it_is_shown() -> None:
    assert failing(TITLES, lambda row: row["licence"] in LICENCES) == []
    assert failing(TITLES, lambda row: row.get("licence_url") == LICENCES[row["licence"]]) == []
    assert failing(TITLES, lambda row: bool(row["credit"].strip())) == []
    assert failing(TITLES, lambda row: row["source_url"].startswith(SOURCES)) == []


def test_a_title_in_the_public_domain_says_why_and_an_older_one_only_for_its_age() -> None:
    free = [row for row in TITLES if row["licence"] == "Public domain"]
    assert failing(free, lambda row: row["credit"].endswith(REASONS)) == []
    assert failing(free, lambda row: ("before 1931" in row["credit"]) == (row["year"] < 1931)) == []


def test_genres_are_one_to_three_words_of_the_vocabulary() -> None:
    assert failing(TITLES, lambda row: 1 <= len(row["genres"]) <= 3) == []
    assert failing(TITLES, lambda row: used_twice(row["genres"]) == []) == []
    assert failing(TITLES, lambda row: set(row["genres"]) <= set(GENRES)) == []


def test_every_genre_has_titles_enough_for_a_row() -> None:
    titles_of = Counter(genre for row in TITLES for genre in row["genres"])
    assert {genre: titles_of[genre] for genre in GENRES if titles_of[genre] < 6} == {}


def test_a_cast_is_up_to_five_people_and_nobody_twice() -> None:
    with_cast = [row for row in TITLES if "cast" in row]
    assert failing(with_cast, lambda row: 1 <= len(row["cast"]) <= 5) == []
    assert failing(with_cast, lambda row: used_twice(row["cast"]) == []) == []
    assert failing(with_cast, lambda row: all(type(person) is str for person in row["cast"])) == []
    assert failing(with_cast, lambda row: all(p.strip() == p != "" for p in row["cast"])) == []
    assert len(with_cast) >= len(TITLES) * 3 // 4


def test_a_title_is_from_the_age_of_film_and_was_added_this_year() -> None:
    assert failing(TITLES, lambda row: 1888 <= row["year"] <= 2026) == []
    assert failing(TITLES, lambda row: 0 <= row["popularity"] <= 100) == []
    assert failing(TITLES, lambda row: added_on(row).year == 2026) == []


def added_on(row: Row) -> datetime:
    return datetime.fromtimestamp(row["added_at"] / 1000, tz=UTC)


def test_a_runtime_is_between_a_minute_and_four_hours_and_a_show_has_none() -> None:
    timed = [row for row in [*TITLES, *EPISODES] if "runtime" in row]
    shows = [row for row in TITLES if row["kind"] == "show"]
    assert failing(timed, lambda row: 60 <= row["runtime"] <= 4 * 3600) == []
    assert failing(shows, lambda row: "runtime" not in row and "video" not in row) == []


def test_there_are_short_films_enough_for_a_row() -> None:
    assert sum(row.get("runtime", 3600) < 30 * 60 for row in TITLES) >= 12


def test_a_synopsis_is_a_sentence_or_two() -> None:
    rows = [*TITLES, *EPISODES]
    assert failing(rows, lambda row: 40 <= len(row["synopsis"]) <= 300) == []
    assert failing(rows, lambda row: row["synopsis"].endswith(".")) == []
    assert failing(rows, lambda row: row["synopsis"] == " ".join(row["synopsis"].split())) == []


def test_a_video_is_the_small_transcode_at_the_address_its_name_implies() -> None:
    with_video = [row for row in [*TITLES, *EPISODES] if "video" in row]
    assert failing(with_video, lambda row: unquote(row["video"]) == small_transcode(row)) == []
    assert sum("video" in row for row in TITLES) >= 10


def small_transcode(row: Row) -> str:
    """Where Wikimedia keeps the 480p version of the file that the row's address names."""
    file_name = unquote(row["video"]).rpartition("/")[2].removesuffix(SMALL)
    digest = hashlib.md5(file_name.encode(), usedforsecurity=False).hexdigest()
    return f"{TRANSCODED}/{digest[:1]}/{digest[:2]}/{file_name}/{file_name}{SMALL}"


def test_every_show_has_episodes_and_every_episode_a_show() -> None:
    shows = {f"show#{row['SK']}" for row in TITLES if row["kind"] == "show"}
    assert shows == {row["PK"] for row in EPISODES}
    assert len(shows) >= 8


def test_episodes_are_counted_from_one_without_gaps_in_seasons_counted_from_one() -> None:
    assert failing(EPISODES, lambda row: EPISODE.fullmatch(row["SK"]) is not None) == []
    for show in {row["PK"] for row in EPISODES}:
        keys = sorted(row["SK"] for row in EPISODES if row["PK"] == show)
        lengths = Counter(key[:3] for key in keys)
        expected = [
            f"S{season:02}E{number:02}"
            for season in range(1, len(lengths) + 1)
            for number in range(1, lengths[f"S{season:02}"] + 1)
        ]
        assert keys == expected


def test_several_shows_have_more_than_one_season() -> None:
    seasons = Counter(show for show, _ in {(row["PK"], row["SK"][:3]) for row in EPISODES})
    assert sum(number >= 2 for number in seasons.values()) >= 3


def test_an_episode_is_no_older_than_its_show() -> None:
    year_of = {f"show#{row['SK']}": row["year"] for row in TITLES}
    assert failing(EPISODES, lambda row: row["year"] >= year_of[row["PK"]]) == []


def test_the_file_is_written_one_item_to_a_line_with_its_last_line_ended() -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert text == "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in ROWS)


def test_the_standin_is_small_and_can_be_sought_in_before_it_is_all_there() -> None:
    clip = STANDIN.read_bytes()
    matroska, cues, cluster = b"\x1a\x45\xdf\xa3", b"\x1c\x53\xbb\x6b", b"\x1f\x43\xb6\x75"
    assert len(clip) <= 600_000
    assert clip.startswith(matroska)
    assert clip.index(b"\xbb", clip.index(cues)) < clip.index(cluster)
