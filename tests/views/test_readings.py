"""The readings in other languages: as whole as the Korean ones, and underlined word for word."""

import html
import re
import tomllib
from typing import Any

import pytest

from config import ROOT
from rules.wording import TRANSLATED
from views.readings import BY_SLUG, UNDERLINED

LIBRARY = ROOT / "templates" / "library"
FRAME = re.compile(r"{%.*?%}|</?(?:p|hr)>|&nbsp;")
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")

pytestmark = pytest.mark.parametrize("language", TRANSLATED)


def reading_in(language: str, slug: str) -> str:
    """Return the template of a reading in a language."""
    return (LIBRARY / language / f"{slug}.html").read_text("utf-8")


def words_in(language: str) -> dict[str, Any]:
    """Return what the library says of its readings in a language."""
    return tomllib.loads((LIBRARY / language / "words.toml").read_text("utf-8"))


def test_each_reading_has_the_paragraphs_of_the_korean_one(language):
    for slug in BY_SLUG:
        korean = (LIBRARY / f"{slug}.html").read_text("utf-8")
        assert FRAME.findall(reading_in(language, slug)) == FRAME.findall(korean), slug


def test_nothing_is_left_in_korean(language):
    files = list((LIBRARY / language).iterdir())

    assert len(files) == len(BY_SLUG) + 1
    assert [file.name for file in files if HANGUL.search(file.read_text("utf-8"))] == []


def test_each_reading_has_a_title_a_kind_and_a_teaser(language):
    readings = words_in(language)["readings"]

    assert set(readings) == set(BY_SLUG)
    for words in readings.values():
        assert set(words) == {"title", "kind", "teaser"}
        assert all(words.values())
    assert len({words["title"] for words in readings.values()}) == len(readings)


def test_what_is_underlined_stands_word_for_word_in_the_same_readings(language):
    underlined = words_in(language)["underlined"]

    assert len(underlined) == len(UNDERLINED)
    for month, korean in zip(underlined, UNDERLINED, strict=True):
        assert month["remark"]
        for sentence, underline in zip(month["sentences"], korean.underlines, strict=True):
            words = re.sub("<[^>]+>", "", reading_in(language, underline.slug))
            assert sentence in html.unescape(words), sentence
