"""The catalogue file that `provision` loads: its shape, and those promises a test can check."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import catalog
from catalog.repository import episode_from_item, title_from_item, title_to_item
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
LAB_ITEM = {"PK": "user100", "SK": "AshlandValley", "Bookmark": 0}


def read_rows() -> list[Row]:
    return [json.loads(line) for line in CATALOGUE.read_text(encoding="utf-8").splitlines()]


ROWS = read_rows()
TITLES = [row for row in ROWS if row["PK"] == "library"]
EPISODES = [row for row in ROWS if row["PK"].startswith("show#")]


def name(row: Row) -> str:
    return f"{row['PK']}/{row['SK']}"


every_title = pytest.mark.parametrize("row", TITLES, ids=name)
every_episode = pytest.mark.parametrize("row", EPISODES, ids=name)
every_row = pytest.mark.parametrize("row", [*TITLES, *EPISODES], ids=name)


def test_there_are_titles_enough_and_nothing_but_titles_episodes_and_the_lab_item() -> None:
    assert len(TITLES) >= 48
    assert [row for row in ROWS if row not in TITLES and row not in EPISODES] == [LAB_ITEM]


def test_no_key_is_used_twice() -> None:
    assert [key for key, times in Counter(map(name, ROWS)).items() if times > 1] == []


def test_no_two_titles_have_the_same_name() -> None:
    assert [t for t, times in Counter(row["title"] for row in TITLES).items() if times > 1] == []


@every_title
def test_a_title_has_known_attributes_of_the_right_types(row: Row) -> None:
    assert wrongly_typed(row, TITLE_ATTRIBUTES) == {}
    assert row["title"].strip() == row["title"] != ""
    assert row["kind"] in ("movie", "show")


@every_episode
def test_an_episode_has_known_attributes_of_the_right_types(row: Row) -> None:
    assert wrongly_typed(row, EPISODE_ATTRIBUTES) == {}
    assert re.fullmatch(r"S\d{2}E\d{2}", row["SK"])


def wrongly_typed(row: Row, attributes: Mapping[str, type]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if type(value) is not attributes.get(key)}


@every_title
def test_the_site_reads_everything_a_title_says(row: Row) -> None:
    assert title_to_item(title_from_item(row)) == row


@every_episode
def test_the_site_reads_an_episode(row: Row) -> None:
    episode = episode_from_item(row)
    assert (episode.title, episode.runtime_seconds) == (row["title"], row.get("runtime"))


@every_title
def test_an_id_is_a_plain_word_and_not_one_of_the_workshop(row: Row) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["SK"])
    assert len(row["SK"]) <= 64
    assert row["SK"] not in IDS_OF_THE_WORKSHOP


@every_title
def test_a_title_says_by_what_right_it_is_shown(row: Row) -> None:
    assert row["licence"] in LICENCES
    assert row.get("licence_url") == LICENCES[row["licence"]]
    assert row["credit"].strip()
    assert row["source_url"].startswith(
        ("https://commons.wikimedia.org/wiki/", "https://en.wikipedia.org/wiki/")
    )


@every_title
def test_a_title_in_the_public_domain_says_why_and_an_older_one_only_for_its_age(row: Row) -> None:
    if row["licence"] == "Public domain":
        assert row["credit"].endswith((" the United States.", " in the public domain there."))
        assert ("before 1931" in row["credit"]) == (row["year"] < 1931)


@every_title
def test_genres_are_one_to_three_words_of_the_vocabulary(row: Row) -> None:
    assert 1 <= len(row["genres"]) <= 3
    assert len(set(row["genres"])) == len(row["genres"])
    assert set(row["genres"]) <= set(GENRES)


def test_every_genre_has_titles_enough_for_a_row() -> None:
    titles_of = Counter(genre for row in TITLES for genre in row["genres"])
    assert {genre: titles_of[genre] for genre in GENRES if titles_of[genre] < 6} == {}


@every_title
def test_a_title_is_from_the_age_of_film_and_was_added_this_year(row: Row) -> None:
    assert 1888 <= row["year"] <= 2026
    assert 0 <= row["popularity"] <= 100
    assert datetime.fromtimestamp(row["added_at"] / 1000, tz=UTC).year == 2026


@every_row
def test_a_runtime_is_between_a_minute_and_four_hours_and_a_show_has_none(row: Row) -> None:
    assert 60 <= row.get("runtime", 60) <= 4 * 3600
    assert not (row.get("kind") == "show" and ("runtime" in row or "video" in row))


@every_row
def test_a_synopsis_is_a_sentence_or_two(row: Row) -> None:
    assert 40 <= len(row["synopsis"]) <= 300
    assert row["synopsis"].endswith(".")
    assert row["synopsis"] == " ".join(row["synopsis"].split())


@every_row
def test_a_video_is_the_small_transcode_at_the_address_its_name_implies(row: Row) -> None:
    if "video" not in row:
        return
    address = urlsplit(row["video"])
    assert (address.scheme, address.netloc) == ("https", "upload.wikimedia.org")
    folder, _, rest = unquote(address.path).partition("/transcoded/")
    first, second, file_name, transcode = rest.split("/")
    digest = hashlib.md5(file_name.encode(), usedforsecurity=False).hexdigest()
    assert folder == "/wikipedia/commons"
    assert (first, second) == (digest[:1], digest[:2])
    assert transcode == f"{file_name}.480p.vp9.webm"


def test_some_titles_have_a_video_of_their_own() -> None:
    assert sum("video" in row for row in TITLES) >= 10


def test_every_show_has_episodes_and_every_episode_a_show() -> None:
    shows = {f"show#{row['SK']}" for row in TITLES if row["kind"] == "show"}
    assert shows == {row["PK"] for row in EPISODES}
    assert len(shows) >= 3


def test_episodes_are_counted_from_one_without_gaps_in_seasons_counted_from_one() -> None:
    for show in {row["PK"] for row in EPISODES}:
        keys = sorted(row["SK"] for row in EPISODES if row["PK"] == show)
        lengths = Counter(key[:3] for key in keys)
        expected = [
            f"S{season:02}E{number:02}"
            for season in range(1, len(lengths) + 1)
            for number in range(1, lengths[f"S{season:02}"] + 1)
        ]
        assert keys == expected


def test_an_episode_is_no_older_than_its_show() -> None:
    year_of = {f"show#{row['SK']}": row["year"] for row in TITLES}
    assert [name(row) for row in EPISODES if row["year"] < year_of[row["PK"]]] == []


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
