"""What stands in the library: the facts of each reading, and the sentences underlined together.

The words of a reading are in `templates/library/<slug>.html`; those in another language, and what
is said of them, in `templates/library/<language>/`. What nobody translated is shown in Korean.
"""

import tomllib
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from config import ROOT
from rules.wording import Language
from views.languages import current

FOLDER = ROOT / "templates" / "library"


@dataclass(frozen=True)
class Reading:
    """One piece to read: where it is, what it is, when it came, and in what language."""

    slug: str
    title: str
    kind: str
    teaser: str
    minutes: int
    published_on: date
    language: Language = Language.KOREAN

    @property
    def template(self) -> str:
        """Return where its words are."""
        folder = "" if self.language is Language.KOREAN else f"{self.language}/"
        return f"library/{folder}{self.slug}.html"


@dataclass(frozen=True)
class Underline:
    """One sentence of a reading, word for word."""

    slug: str
    sentence: str

    @property
    def reading(self) -> Reading:
        """Return the reading that the sentence stands in."""
        return translated(BY_SLUG[self.slug])


@dataclass(frozen=True)
class MonthOfUnderlines:
    """What was underlined together for a month, and a word about it."""

    month: int
    remark: str
    underlines: tuple[Underline, ...]
    language: Language = Language.KOREAN


def of_the_week(day: date) -> Reading:
    """Return the reading of a day's week: one after the other, a new one every Monday."""
    weeks = (day.toordinal() - 1) // 7
    return READINGS[weeks % len(READINGS)]


def underlined_in(day: date) -> MonthOfUnderlines:
    """Return what was underlined together for a day's month, in the language of the page."""
    korean, language = UNDERLINED[day.month - 1], current()
    months = _words(language).get("underlined", ())
    if len(months) < len(UNDERLINED):
        return korean
    month = months[day.month - 1]
    pairs = zip(korean.underlines, month["sentences"], strict=True)
    underlines = tuple(Underline(each.slug, sentence) for each, sentence in pairs)
    return MonthOfUnderlines(korean.month, month["remark"], underlines, language)


def translated(reading: Reading) -> Reading:
    """Return a reading in the language of the page, as far as it was translated."""
    language = current()
    words = _words(language).get("readings", {}).get(reading.slug)
    there = replace(reading, **words, language=language) if words else reading
    return there if (ROOT / "templates" / there.template).is_file() else reading


@cache
def _words(language: Language) -> dict[str, Any]:
    """Return what is said of the readings in another language than Korean."""
    path = FOLDER / language / "words.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


READINGS = (
    Reading(
        slug="reading-in-the-dark",
        title="불을 끄고 읽는 책",
        kind="짧은 소설",
        teaser="어머니는 아홉 시가 되면 불을 끄고 책을 펼쳤다.",
        minutes=3,
        published_on=date(2026, 11, 16),
    ),
    Reading(
        slug="dictionary-reader",
        title="사전을 읽던 사람",
        kind="산문",
        teaser="화물차 조수석에 안전띠를 매고 앉은 국어사전 한 권.",
        minutes=3,
        published_on=date(2026, 11, 9),
    ),
    Reading(
        slug="autumn-window",
        title="가을 창가에서",
        kind="산문",
        teaser="햇빛을 따라 여섯 자리를 건너는 오후의 항해.",
        minutes=3,
        published_on=date(2026, 11, 2),
    ),
    Reading(
        slug="slow-letter",
        title="느린 편지",
        kind="편지",
        teaser="열아홉 해 만에 돌려드리는 시집 한 권에 부쳐.",
        minutes=3,
        published_on=date(2026, 10, 26),
    ),
    Reading(
        slug="between-floors",
        title="일 층과 이 층 사이",
        kind="산문",
        teaser="계단참에 책장이 생기자 이웃들이 쪽지를 쓰기 시작했다.",
        minutes=3,
        published_on=date(2026, 10, 19),
    ),
    Reading(
        slug="night-train",
        title="밤 기차의 책",
        kind="짧은 소설",
        teaser="마지막 석 장이 없는 추리소설과, 그 끝을 안다는 사람.",
        minutes=4,
        published_on=date(2026, 10, 12),
    ),
    Reading(
        slug="midnight-notes",
        title="자정 무렵의 메모",
        kind="단상",
        teaser="누워서 읽는 사람이 콧등으로 배운 것들.",
        minutes=4,
        published_on=date(2026, 10, 5),
    ),
    Reading(
        slug="vanished-bookshops",
        title="서점이 있던 자리",
        kind="산책",
        teaser="없는 가게를 기준으로 길을 가르쳐 주는 동네를 걷다.",
        minutes=3,
        published_on=date(2026, 9, 28),
    ),
)
BY_SLUG = {reading.slug: reading for reading in READINGS}

UNDERLINED = (
    MonthOfUnderlines(
        1,
        "한 해를 여는 달에는 새로 배운 말보다 오래 들은 말에 줄이 그어졌어요.",
        (
            Underline(
                "dictionary-reader",
                "어떤 말은 뜻을 알아서가 아니라, 건네준 목소리를 알아서 힘이 된다.",
            ),
            Underline("between-floors", "어느 쪽이든 그다음 말이 있다."),
        ),
    ),
    MonthOfUnderlines(
        2,
        "눈이 소리를 덮는 달이어서, 귀로 읽은 문장을 골랐어요.",
        (
            Underline(
                "reading-in-the-dark",
                "그래서 지금도 나에게 이야기란 어디선가 사각사각 다가오는 것이다.",
            ),
            Underline(
                "midnight-notes",
                "좋은 문장도 그런 종류의 소리여서, 다른 것이 조용해질 때까지 기다려야 들린다.",
            ),
        ),
    ),
    MonthOfUnderlines(
        3,
        "길을 나서기 좋은 달이에요. 길에서 만난 문장 둘을 나란히 두었어요.",
        (
            Underline(
                "vanished-bookshops", "없는 것은 더 옮겨 갈 데가 없어서 길잡이로 삼기에 좋다."
            ),
            Underline(
                "dictionary-reader",
                "이름 모를 사람들이 한 줄씩 나와 울고 웃고 길을 묻다가 사라졌다.",
            ),
        ),
    ),
    MonthOfUnderlines(
        4,
        "남의 책과 남의 밑줄을 귀하게 여긴 두 사람이 서로 모르는 사이라는 것이 재미있었어요.",
        (
            Underline(
                "slow-letter", "제 것이어서 아낀 물건보다 제 것이 아니어서 지킨 물건이 더 많습니다."
            ),
            Underline(
                "between-floors",
                "남이 오래 머문 자리에 가만히 서 보는 일, 밑줄이 하는 일은 그것뿐이지만 그것이면 "
                "넉넉했다.",
            ),
        ),
    ),
    MonthOfUnderlines(
        5,
        "비어 있는 것 앞에서 오히려 오래 머문 문장들이에요.",
        (
            Underline("vanished-bookshops", "다 나간 뒤에야 읽히는 책장이 있다."),
            Underline("night-train", "범인이 없는 추리소설은 처음이었다."),
        ),
    ),
    MonthOfUnderlines(
        6,
        "장마를 앞두고, 조금 모자라서 더 환한 장면을 골랐어요.",
        (
            Underline(
                "vanished-bookshops",
                "비가 오면 그 안에 물방울이 맺혀서 아주 작은 창문처럼 보인다.",
            ),
            Underline("reading-in-the-dark", "군데군데 틀렸지만 아무도 바로잡지 않았다."),
        ),
    ),
    MonthOfUnderlines(
        7,
        "소나기 뒤의 바람 한 줄과, 아무에게도 말하지 않을 책 한 권이에요.",
        (
            Underline(
                "dictionary-reader",
                "읽고 고개를 드니 마침 그 바람이 불더라고, 사전이 먼저 알고 있더라고 했다.",
            ),
            Underline("midnight-notes", "밤에 손이 가는 책은 말하지 않아도 좋은 책이다."),
        ),
    ),
    MonthOfUnderlines(
        8,
        "더운 밤에는 작고 가벼워지는 문장에 손이 갔어요.",
        (
            Underline("midnight-notes", "두 쪽짜리 세상은 대체로 견딜 만하다."),
            Underline("between-floors", "단념한 일에도 쓸모는 남는 모양이다."),
        ),
    ),
    MonthOfUnderlines(
        9,
        "느리게 건너가는 것과 느리게 닿는 것을 한 줄씩 골랐어요.",
        (
            Underline(
                "autumn-window",
                "세 시간 동안 여섯 자리를 건너는 그의 오후는 아주 느린 항해처럼 보인다.",
            ),
            Underline(
                "slow-letter",
                "봉투를 닫던 날의 하늘과 봉투를 여는 날의 하늘이 서로 다르다는 것, "
                "그 차이가 편지의 거리라고 하셨지요.",
            ),
        ),
    ),
    MonthOfUnderlines(
        10,
        "해가 짧아지니 빛이 나오는 문장마다 줄이 그어졌어요.",
        (
            Underline(
                "autumn-window",
                "글자는 머리로 들어와 더러 빠져나가는데, 빛과 냄새는 어디로 들어왔는지 알 수 "
                "없어서 나가는 길도 모르는 모양이다.",
            ),
            Underline("vanished-bookshops", "영업시간은 불이 켜져 있는 동안이다."),
        ),
    ),
    MonthOfUnderlines(
        11,
        "잎을 다 내려놓은 나무 앞에 서면 무엇이든 읽을거리가 되는 달이에요.",
        (
            Underline(
                "autumn-window",
                "창밖에서는 은행나무가 제가 가진 것을 한 장씩 내려놓고 있었다.",
            ),
            Underline("reading-in-the-dark", "읽을 것이 책에만 있지 않았을 뿐이다."),
        ),
    ),
    MonthOfUnderlines(
        12,
        "한 해의 끝에는 고맙다는 말과 다시 뜨는 해를 남겨 두어요.",
        (
            Underline("slow-letter", "빌려 주셔서 고맙습니다. 오래 빌려 주셔서, 더욱 고맙습니다."),
            Underline("night-train", "해가 뜨고 있었고, 누구에게 물어도 그 시각은 맞을 것 같았다."),
        ),
    ),
)
