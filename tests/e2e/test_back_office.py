"""The merchant at work in a browser: from a failed order's number to the money that goes back."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import PASSWORD, heading, register, sign_up, tick_consents, wait_until

pytestmark = pytest.mark.e2e

OWNER = "owner@example.com"


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop whose clock nobody else follows, with a merchant."""
    shop = new_shop()
    made = ("users", "create", "--role", "merchant", "--name", "문서연", "--password-stdin")
    shop.flask(*made, "--email", OWNER, typed=PASSWORD)
    return shop


@pytest.fixture
def merchant(new_page: Callable[..., Any], page: Page) -> Page:
    """The merchant's browser, as wide as the customer's, in the back office."""
    assert page.viewport_size is not None
    office: Page = new_page(str(page.viewport_size["width"]))
    log_in(office, OWNER, "/admin")
    heading(office, "두 번째 확인")
    secret = office.locator("ol code").inner_text()
    office.get_by_label("인증 번호").fill(pyotp.TOTP(secret).now())
    office.get_by_role("button", name="확인").click()
    heading(office, "현황")
    return office


def log_in(page: Page, email: str, path: str) -> None:
    page.goto(f"/login?next={path}")
    page.get_by_label("이메일").fill(email)
    page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()


def search(office: Page, words: str) -> None:
    office.get_by_role("link", name="고객", exact=True).click()
    office.get_by_label("찾기").fill(words)
    office.get_by_role("button", name="찾기").click()


def test_a_failed_order_is_found_understood_and_partly_refunded(
    page: Page, merchant: Page, screenshot: Callable[[str], Path]
) -> None:
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")
    found = re.search(r"reader-[0-9a-f]{8}@example\.com", page.locator("main").inner_text())
    assert found
    email = found[0]

    merchant.get_by_role("link", name="모의 결제", exact=True).click()
    merchant.get_by_label("어떻게").select_option("code")
    merchant.get_by_label("거절 코드").fill("REJECT_CARD_PAYMENT")
    merchant.get_by_role("button", name="장애 만들기").click()
    expect(merchant.get_by_role("status")).to_contain_text("장애를 만들었어요")
    merchant.get_by_label("얼마나").select_option("31")
    merchant.get_by_role("button", name="앞으로 옮기기").click(timeout=60_000)
    expect(merchant.get_by_role("status")).to_contain_text("시간을", timeout=60_000)

    search(merchant, email)
    merchant.get_by_role("link", name="프리미엄 월간").click()
    heading_text = merchant.get_by_role("heading", level=1).inner_text()
    assert heading_text.startswith("구독 ")
    expect(merchant.locator(".timeline")).to_contain_text("REJECT_CARD_PAYMENT")
    order = re.search(r"sub\d+-t1-p2-a1-\w+", merchant.locator(".timeline").inner_text())
    assert order, "the renewal was tried"

    search(merchant, order[0])
    assert merchant.url.endswith(f"#order-{order[0]}")
    failed = merchant.locator(f"#order-{order[0]}")
    expect(failed).to_be_in_viewport()
    expect(failed).to_contain_text("실패")
    expect(failed).to_contain_text("REJECT_CARD_PAYMENT")
    expect(failed).to_contain_text("한도를 넘었거나 잔액이 모자라요")
    expect(failed).to_contain_text("추적 ID")

    merchant.get_by_role("link", name=re.compile("^환불")).first.click()
    merchant.get_by_label("환불할 금액(원)").fill("3,000")
    merchant.get_by_role("button", name="다음").click()
    heading(merchant, "3,000원 환불")
    merchant.get_by_label("이유").fill("결제가 늦어져 사과드려요")
    merchant.get_by_label("위 내용을 확인했어요").check()
    merchant.get_by_role("button", name="3,000원 환불").click()
    heading(merchant, heading_text)

    def is_given_back() -> bool:
        merchant.reload()
        return "환불함" in merchant.locator("li[id^='refund-']").inner_text()

    wait_until(is_given_back)
    story = merchant.locator(".timeline")
    expect(story).to_contain_text("결제가 늦어져 사과드려요")
    expect(story).to_contain_text("메일 “환불 완료”")

    merchant.get_by_role("link", name="내보내기", exact=True).click()
    with merchant.expect_download() as downloading:
        merchant.get_by_role("button", name="환불 내려받기").click()
    rows = list(csv.reader(downloading.value.path().read_text("utf-8-sig").splitlines()))
    [refund] = [row for row in rows[1:] if "판매자 환불" in row]
    assert "3000" in refund

    log_in(page, email, "/payments")
    page.get_by_role("cell").get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("판매자 환불")
    expect(page.locator("main")).to_contain_text("3,000원")
    screenshot("refunded-by-the-merchant")
