import pytest

from rules import catalogue
from rules.catalogue import Flaw, Mistake, Unfit, checked, doubtful_words, moved, stamp_of
from rules.periods import Interval

WORDS = {
    "name": "베이직 월간",
    "summary": "읽어요",
    "description": "글을\n읽어요",
    "features": "글",
}
PRICE = {"price_won": 4900, "interval": "month"}
EVERY_PART = (catalogue.slug, catalogue.plan_words, catalogue.price)


def mistakes(**values):
    """Return what is wrong with a plan that differs in these values from one that is right."""
    with pytest.raises(Unfit) as refused:
        checked({"slug": "basic", **WORDS, **PRICE, **values}, *EVERY_PART)
    return refused.value.mistakes


def test_what_is_right_is_kept_tidy():
    kept = checked(
        {
            "slug": "basic-monthly",
            "name": " 베이직 월간 ",
            "summary": "읽어요",
            "description": "첫 줄\r\n둘째 줄 ",
            "features": " 글 \r\n\r\n밑줄\n",
            "price_won": "9,900",
            "interval": "month",
        },
        *EVERY_PART,
    )

    assert kept == {
        "slug": "basic-monthly",
        "name": "베이직 월간",
        "summary": "읽어요",
        "description": "첫 줄\n둘째 줄",
        "features": "글\n밑줄",
        "price_won": 9900,
        "tax_kind": "taxable",
        "tax_free_won": 0,
        "interval": Interval.MONTH,
        "interval_count": 1,
        "kind": "subscription",
    }


@pytest.mark.parametrize(
    ("name", "value", "mistake"),
    [
        ("slug", "", Mistake(Flaw.MISSING)),
        ("slug", "Basic", Mistake(Flaw.SLUG)),
        ("slug", "basic--monthly", Mistake(Flaw.SLUG)),
        ("slug", "-basic", Mistake(Flaw.SLUG)),
        ("slug", "베이직", Mistake(Flaw.SLUG)),
        ("slug", "../admin", Mistake(Flaw.SLUG)),
        ("slug", "b" * 51, Mistake(Flaw.TOO_LONG, 50)),
        ("name", None, Mistake(Flaw.MISSING)),
        ("name", "  ", Mistake(Flaw.MISSING)),
        ("name", "가" * 51, Mistake(Flaw.TOO_LONG, 50)),
        ("name", "두\n줄", Mistake(Flaw.CONTROL)),
        ("name", 7, Mistake(Flaw.NOT_TEXT)),
        ("summary", "가" * 201, Mistake(Flaw.TOO_LONG, 200)),
        ("description", "가" * 2001, Mistake(Flaw.TOO_LONG, 2000)),
        ("description", "가\0", Mistake(Flaw.CONTROL)),
        ("features", ["글"] * 13, Mistake(Flaw.TOO_MANY, 12)),
        ("features", "가" * 101, Mistake(Flaw.LINE_TOO_LONG, 100)),
        ("features", ["글", 7], Mistake(Flaw.NOT_TEXT)),
        ("features", {"글": 1}, Mistake(Flaw.NOT_TEXT)),
        ("price_won", None, Mistake(Flaw.MISSING)),
        ("price_won", "", Mistake(Flaw.MISSING)),
        ("price_won", 99, Mistake(Flaw.TOO_LOW, 100)),
        ("price_won", 0, Mistake(Flaw.TOO_LOW, 100)),
        ("price_won", -9900, Mistake(Flaw.TOO_LOW, 100)),
        ("price_won", 10_000_001, Mistake(Flaw.TOO_HIGH, 10_000_000)),
        ("price_won", 9900.0, Mistake(Flaw.NOT_WHOLE)),
        ("price_won", True, Mistake(Flaw.NOT_WHOLE)),
        ("price_won", "９９００", Mistake(Flaw.NOT_WHOLE)),
        ("price_won", "1e4", Mistake(Flaw.NOT_WHOLE)),
        ("price_won", "9" * 13, Mistake(Flaw.NOT_WHOLE)),
        ("interval", "week", Mistake(Flaw.INTERVAL)),
        ("interval", None, Mistake(Flaw.INTERVAL)),
        ("interval_count", 0, Mistake(Flaw.TOO_LONG_A_PERIOD)),
        ("interval_count", 13, Mistake(Flaw.TOO_LONG_A_PERIOD)),
        ("interval_count", "2", Mistake(Flaw.TOO_LONG_A_PERIOD)),
        ("tax_kind", "half", Mistake(Flaw.TAX_KIND)),
        ("tax_free_won", 4900, Mistake(Flaw.TAX_FREE_SHARE)),
        ("tax_free_won", -1, Mistake(Flaw.TAX_FREE_SHARE)),
    ],
)
def test_what_breaks_a_rule_is_told_by_its_name(name, value, mistake):
    assert mistakes(**{name: value}) == {name: mistake}


def test_a_year_is_paid_once():
    assert mistakes(interval="year", interval_count=2) == {
        "interval_count": Mistake(Flaw.TOO_LONG_A_PERIOD)
    }


def test_every_mistake_is_told_at_once():
    assert set(mistakes(slug="", name="", price_won=1)) == {"slug", "name", "price_won"}


@pytest.mark.parametrize("share", [None, "", 4900])
def test_a_tax_free_plan_is_tax_free_whole(share):
    values = {**PRICE, "tax_kind": "tax_free", "tax_free_won": share}
    assert checked(values, catalogue.price)["tax_free_won"] == 4900
    with pytest.raises(Unfit):
        checked({**values, "tax_free_won": 100}, catalogue.price)


def test_a_mistake_reads_as_a_sentence():
    assert str(Mistake(Flaw.TOO_LOW, 100)) == "must be at least 100 won"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("테스트 플랜", ["테스트"]),
        ("Test plan", ["Test"]),
        ("test-plan", ["test"]),
        ("샘플, 준비 중, 준비중", ["샘플", "준비 중", "준비중"]),
        ("곧 나와요 (coming soon)", ["coming soon"]),
        ("품절", ["품절"]),
        ("The latest contest, tested", []),
        ("프리미엄 월간", []),
    ],
)
def test_words_at_which_reviewers_stop_are_found(text, found):
    assert doubtful_words(text, "밤에 읽는 글") == found


def test_a_stamp_changes_with_any_text_and_with_where_one_ends():
    assert stamp_of(["a", "b"]) == stamp_of(("a", "b"))
    assert len({stamp_of(texts) for texts in (["a", "b"], ["ab", ""], ["a", "c"], ["b", "a"])}) == 4


@pytest.mark.parametrize(
    ("one", "up", "order"),
    [(7, True, [5, 7, 6]), (5, False, [6, 5, 7]), (5, True, [5, 6, 7]), (7, False, [5, 6, 7])],
)
def test_one_moves_a_place_and_stays_at_the_ends(one, up, order):
    assert moved([5, 6, 7], one, up=up) == order


def in_english(**changes):
    texts = {"name": "Basic", "summary": "Read", "description": "Read.", "features": ["Readings"]}
    return {"translations": {"en": {**texts, **changes}}}


def with_translations(values):
    words = catalogue.plan_words
    return checked({**WORDS, **values}, words, catalogue.translated(words))


def test_words_in_other_languages_are_kept_like_the_korean_ones():
    assert with_translations(in_english(name=" Basic "))["translations"] == {
        "en": {"name": "Basic", "summary": "Read", "description": "Read.", "features": "Readings"}
    }
    assert with_translations({})["translations"] == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (in_english(name=""), {"translations.en.name": Mistake(Flaw.MISSING)}),
        (in_english(name="x" * 51), {"translations.en.name": Mistake(Flaw.TOO_LONG, 50)}),
        (in_english(features=[]), {"translations.en.features": Mistake(Flaw.OTHER_LINES, 1)}),
        ({"translations": {"fr": {}}}, {"translations": Mistake(Flaw.LANGUAGES)}),
        ({"translations": {"en": "Basic"}}, {"translations": Mistake(Flaw.LANGUAGES)}),
        ({"translations": ["en"]}, {"translations": Mistake(Flaw.LANGUAGES)}),
    ],
)
def test_a_mistake_in_a_translation_is_named_after_its_place(values, expected):
    with pytest.raises(Unfit) as refused:
        with_translations(values)
    assert refused.value.mistakes == expected
