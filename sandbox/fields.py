"""Read the fields of a request body as strictly as Toss does."""

import json
import re

from sandbox.errors import TossError

Fields = dict[str, object]


def read_body(raw: bytes, content_type: str | None) -> Fields:
    """Return the JSON object of a request.

    :raises TossError: when it is not one
    """
    if (content_type or "").split(";")[0].strip().lower() != "application/json":
        raise TossError("INVALID_REQUEST")
    try:
        fields = json.loads(raw.decode("utf-8"))
    except ValueError:
        raise TossError("INVALID_REQUEST") from None
    if not isinstance(fields, dict):
        raise TossError("INVALID_REQUEST")
    return fields


def text(
    fields: Fields,
    name: str,
    *,
    shortest: int = 1,
    longest: int,
    pattern: str = r"[\s\S]*",
    otherwise: str = "INVALID_REQUEST",
) -> str:
    """Return a string that must be there; `otherwise` is the code when it will not do.

    :raises TossError: when it is missing, no string, too short, too long or not as `pattern` says
    """
    if fields.get(name) in (None, ""):
        raise TossError("INVALID_REQUIRED_PARAM")
    value = fields[name]
    if not isinstance(value, str):
        raise TossError("INVALID_REQUEST")
    if not shortest <= len(value) <= longest or not re.fullmatch(pattern, value):
        raise TossError(otherwise)
    return value


def optional_text(
    fields: Fields, name: str, *, longest: int, pattern: str = r"[\s\S]*", otherwise: str
) -> str | None:
    """Return a string, or None where there is none.

    :raises TossError: when it is there and will not do
    """
    if fields.get(name) in (None, ""):
        return None
    return text(fields, name, longest=longest, pattern=pattern, otherwise=otherwise)


def whole_number(fields: Fields, name: str) -> int:
    """Return a number that must be there and be whole.

    :raises TossError: when it is missing or anything else: a string, a fraction, true
    """
    if fields.get(name) is None:
        raise TossError("INVALID_REQUIRED_PARAM")
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TossError("INVALID_REQUEST")
    return value


def optional_won(fields: Fields, name: str) -> int | None:
    """Return an amount of won, or None where there is none.

    :raises TossError: when it is there and not a whole number of 0 or more
    """
    if fields.get(name) is None:
        return None
    value = whole_number(fields, name)
    if value < 0:
        raise TossError("BELOW_ZERO_AMOUNT")
    return value
