"""Without JavaScript everything works but registering a card, and there the page says so."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.customer import Customer
from bin.shop import Shop
from tests.e2e.steps import PASSWORD, START, heading, sign_up, tick_consents

pytestmark = pytest.mark.e2e


@pytest.fixture
def page(browser: Any, shop: Shop) -> Iterator[Page]:
    """A page of a browser that runs no script."""
    context = browser.new_context(base_url=shop.url, locale="ko-KR", java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_a_visitor_reads_signs_up_and_is_told_what_is_missing(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="플랜 보기").click()
    page.get_by_role("link", name="프리미엄 월간 자세히 보기").click()
    page.get_by_role("link", name="구독 시작하기").click()
    sign_up(page)
    expect(page.locator("main")).to_contain_text("자바스크립트를 켜 주세요")
    tick_consents(page)
    page.get_by_role("button", name=START).click()
    expect(page.get_by_role("alert").first).to_contain_text("자바스크립트를 켜 주세요")

    page.goto("/account")
    page.get_by_role("button", name="로그아웃").click()
    page.goto("/password-reset")
    page.get_by_label("이메일").fill(f"nobody-{secrets.token_hex(4)}@example.com")
    page.get_by_role("button", name="메일 받기").click()
    expect(page.get_by_role("status")).to_contain_text("메일이 도착해요")


def test_a_subscriber_reads_leaves_and_stays(page: Page, shop: Shop) -> None:
    customer = Customer(shop)
    customer.subscribe()
    page.goto("/login")
    page.get_by_label("이메일").fill(customer.email)
    page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()

    page.goto("/library")
    page.get_by_role("link", name="느린 편지").click()
    heading(page, "느린 편지")
    page.goto("/subscription")
    page.get_by_role("link", name="구독 해지").click()
    page.get_by_role("radio", name="다음 결제일에 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    page.get_by_role("button", name="해지 예약 취소").click()
    expect(page.locator("main")).to_contain_text("이용 중")
    page.get_by_role("link", name="결제 내역 모두 보기").click()
    heading(page, "결제 내역")
