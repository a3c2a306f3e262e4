from datetime import date

import pytest

from rules.days import written_day


def test_a_day_is_read_as_it_is_written():
    assert written_day("2026-11-20") == date(2026, 11, 20)
    assert written_day("2028-02-29") == date(2028, 2, 29)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-31", "2027-02-29", "20261120", "2026-W47-5", "26-11-20", "2026-11-20T00:00"]
    + ["2026-11-20\n", " 2026-11-20", "0001-01-01", "1999-12-31", "2100-01-01", "9999-12-31"]
    + ["２０２６-11-20", "어제"],
)
def test_what_is_no_day_is_none(text):
    assert written_day(text) is None
