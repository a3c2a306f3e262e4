import pytest

from rules import business_number


@pytest.mark.parametrize("number", ["220-81-62517", "1208147521", "124-81-00998", "999-99-00005"])
def test_a_right_check_digit_is_accepted(number):
    assert business_number.is_valid(number)


@pytest.mark.parametrize(
    "number", ["123-45-67890", "106-81-12345", "123-45-678", "", "000-00-00000", "220-81-62518"]
)
def test_anything_else_is_refused(number):
    assert not business_number.is_valid(number)


def test_it_is_shown_in_three_groups():
    assert business_number.formatted("9999900005") == "999-99-00005"
