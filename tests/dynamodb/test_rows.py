"""What is read from a file, row by row, in each of the four formats."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.dynamodb.rows import (
    Column,
    Format,
    Row,
    UnreadableFile,
    find_format,
    parse_map,
    read_rows,
    to_number,
)

BATCH = {
    "global-serverless": [
        {"PutRequest": {"Item": {"PK": {"S": "library"}, "SK": {"S": "01"}, "n": {"N": "5"}}}},
        {"PutRequest": {"Item": {"PK": {"S": "user100"}, "SK": {"S": "01"}}}},
    ]
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data"


def read(path: Path, content: str | bytes, **options: Any) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, **{"table": "global-serverless"} | options))


def items(rows: list[Row]) -> list[dict[str, Any]]:
    assert [row.reason for row in rows if row.reason] == []
    return [dict(row.item) for row in rows]


class TestFormats:
    @pytest.mark.parametrize(
        ("content", "format_"),
        [
            ("PK,SK\na,b\n", Format.CSV),
            ("\ufeffPK,SK\n", Format.CSV),
            ('"{",b\n', Format.CSV),
            ('[{"PK": "a"}]', Format.JSON),
            ("\n\n  [\n]", Format.JSON),
            ('{"PK": "a"}\n{"PK": "b"}\n', Format.JSON_LINES),
            ('{"PK": "a"}', Format.JSON_LINES),
            ('{"PK": ["a"]}', Format.JSON_LINES),
            (json.dumps(BATCH), Format.BATCH),
            (json.dumps(BATCH, indent=4), Format.BATCH),
            ('{"t": []}', Format.BATCH),
        ],
    )
    def test_it_shows_in_the_content(self, file: Path, content: str, format_: Format) -> None:
        file.write_text(content)
        assert find_format(file) is format_

    def test_a_bad_first_line_of_json_lines_shows_in_the_name(self, tmp_path: Path) -> None:
        file = tmp_path / "data.jsonl"
        file.write_text('{"PK": \n{"PK": "b"}\n')
        assert find_format(file) is Format.JSON_LINES

    def test_it_may_be_given_instead(self, file: Path) -> None:
        rows = read(file, "[PK,SK]\na,b\n", format=Format.CSV)
        assert items(rows) == [{"[PK": "a", "SK]": "b"}]

    @pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
    def test_an_empty_file_is_said_to_be_empty(self, file: Path, content: str) -> None:
        with pytest.raises(UnreadableFile, match=r"is empty\.$"):
            read(file, content)


class TestCsv:
    def test_the_first_line_names_the_columns(self, file: Path) -> None:
        rows = read(file, "PK,SK,title\nlibrary,01,Sintel\nlibrary,02,Big Buck Bunny\n")
        assert items(rows) == [
            {"PK": "library", "SK": "01", "title": "Sintel"},
            {"PK": "library", "SK": "02", "title": "Big Buck Bunny"},
        ]
        assert [row.number for row in rows] == [2, 3]

    def test_types_come_from_the_map(self, file: Path) -> None:
        columns = parse_map("seats:N,full:BOOL,key:B,more:JSON")
        (row,) = read(
            file,
            'id,seats,full,key,more\n7,+5,True,AP8=,"{""a"": [1.5]}"\n',
            columns=columns,
        )
        assert items([row]) == [
            {
                "id": "7",
                "seats": 5,
                "full": True,
                "key": b"\x00\xff",
                "more": {"a": [Decimal("1.5")]},
            }
        ]

    def test_without_a_heading_the_map_names_the_columns(self, file: Path) -> None:
        rows = read(file, "1,American\n2,Delta\n", columns=parse_map("flight_id:N,airline"))
        assert items(rows) == [
            {"flight_id": 1, "airline": "American"},
            {"flight_id": 2, "airline": "Delta"},
        ]
        assert [row.number for row in rows] == [1, 2]

    def test_an_empty_cell_is_no_attribute(self, file: Path) -> None:
        assert items(read(file, "PK,SK,title\na,b,\n")) == [{"PK": "a", "SK": "b"}]

    def test_quotes_commas_and_line_ends_inside_a_cell(self, file: Path) -> None:
        rows = read(file, 'PK,SK\r\n"a, ""b""","c\r\nd"\r\ne,f\r\n')
        assert items(rows)[0] == {"PK": 'a, "b"', "SK": "c\r\nd"}
        assert [row.number for row in rows] == [2, 4]

    def test_blank_lines_are_no_rows(self, file: Path) -> None:
        assert len(read(file, "PK,SK\n\na,b\n\n")) == 1

    def test_a_mark_at_the_beginning_is_no_part_of_the_first_name(self, file: Path) -> None:
        assert items(read(file, "\ufeffPK,SK\na,b\n")) == [{"PK": "a", "SK": "b"}]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("a", "it has 1 cell where 2 are named"),
            ("a,b,c", "it has 3 cells where 2 are named"),
        ],
    )
    def test_a_row_with_another_number_of_cells(self, file: Path, line: str, reason: str) -> None:
        rows = read(file, f"PK,SK\n{line}\nx,y\n")
        assert rows[0].reason == reason
        assert rows[1].reason == ""

    @pytest.mark.parametrize("cell", ["1,5", "5 seats", "NaN", "1_000", "٣", "--1", "1e", "0x10"])
    def test_a_number_that_is_none(self, file: Path, cell: str) -> None:
        (row,) = read(file, f'seats\n"{cell}"\n', columns=[Column(name="seats", type="N")])
        assert row.reason == f"seats is {cell!r}, which is not N"
        assert row.raw == {"seats": cell}

    def test_bytes_that_are_not_utf_8(self, file: Path) -> None:
        rows = read(file, b"PK,SK\na,caf\xe9\nx,y\n")
        assert rows[0].reason == "it has text that is not UTF-8"
        assert rows[1].reason == ""

    @pytest.mark.parametrize("heading", ["PK,PK", "PK,", "PK, PK "])
    def test_a_heading_that_does_not_name_each_column_once(self, file: Path, heading: str) -> None:
        with pytest.raises(UnreadableFile, match="use --map"):
            read(file, f"{heading}\na,b\n")

    def test_a_large_file_is_not_held_in_memory(self, file: Path) -> None:
        """The first row comes before the last one is written."""
        with file.open("w") as writing:
            writing.write("PK,SK\n" + "a,b\n" * 20_000)
            writing.flush()
            rows = read_rows(file, table="t")
            assert next(rows).item == {"PK": "a", "SK": "b"}
            writing.write("the,last\n")
            writing.flush()
            assert list(rows)[-1].item == {"PK": "the", "SK": "last"}


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("+1", 1),
            ("1e5", 100_000),
            (" 12 ", 12),
            ("-0.50", Decimal("-0.5")),
            (".5", Decimal("0.5")),
            ("5.", 5),
            ("007", 7),
        ],
    )
    def test_as_people_write_them(self, text: str, number: object) -> None:
        assert to_number(text) == number

    @given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
    def test_as_python_writes_them(self, number: int | Decimal) -> None:
        assert to_number(str(number)) == number


class TestMap:
    def test_names_and_types(self) -> None:
        assert parse_map("flight_id:N, airlines_name") == (
            Column(name="flight_id", type="N"),
            Column(name="airlines_name", type=""),
        )

    @pytest.mark.parametrize("text", ["", "a,", ":N", "a:X", "a:n", "a,a", "a:N,a:S"])
    def test_what_makes_no_sense_is_refused_in_a_sentence(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\.$"):
            parse_map(text)


class TestJson:
    def test_an_array_of_objects(self, file: Path) -> None:
        rows = read(file, '[{"PK": "a", "n": 1}, {"PK": "b", "n": 1.5, "x": null}]')
        assert items(rows) == [{"PK": "a", "n": 1}, {"PK": "b", "n": Decimal("1.5"), "x": None}]
        assert [row.number for row in rows] == [1, 2]

    @pytest.mark.parametrize(
        ("entry", "kind"),
        [("[]", "array"), ('"a"', "text"), ("1", "number"), ("true", "boolean"), ("null", "null")],
    )
    def test_an_entry_that_is_no_object(self, file: Path, entry: str, kind: str) -> None:
        rows = read(file, f'[{entry}, {{"PK": "a"}}]')
        assert rows[0].reason == f"it is a JSON {kind}, not an object"
        assert rows[1].reason == ""

    @pytest.mark.parametrize("content", ['[{"PK": "a"}', "[1,]", "[" * 100_000])
    def test_a_broken_file_is_unreadable(self, file: Path, content: str) -> None:
        with pytest.raises(UnreadableFile, match=r"is not JSON|is nested too deeply"):
            read(file, content)

    def test_something_else_than_an_array(self, file: Path) -> None:
        with pytest.raises(UnreadableFile, match="is not a JSON array"):
            read(file, '{"PK": "a"}', format=Format.JSON)

    def test_numbers_keep_every_digit(self, file: Path) -> None:
        (row,) = read(file, '[{"n": 0.1234567890123456789012345678901234567}]')
        assert row.item["n"] == Decimal("0.1234567890123456789012345678901234567")


class TestJsonLines:
    def test_one_object_a_line(self, file: Path) -> None:
        rows = read(file, '{"PK": "a"}\n\n{"PK": "b"}\n')
        assert items(rows) == [{"PK": "a"}, {"PK": "b"}]
        assert [row.number for row in rows] == [1, 3]

    @pytest.mark.parametrize("line", ['{"PK":', " nonsense", '{"PK": "a"} {"PK": "b"}'])
    def test_a_broken_line_is_a_bad_row(self, file: Path, line: str) -> None:
        rows = read(file, f'{{"PK": "a"}}\n{line}\n{{"PK": "b"}}\n')
        assert [row.reason for row in rows] == ["", "it is not JSON", ""]
        assert rows[1].raw == line

    def test_half_a_character_is_a_bad_row(self, file: Path) -> None:
        (row,) = read(file, '{"PK": "a", "deep": [{"x": "\\ud83c"}]}\n')
        assert row.reason == "it has text that is not UTF-8"

    def test_a_number_of_thousands_of_digits_does_not_stop_the_reading(self, file: Path) -> None:
        rows = read(file, f'{{"n": {"9" * 5000}}}\n{{"n": 1}}\n')
        assert len(rows) == 2


class TestBatch:
    def test_put_requests_in_dynamodb_s_own_notation(self, file: Path) -> None:
        rows = read(file, json.dumps(BATCH))
        assert items(rows) == [
            {"PK": "library", "SK": "01", "n": 5},
            {"PK": "user100", "SK": "01"},
        ]

    def test_every_kind_of_value(self, file: Path) -> None:
        typed = {
            "S": {"S": ""},
            "N": {"N": "+1.50"},
            "B": {"B": "AP8="},
            "BOOL": {"BOOL": False},
            "NULL": {"NULL": True},
            "L": {"L": [{"N": "1"}, {"M": {"a": {"S": "b"}}}]},
            "SS": {"SS": ["a", "b"]},
            "NS": {"NS": ["1", "1.5"]},
            "BS": {"BS": ["AP8="]},
        }
        (row,) = read(file, json.dumps({"t": [{"PutRequest": {"Item": typed}}]}), table="t")
        assert items([row]) == [
            {
                "S": "",
                "N": Decimal("1.5"),
                "B": b"\x00\xff",
                "BOOL": False,
                "NULL": None,
                "L": [1, {"a": "b"}],
                "SS": {"a", "b"},
                "NS": {1, Decimal("1.5")},
                "BS": {b"\x00\xff"},
            }
        ]

    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            ({"DeleteRequest": {"Key": {}}}, "it is a DeleteRequest, and loading only writes"),
            ({"PutRequest": {}}, "it is not a PutRequest with an Item"),
            ({"PutRequest": {"Item": 5}}, "it is not a PutRequest with an Item"),
            ("PutRequest", "it is not a PutRequest with an Item"),
            ({"PutRequest": {"Item": {"PK": "a"}}}, 'PK is not written as {"S": "text"}'),
            (
                {"PutRequest": {"Item": {"PK": {"S": "a", "N": "1"}}}},
                'PK is not written as {"S": "text"}',
            ),
            ({"PutRequest": {"Item": {"PK": {"N": "x"}}}}, "PK is 'x', which is not N"),
            ({"PutRequest": {"Item": {"PK": {"N": 1}}}}, "PK is '1', which is not N"),
            ({"PutRequest": {"Item": {"PK": {"B": "?"}}}}, "PK is '?', which is not B"),
            ({"PutRequest": {"Item": {"PK": {"X": "?"}}}}, "PK is '?', which is not X"),
            ({"PutRequest": {"Item": {"PK": {"SS": []}}}}, "PK is '[]', which is not SS"),
            (
                {"PutRequest": {"Item": {"m": {"M": {"a": {"N": "x"}}}}}},
                "m.a is 'x', which is not N",
            ),
        ],
    )
    def test_a_request_that_cannot_be_written(
        self, file: Path, request_: object, reason: str
    ) -> None:
        good = BATCH["global-serverless"][0]
        rows = read(file, json.dumps({"global-serverless": [good, request_]}))
        assert [row.reason for row in rows] == ["", reason]

    def test_a_file_for_another_table(self, file: Path) -> None:
        with pytest.raises(UnreadableFile, match=r"no rows for flights: it is for global-serv"):
            read(file, json.dumps(BATCH), table="flights")

    def test_only_the_rows_of_the_table(self, file: Path) -> None:
        both = BATCH | {"flights": BATCH["global-serverless"][:1]}
        assert len(read(file, json.dumps(both), table="flights")) == 1

    def test_an_object_that_is_no_batch(self, file: Path) -> None:
        with pytest.raises(UnreadableFile, match="is not batch-write JSON"):
            read(file, '{\n"PK":\n"a"}')
