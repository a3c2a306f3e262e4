import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from rules.marks import Marks


@given(st.lists(st.integers(0, 2**31)))
def test_it_remembers_what_a_set_would(numbers):
    marks, known = Marks(), set()
    for number in numbers:
        assert marks.add(number) == (number not in known)
        known.add(number)
    for number in numbers:
        assert number in marks and (number + 1 in marks) == (number + 1 in known)


def test_a_number_takes_a_bit():
    marks = Marks()
    tracemalloc.start()
    for number in range(200_000):
        marks.add(number)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000  # A set of these numbers holds eight million bytes.
