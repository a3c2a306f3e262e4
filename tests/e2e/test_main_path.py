"""The main job in a browser: from a plan to a paid subscription, and out again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import (
    START,
    blocked,
    card_window,
    heading,
    register,
    sign_up,
    tick_consents,
)

pytestmark = pytest.mark.e2e


@pytest.fixture
def order_page(page: Page, shop: Shop) -> Page:
    """Return the order page of a customer who has just signed up, every consent ticked."""
    return go_and_order(page)


def go_and_order(page: Page) -> Page:
    page.goto("/plans")
    page.get_by_role("link", name="프리미엄 월간 자세히 보기").click()
    page.get_by_role("link", name="구독 시작하기").click()
    sign_up(page)
    tick_consents(page)
    return page


def charges_of(shop: Shop, page: Page) -> list[Any]:
    email = page.evaluate("fetch('/account').then(r => r.text())")
    found = re.search(r"reader-[0-9a-f]{8}@example\.com", email)
    assert found
    ledger = shop.control.ledger()
    return [one for one in ledger["payments"] if one["customer_email"] == found[0]]


def test_from_a_plan_to_a_paid_subscription_and_out(
    order_page: Page, shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    page = order_page
    screenshot("order")
    register(page, "works")
    heading(page, "구독을 시작했어요")
    screenshot("paid")
    assert "authKey" not in page.url
    page.reload()
    heading(page, "구독을 시작했어요")
    assert len(charges_of(shop, page)) == 1

    page.get_by_role("link", name="서재로 가기").click()
    page.get_by_role("link", name="느린 편지").click()
    expect(page.locator("article")).to_contain_text("느린 편지를 쓰는 법")

    page.goto("/subscription")
    screenshot("subscription")
    page.get_by_role("link", name="구독 해지").click()
    page.get_by_role("radio", name="다음 결제일에 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    expect(page.locator("main")).to_contain_text("해지 예약")
    page.get_by_role("button", name="해지 예약 취소").click()
    expect(page.locator("main")).to_contain_text("이용 중")
    page.get_by_role("link", name="구독 해지").click()
    page.get_by_role("radio", name="다음 결제일에 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    expect(page.locator("main")).to_contain_text("해지 예약")
    screenshot("canceled")


def test_closing_the_window_says_nothing_or_calms_and_gives_the_button_back(
    order_page: Page, shop: Shop
) -> None:
    page = order_page
    page.get_by_role("button", name=START).click()
    window = card_window(page)
    window.get_by_role("button", name="닫기").click()
    if page.viewport_size and page.viewport_size["width"] < 768:
        heading(page, "카드 등록을 취소했어요")
        page.get_by_role("link", name="다시 시도").click()
        tick_consents(page)
    else:
        expect(page.get_by_role("button", name=START)).to_be_enabled()
        expect(page.locator("#checkout-message")).to_be_hidden()
    register(page, "works")
    heading(page, "구독을 시작했어요")


def test_a_frame_closed_before_its_script_runs_just_closes(
    new_page: Callable[..., Any], shop: Shop, complaints: Any
) -> None:
    complaints.allow("BLOCKED_BY_CLIENT.*window.js")
    page = go_and_order(new_page("1280"))
    with blocked(page, "*/window.js*"):
        page.get_by_role("button", name=START).click()
    card_window(page).get_by_role("button", name="닫기").click()
    expect(page.get_by_role("button", name=START)).to_be_enabled()
    expect(page.locator("#checkout-message")).to_be_hidden()
    assert "/checkout/" in page.url


def test_a_refused_registration_ends_in_words(order_page: Page, shop: Shop) -> None:
    register(order_page, "issue-refused")
    heading(order_page, "카드를 등록하지 못했어요")
    expect(order_page.locator("main")).to_contain_text("결제된 금액은 없어요")
    assert charges_of(shop, order_page) == []


def test_after_a_refused_charge_another_card_works(order_page: Page, shop: Shop) -> None:
    page = order_page
    register(page, "no-funds")
    heading(page, "결제하지 못했어요")
    page.get_by_role("link", name="다시 시도").click()
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")
    assert len(charges_of(shop, page)) == 1


@pytest.mark.parametrize("card", ["issue-lost", "charge-lost"])
def test_a_lost_answer_is_found_out_without_a_second_charge(
    order_page: Page, shop: Shop, card: str
) -> None:
    page = order_page
    register(page, card)
    page.wait_for_url("**/checkouts/**")
    shop.flask("billing", "reconcile")
    heading(page, "구독을 시작했어요")
    assert len(charges_of(shop, page)) == 1


def test_without_toss_script_the_page_says_so(
    page: Page, shop: Shop, complaints: Any, order_page: Page
) -> None:
    complaints.allow("BLOCKED_BY_CLIENT.*v2/standard")
    with blocked(page, "*/v2/standard"):
        page.reload()
    expect(page.locator("#checkout-message")).to_contain_text("결제창을 불러오지 못했어요")
    expect(page.get_by_role("button", name=START)).to_be_disabled()


def test_a_double_click_opens_one_window(new_page: Callable[..., Any], shop: Shop) -> None:
    page = new_page("1280")
    page.goto("/login?next=/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url)))

    page.get_by_role("button", name=START).dblclick()
    expect(card_window(page).get_by_role("button", name="카드 등록하기")).to_be_visible()

    posted = [url for method, url in sent if method == "POST"]
    assert len([url for url in posted if "/checkout/" in url]) == 1
    assert page.locator("iframe").count() == 1
    expect(page.get_by_role("button", name="결제창 여는 중…")).to_be_disabled()
