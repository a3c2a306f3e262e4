import html
import re
import tomllib
from datetime import UTC, date, datetime

import pytest

from config import ROOT
from models import Plan, Product, db
from rules.periods import Interval
from views import readings
from views.readings import BY_SLUG, READINGS, UNDERLINED, of_the_week

CATALOG = tomllib.loads((ROOT / "demo" / "catalog.toml").read_text("utf-8"))
MONDAY = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
DECEMBER = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)


@pytest.fixture
def to_basic(app):
    """Move the customer to a plan without underlines."""

    def move() -> None:
        with app.app_context():
            basic = Plan(
                product=db.session.query(Product).one(),
                slug="basic-monthly",
                name="베이직 월간",
                summary="글을 읽어요.",
                description="글을 읽어요.",
                features="서재의 글 모두 읽기",
                price_won=4900,
                interval=Interval.MONTH,
            )
            db.session.add(basic)
            db.session.flush()
            db.session.execute(db.text("UPDATE subscription SET plan_id = :id"), {"id": basic.id})
            db.session.commit()

    return move


def words_of(slug: str) -> str:
    """Return the words of a reading as a reader sees them, without its title."""
    source = (ROOT / "templates" / "library" / f"{slug}.html").read_text("utf-8")
    plain = re.sub(r"{%.*?%}|<[^>]+>", " ", source)
    return " ".join(html.unescape(plain).split())


def test_the_library_lists_every_reading_once_and_opens_each(page, subscribed):
    shelf = page("/library")

    for reading in READINGS:
        assert shelf.links.count(f"/library/{reading.slug}") == 1
        assert reading.teaser in shelf.text
        shown = page(f"/library/{reading.slug}")
        assert shown.headings == [reading.title]
        assert f"읽는 데 {reading.minutes}분" in shown.text
        assert shown.all("time", datetime=reading.published_on.isoformat())


def test_a_reading_that_does_not_exist_is_not_found(page, subscribed):
    page("/library/no-such-reading", status=404)


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.slug)
def test_a_reading_is_as_long_as_it_says(reading):
    words = words_of(reading.slug)

    assert 900 <= len(re.findall("[가-힣]", words)) <= 1800
    assert reading.minutes == round(len(words) / 400)


def test_the_readings_stand_newest_first_each_from_a_monday():
    days = [reading.published_on for reading in READINGS]

    assert days == sorted(set(days), reverse=True)
    assert {day.weekday() for day in days} == {0}


def test_the_reading_of_the_week_changes_on_monday_at_midnight_in_seoul(page, subscribed, at):
    def chosen() -> str:
        shelf = page("/library").links
        return next(link for link in shelf if link.startswith("/library/"))

    at(MONDAY.replace(hour=14, minute=59))
    before = chosen()
    at(MONDAY)
    after = chosen()
    at(MONDAY.replace(day=29, hour=14, minute=59))

    assert before == f"/library/{of_the_week(date(2026, 11, 22)).slug}"
    assert after != before
    assert chosen() == after


def test_every_reading_has_its_week_before_one_comes_again():
    weeks = [date.fromordinal(MONDAY.toordinal() + 7 * number) for number in range(8)]

    assert {of_the_week(day).slug for day in weeks} == set(BY_SLUG)


def test_premium_opens_the_underlines_of_the_month(page, subscribed, at):
    at(DECEMBER.replace(hour=14, minute=59))
    november = page("/library/underlines")
    at(DECEMBER)
    december = page("/library/underlines")

    assert "/library/underlines" in page("/library").links
    assert "11월의 밑줄" in november.text
    assert "읽을 것이 책에만 있지 않았을 뿐이다." in november.text
    assert "/library/reading-in-the-dark" in november.links
    assert "12월의 밑줄" in december.text
    assert "읽을 것이 책에만" not in december.text


def test_basic_reads_everything_and_is_told_where_the_underlines_are(page, subscribed, to_basic):
    to_basic()
    told = page("/library/underlines")

    assert "프리미엄에서 읽을 수 있어요" in told.text
    assert "밑줄을 그어요" not in told.text and "월의 밑줄" not in told.text
    assert {"/plans", "/library"} <= set(told.links)
    assert all(page(f"/library/{slug}") for slug in BY_SLUG)


def test_the_underlines_are_closed_to_whom_does_not_pay(page, log_in, user):
    log_in(user)
    text = page("/library/underlines").text

    assert "구독하면 읽을 수 있어요" in text
    assert "월의 밑줄" not in text


def test_every_month_has_two_underlines_word_for_word_from_the_readings():
    assert [chosen.month for chosen in UNDERLINED] == list(range(1, 13))
    for chosen in UNDERLINED:
        assert len(chosen.underlines) == 2
        for underline in chosen.underlines:
            assert underline.sentence in words_of(underline.slug), underline


def test_the_catalogue_promises_what_the_library_holds():
    (product,) = CATALOG["products"]

    assert f"{len(READINGS)}편" in product["description"]
    for plan in product["plans"]:
        promises = any("밑줄" in line for line in plan["features"])
        assert promises == plan["slug"].startswith(("premium-", "pass-"))


def test_the_year_costs_what_ten_months_cost():
    prices = {plan["slug"]: plan["price_won"] for plan in CATALOG["products"][0]["plans"]}

    assert prices["premium-yearly"] == 10 * prices["premium-monthly"]


def test_each_reading_is_read_in_the_language_of_the_page(page, subscribed):
    shelf = page("/en/library")
    assert "A Book Read with the Light Off" in shelf.text

    shown = page("/en/library/reading-in-the-dark")
    assert shown.headings == ["A Book Read with the Light Off"]
    assert "my mother turned off the light" in shown.text
    assert shown.all("div", lang="ko") == []


@pytest.fixture
def untranslated(monkeypatch, tmp_path):
    """Take the translated readings away."""
    monkeypatch.setattr(readings, "FOLDER", tmp_path)
    readings._words.cache_clear()
    yield
    readings._words.cache_clear()


def test_a_reading_that_nobody_translated_is_shown_in_korean(page, subscribed, untranslated):
    shown = page("/en/library/reading-in-the-dark")
    assert shown.headings == ["불을 끄고 읽는 책"]
    assert shown.all("h1", lang="ko") and shown.all("div", lang="ko")


def test_the_underlines_of_a_month_are_read_in_the_language_of_the_page(page, subscribed, at):
    at(DECEMBER)
    shown = page("/ja/library/underlines")
    words = tomllib.loads((ROOT / "templates/library/ja/words.toml").read_text("utf-8"))
    assert words["underlined"][11]["remark"] in shown.text
    for sentence in words["underlined"][11]["sentences"]:
        assert sentence in shown.text
