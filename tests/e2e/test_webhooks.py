"""What happens at Toss without the shop arrives here: a cancel, a deleted card."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import (
    card_window,
    heading,
    register,
    sign_up,
    tick_consents,
    wait_until,
)

pytestmark = pytest.mark.e2e


@pytest.fixture
def reader(page: Page, shop: Shop) -> Any:
    """Subscribe; return the rows of the payment and of the key in Toss's ledger."""
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")
    ledger = shop.control.ledger()
    return ledger["payments"][-1], ledger["billing_keys"][-1]


def answered(shop: Shop) -> bool:
    deliveries = shop.control.ledger()["deliveries"]
    return bool(deliveries) and all(one["last_status"] == 200 for one in deliveries)


def main_after(page: Page, path: str, words: str) -> str:
    """Open a page again and again until it says so."""

    def says() -> bool:
        page.goto(path)
        return words in page.locator("main").inner_text()

    wait_until(says)
    return page.locator("main").inner_text()


def test_a_cancel_in_tosss_back_office_becomes_a_refund(
    page: Page, shop: Shop, reader: Any, screenshot: Callable[[str], Any]
) -> None:
    payment, _ = reader
    shop.control.cancel(payment["payment_key"], 1000)
    main_after(page, "/payments", "환불 1,000원")
    wait_until(lambda: answered(shop))
    page.goto("/subscription")
    expect(page.locator(".badge")).to_have_text("이용 중")

    shop.control.cancel(payment["payment_key"])
    main_after(page, "/subscription", "이용 종료")
    page.goto("/payments")
    expect(page.locator("main")).to_contain_text("환불 9,900원")
    screenshot("refunded-at-toss")


def test_a_key_deleted_at_toss_asks_for_a_card_and_goes_on_with_another(
    page: Page, shop: Shop, reader: Any, screenshot: Callable[[str], Any]
) -> None:
    _, key = reader
    shop.control.delete_key(key["billing_key"])
    main_after(page, "/subscription", "카드가 결제사에서 지워졌다는 알림")
    screenshot("card-suspect")
    page.get_by_role("link", name="카드 변경").first.click()
    heading(page, "카드 변경")
    page.get_by_role("button", name="카드 변경").click()
    window = card_window(page)
    window.locator("#card-works-check").check()
    window.locator("[name=identity]").fill("000000")
    window.get_by_role("button", name="카드 등록하기").click()
    heading(page, "카드를 변경했어요")
    page.goto("/subscription")
    expect(page.locator("main")).not_to_contain_text("알림을 받았어요")
