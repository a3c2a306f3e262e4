"""Changing plan in a browser: today with both amounts, and later with the way back."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import heading, register, sign_up, tick_consents, wait_until

pytestmark = pytest.mark.e2e


def subscribe(page: Page, plan: str) -> None:
    page.goto(f"/checkout/{plan}")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")


def given_back(shop: Shop, payment_key: str) -> list[int]:
    cancels = shop.control.ledger()["cancels"]
    return [one["cancel_amount"] for one in cancels if one["payment_key"] == payment_key]


def choose(page: Page, plan: str) -> None:
    page.goto("/subscription")
    page.get_by_role("link", name="플랜 변경").click()
    heading(page, "플랜 변경")
    page.get_by_role("link", name=plan).click()


def test_to_a_longer_plan_today(page: Page, shop: Shop, screenshot: Callable[[str], Any]) -> None:
    subscribe(page, "premium-monthly")
    choose(page, "프리미엄 연간")
    expect(page.locator("main")).to_contain_text("오늘 결제할 금액")
    screenshot("plan-now")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="플랜 변경").click()
    heading(page, "플랜을 바꿨어요")
    screenshot("plan-changed")
    old, new = shop.control.ledger()["payments"][-2:]
    assert (old["total_amount"], new["total_amount"]) == (9_900, 99_000)
    wait_until(lambda: given_back(shop, old["payment_key"]) == [9_900])


def test_to_a_cheaper_plan_later_and_back(
    page: Page, shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    subscribe(page, "premium-monthly")
    charges = len(shop.control.ledger()["payments"])
    choose(page, "베이직")
    screenshot("plan-later")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="플랜 변경").click()
    heading(page, "내 구독")
    screenshot("plan-waits")
    page.get_by_role("button", name="플랜 변경 취소").click()
    expect(page.get_by_role("status")).to_contain_text("플랜 변경을 취소했어요")
    assert len(shop.control.ledger()["payments"]) == charges


def test_on_the_day_the_cheaper_plan_begins(page: Page, shop: Shop) -> None:
    """On the test clock: the renewal is announced, and the other plan is charged."""
    subscribe(page, "premium-monthly")
    choose(page, "베이직")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="플랜 변경").click()
    heading(page, "내 구독")
    email = shop.control.ledger()["payments"][-1]["customer_email"]

    def paid() -> list[int]:
        rows = shop.control.ledger()["payments"]
        return [row["total_amount"] for row in rows if row["customer_email"] == email]

    told = shop.flask("clock", "advance", "1month")
    try:
        wait_until(lambda: paid() == [9_900, 4_900])
        told += "\n".join(list(shop.worker.lines))
        assert "4,900원이 결제돼요" in told, "announced a week ahead"
    finally:
        shop.flask("clock", "reset")
