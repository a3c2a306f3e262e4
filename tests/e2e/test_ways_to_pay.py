"""A bank account and the wallets, registered and charged in a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import (
    START,
    card_window,
    heading,
    sign_up,
    tick_consents,
    wait_until,
)

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def open_shop(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop(WAYS_TO_PAY="card,transfer,tosspay,naverpay")


@pytest.fixture
def shop(open_shop: Shop) -> Shop:
    open_shop.ensure_up()
    return open_shop


@pytest.mark.parametrize(
    ("way", "means", "button", "named"),
    [
        ("계좌이체", "account", "계좌 등록하기", "토스뱅크 계좌 1000********"),
        ("토스페이", "tosspay", "토스페이 등록하기", "토스페이"),
        ("네이버페이", "naverpay", "네이버페이 등록하기", "네이버페이"),
    ],
)
def test_a_customer_pays_in_this_way(
    page: Page,
    shop: Shop,
    screenshot: Callable[[str], Any],
    way: str,
    means: str,
    button: str,
    named: str,
) -> None:
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    page.get_by_role("radio", name=way).check()
    tick_consents(page)
    screenshot(f"way-{means}")
    page.get_by_role("button", name=START).click()
    window = card_window(page)
    window.locator(f"#card-{means}").check()
    window.locator("[name=identity]").fill("000000")
    window.get_by_role("button", name=button).click()
    heading(page, "구독을 시작했어요")
    expect(page.locator("main")).to_contain_text(named)
    page.goto("/subscription")
    expect(page.locator("main")).to_contain_text(named)
    screenshot(f"paid-by-{means}")
    if means != "account":
        return
    page.goto("/payments")
    page.locator("tbody a").first.click()
    page.get_by_label("번호", exact=True).fill("010-1234-5678")
    page.get_by_role("button", name="현금영수증 신청").click()
    expect(page.get_by_role("status")).to_contain_text("현금영수증을 신청했어요")

    def is_issued() -> bool:
        page.reload()
        return "현금영수증을 발급했어요" in page.locator("main").inner_text()

    wait_until(is_issued)
    screenshot("cash-receipt")
    assert shop.control.ledger()["cash_receipts"][-1]["amount"] == 9_900
