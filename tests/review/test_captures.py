"""Where a long page is cut: never through a paragraph, a row or a button."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.captures import cuts

WINDOW = 800


@pytest.mark.parametrize(
    ("blocks", "end", "stops"),
    [
        ([(0, 100), (120, 300)], 300, [0]),
        ([(0, 700), (720, 776)], 776, [0]),
        ([(0, 700), (720, 900)], 900, [0, 124]),
        ([(0, 700), (700, 900), (900, 1500), (1500, 2400)], 2400, [0, 676, 876, 1476, 1624]),
        ([(0, 700), (850, 1500), (1500, 2400)], 2400, [0, 800, 1476, 1624]),
        ([(0, 2000)], 2000, [0, 800, 1224]),
    ],
)
def test_the_next_window_begins_with_what_the_last_one_cut(blocks, end, stops):
    assert cuts(blocks, end, WINDOW) == stops


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 700)), min_size=1, max_size=40))
def test_every_block_is_shown_whole_in_some_window(gaps_and_heights):
    blocks, end = [], 0
    for gap, height in gaps_and_heights:
        blocks.append((end + gap, end + gap + height))
        end += gap + height

    stops = cuts(blocks, end, WINDOW)

    assert stops == sorted(set(stops))
    for top, bottom in blocks:
        assert any(stop <= top and bottom <= stop + WINDOW for stop in stops)
