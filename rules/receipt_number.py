"""The number that a cash receipt (현금영수증) is issued to."""

import re

from rules import business_number


def digits_of(text: str) -> str:
    """Return a number without the blanks and hyphens that people write in it."""
    return re.sub(r"[\s-]", "", text)


def is_for_income(number: str) -> bool:
    """Test whether `number` is a mobile phone's, or a cash receipt card's (소득공제)."""
    return re.fullmatch(r"01[016789]\d{7,8}|\d{13,19}", number) is not None


def is_for_expense(number: str) -> bool:
    """Test whether `number` is a 사업자등록번호 (지출증빙)."""
    return re.fullmatch(r"\d{10}", number) is not None and business_number.is_valid(number)
