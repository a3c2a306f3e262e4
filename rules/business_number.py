"""사업자등록번호: its check digit and the form in which it is shown."""

import re

_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)


def is_valid(text: str) -> bool:
    """Test whether `text` holds ten digits, not all zero, whose check digit is right."""
    digits = [int(character) for character in re.sub(r"\D", "", text)]
    if len(digits) != 10 or not any(digits):
        return False
    weighted = zip(digits, _WEIGHTS, strict=False)
    total = sum(digit * weight for digit, weight in weighted) + digits[8] * 5 // 10
    return (10 - total % 10) % 10 == digits[9]


def formatted(text: str) -> str:
    """Return the number as `000-00-00000`."""
    digits = re.sub(r"\D", "", text)
    return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"
