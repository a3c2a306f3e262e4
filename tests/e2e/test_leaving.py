"""Leaving in a browser: both ways, at both sizes, and how many steps each takes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import heading, register, sign_up, tick_consents, wait_until

pytestmark = pytest.mark.e2e

COUNT = """
for (const kind of ["click", "change"]) {
  addEventListener(kind, event => {
    const field = event.target.closest("input, textarea, select");
    if (kind === "change" ? field : !field) window.countStep();
  }, true);
}
"""
"""Counts what a hand does: each field that is filled or ticked, each link or button pressed."""


@pytest.fixture
def steps(page: Page) -> list[int]:
    """Return a list that grows by one for each step that the customer takes."""
    taken: list[int] = []
    page.context.expose_binding("countStep", lambda _: taken.append(1))
    page.context.add_init_script(COUNT)
    return taken


def subscribe(page: Page) -> None:
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")


def test_leaving_now_gives_back_what_the_page_showed(
    page: Page, shop: Shop, steps: list[int], screenshot: Callable[[str], Any]
) -> None:
    subscribe(page)
    signing_up = len(steps)
    page.goto("/library")
    page.goto("/subscription")
    page.get_by_role("link", name="구독 해지").click()
    heading(page, "구독 해지")
    expect(page.get_by_role("radio")).to_have_count(2)
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    screenshot("both-ways")
    page.get_by_role("button", name="구독 해지").click()
    heading(page, "구독 해지")
    shown = page.get_by_role("radio", name="지금 해지").locator("xpath=..").inner_text()
    found = re.search(r"([\d,]+)원 환불", shown)
    assert found
    page.get_by_role("radio", name="지금 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    heading(page, "내 구독")
    expect(page.get_by_role("status")).to_contain_text(f"{found[1]}원을 환불했어요")
    screenshot("left-now")
    leaving = len(steps) - signing_up

    cancel = shop.control.ledger()["cancels"][-1]
    assert f"{cancel['cancel_amount']:,}" == found[1]
    wait_until(lambda: shop.control.ledger()["billing_keys"][-1]["deleted_at"])
    page.goto("/payments")
    page.locator("tbody a").first.click()
    heading(page, "결제 상세")
    expect(page.locator("main")).to_contain_text(f"청약철회 {found[1]}원")
    screenshot("payment-refunded")
    assert signing_up >= leaving > 2, (signing_up, leaving)


def test_after_the_days_of_withdrawal_the_unused_days_come_back(page: Page, shop: Shop) -> None:
    """On the test clock, on the tenth day of a month that was used."""
    subscribe(page)
    page.goto("/library")
    paid = shop.control.ledger()["payments"][-1]
    shop.flask("clock", "advance", "9day")
    try:
        page.goto("/subscription/cancellation")
        text = page.locator("main").inner_text()
        found = re.search(r"이용한 10일\(전체 (\d+)일\)", text)
        assert found
        won = -(-9900 * (int(found[1]) - 10) // int(found[1]))
        page.get_by_role("radio", name=f"지금 해지하고 {won:,}원 환불").check()
        page.get_by_role("button", name="구독 해지").click()
        expect(page.locator(".badge")).to_have_text("이용 종료")
        cancel = shop.control.ledger()["cancels"][-1]
        assert (cancel["payment_key"], cancel["cancel_amount"]) == (paid["payment_key"], won)
        assert cancel["cancel_reason"].startswith("중도해지")
    finally:
        shop.flask("clock", "reset")


def test_leaving_later_can_be_undone_and_turned_into_now(
    page: Page, shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    subscribe(page)
    page.goto("/subscription/cancellation")
    page.get_by_role("radio", name="다음 결제일에 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    expect(page.locator(".badge")).to_have_text("해지 예약")
    page.get_by_role("button", name="해지 예약 취소").click()
    expect(page.locator(".badge")).to_have_text("이용 중")
    page.goto("/subscription/cancellation")
    page.get_by_role("radio", name="다음 결제일에 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    page.get_by_role("link", name="지금 바로 해지하고 환불받기").click()
    heading(page, "구독 해지")
    screenshot("turned-into-now")
    page.get_by_role("radio", name="지금 해지하고 9,900원 환불").check()
    page.get_by_role("button", name="구독 해지").click()
    expect(page.locator(".badge")).to_have_text("이용 종료")
    assert shop.control.ledger()["cancels"][-1]["cancel_amount"] == 9900
