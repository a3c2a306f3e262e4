import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.csv_text import BOM, lines


def written(cell):
    return lines([[cell]]).removesuffix("\r\n")


def test_text_is_quoted_and_numbers_are_bare():
    assert lines([["주문", 9900, -3300, 0], ['"따옴표", 쉼표', 1, 2, 3]]) == (
        '"주문",9900,-3300,0\r\n"""따옴표"", 쉼표",1,2,3\r\n'
    )


def test_the_mark_of_a_file_is_three_bytes():
    assert BOM.encode() == b"\xef\xbb\xbf"


def test_nothing_is_an_empty_cell():
    assert written(None) == written("") == '""'
    assert lines([]) == ""


def test_a_day_is_written_as_it_is():
    assert written(date(2026, 11, 20)) == '"2026-11-20"'


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (datetime(2026, 11, 20, 5, 5, 6, tzinfo=UTC), '"2026-11-20 14:05:06"'),
        (datetime(2026, 11, 19, 15, 0, tzinfo=UTC), '"2026-11-20 00:00:00"'),
        (datetime(2026, 11, 19, 14, 59, 59, 999999, tzinfo=UTC), '"2026-11-19 23:59:59"'),
    ],
)
def test_an_instant_is_written_in_seoul(instant, shown):
    assert written(instant) == shown


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+82-10", "-3300", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1+1", "＋1", "－1", "＠x", "="],
)
def test_what_a_spreadsheet_would_run_is_text(text):
    [[read]] = csv.reader(io.StringIO(written(text), newline=""))
    assert read == f"'{text}"


@pytest.mark.parametrize("text", ["00000000", "007", "1234567890123456"])
def test_digits_that_a_spreadsheet_would_change_are_text(text):
    assert written(text) == f'"\'{text}"'


@pytest.mark.parametrize("text", ["0", "30024234", "123456789012345", "94100012****789*", "가=1"])
def test_other_text_stands_as_it_is(text):
    assert written(text) == f'"{text}"'


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1)))
def test_whatever_is_written_is_read_back_and_never_begins_a_formula(rows):
    read = list(csv.reader(io.StringIO(lines(rows), newline="")))
    assert [len(row) for row in read] == [len(row) for row in rows]
    for row, given_row in zip(read, rows, strict=True):
        for cell, text in zip(row, given_row, strict=True):
            assert cell in (text, f"'{text}")
            assert not cell.startswith(tuple("=+-@\t\r\n"))
