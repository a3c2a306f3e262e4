"""Languages, and texts that are written where none is known and translated where one is."""

from enum import StrEnum


class Language(StrEnum):
    """What pages and mails are written in; Korean is the source."""

    KOREAN = "ko"
    ENGLISH = "en"
    JAPANESE = "ja"
    CHINESE = "zh"


TRANSLATED = tuple(language for language in Language if language is not Language.KOREAN)


def N_(text: str) -> str:
    """Return `text` as it is; the catalogues of translations find it by this call."""
    return text
