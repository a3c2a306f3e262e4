"""A renewal that is declined, day by day on the test clock: to a new card, and to the end."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import create_engine, text

from bin.shop import Shop
from tests.e2e.steps import (
    PASSWORD,
    card_window,
    heading,
    register,
    sign_up,
    tick_consents,
    wait_until,
)

pytestmark = pytest.mark.e2e

DECLINED = {"operation": "charge", "kind": "code", "code": "REJECT_CARD_PAYMENT", "times": None}


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop()


@pytest.fixture
def reader(page: Page, shop: Shop) -> str:
    """Return the address of a customer whose renewal will be declined from now on."""
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")
    found = re.search(r"reader-[0-9a-f]{8}@example\.com", page.locator("main").inner_text())
    assert found
    shop.control.plant([DECLINED])
    return found[0]


def query(shop: Shop, statement: str) -> Any:
    engine = create_engine(shop.database_url)
    with engine.connect() as connection:
        rows = connection.execute(text(statement)).all()
    engine.dispose()
    return rows


def notices(shop: Shop) -> list[str]:
    return [row[0] for row in query(shop, "SELECT kind FROM notice ORDER BY id")]


def written(day: date) -> str:
    return f"{day.year}년 {day.month}월 {day.day}일"


def today(shop: Shop) -> date:
    return date.fromisoformat(shop.flask("clock", "show").strip().splitlines()[-1][:10])


def my_subscription(page: Page, email: str) -> str:
    """Return what the page says, after a new log-in where the old one is over."""
    page.goto("/subscription")
    if "/login" in page.url:
        page.get_by_label("이메일").fill(email)
        page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="로그인").click()
    heading(page, "내 구독")
    return page.locator("main").inner_text()


def next_day(shop: Shop) -> None:
    shop.flask("clock", "advance", "1day")


def first_decline(shop: Shop) -> date:
    """Move on to the renewal, and return the day on which it was declined."""
    shop.flask("clock", "advance", "1month")
    wait_until(lambda: "renewal_failed" in notices(shop))
    [(day,)] = query(shop, "SELECT period_start_on FROM invoice WHERE status = 'open'")
    assert today(shop) == date.fromisoformat(str(day))
    return today(shop)


def test_to_recovery_by_a_new_card(
    page: Page, shop: Shop, reader: str, screenshot: Callable[[str], Any]
) -> None:
    declined = first_decline(shop)
    said = my_subscription(page, reader)
    screenshot("past-due")
    assert f"{written(declined)}에 결제하지 못했어요" in said
    assert f"{written(declined + timedelta(days=1))}에 다시 결제해요" in said
    assert f"{written(declined + timedelta(days=6))}까지 결제되지 않으면 구독이 끝나요" in said
    page.goto("/library")
    expect(page.locator("h1")).to_have_text("서재")

    next_day(shop)
    said = my_subscription(page, reader)
    assert f"{written(declined + timedelta(days=3))}에 다시 결제해요" in said
    assert notices(shop).count("renewal_failed") == 2

    next_day(shop)
    shop.control.plant([])
    my_subscription(page, reader)
    page.get_by_role("link", name="카드 변경").click()
    heading(page, "카드 변경")
    expect(page.locator("main")).to_contain_text("밀린 9,900원을 그 카드로 바로 결제해요")
    screenshot("card")
    page.get_by_role("button", name="카드 변경").click()
    window = card_window(page)
    window.locator("#card-works-check").check()
    window.locator("[name=identity]").fill("000000")
    window.get_by_role("button", name="카드 등록하기").click()
    heading(page, "카드를 변경했어요")
    screenshot("card-changed")
    said = my_subscription(page, reader)
    assert "이용 중" in said
    assert "결제하지 못했어요" not in said
    assert "카카오뱅크" in said
    wait_until(lambda: {"card_changed", "renewal_paid"} <= set(notices(shop)))
    ledger = shop.control.ledger()
    assert [one["total_amount"] for one in ledger["payments"]] == [9900, 9900]
    wait_until(lambda: shop.control.ledger()["billing_keys"][0]["deleted_at"])


def test_to_the_end(page: Page, shop: Shop, reader: str, screenshot: Callable[[str], Any]) -> None:
    declined = first_decline(shop)
    retries = {1, 3, 5}
    for day in range(1, 7):
        next_day(shop)
        said = my_subscription(page, reader)
        left = [one for one in retries if one > day]
        if left:
            assert f"{written(declined + timedelta(days=min(left)))}에 다시 결제해요" in said, day
        else:
            assert "이 카드로는 더 결제하지 않아요" in said, day
        tried = 1 + sum(one <= day for one in retries)
        assert notices(shop).count("renewal_failed") == tried, day
    screenshot("last-day")
    page.goto("/library")
    expect(page.locator("h1")).to_have_text("서재")

    next_day(shop)
    said = my_subscription(page, reader)
    screenshot("ended")
    assert "결제되지 않아" in said and "구독이 끝났어요" in said
    page.goto("/library")
    expect(page.locator("h1")).to_have_text("구독하면 읽을 수 있어요")
    assert notices(shop).count("renewal_failed") == 4
    assert notices(shop).count("ended_unpaid") == 1
    assert len(shop.control.ledger()["payments"]) == 1
    wait_until(lambda: shop.control.ledger()["billing_keys"][0]["deleted_at"])
