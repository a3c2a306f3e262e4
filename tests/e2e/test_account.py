"""A customer's account in a browser: a new address, a question, one's own data, and leaving."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.steps import PASSWORD, heading, register, sign_up, tick_consents, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def reader(page: Page) -> Page:
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")
    return page


def link_in_mails(shop: Shop, pattern: str) -> list[str]:
    return re.findall(pattern, "\n".join(list(shop.worker.lines)))


def test_a_new_address_is_confirmed_by_mail(
    reader: Page, shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    page = reader
    page.goto("/account")
    screenshot("account")
    known = set(link_in_mails(shop, r"/account/email/\S+"))
    form = page.locator("form[action$='/account/email']")
    form.get_by_label("새 이메일").fill(f"new-{len(known)}-{id(page)}@example.com")
    form.get_by_label("지금 비밀번호").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("확인 메일을 보냈어요")
    wait_until(lambda: set(link_in_mails(shop, r"/account/email/\S+")) - known)
    [link] = set(link_in_mails(shop, r"/account/email/\S+")) - known
    page.goto(link)
    heading(page, "이메일 확인")
    page.get_by_role("button", name="이메일 바꾸기").click()
    heading(page, "계정")
    expect(page.locator("main")).to_contain_text(f"-{id(page)}@example.com")


def test_a_question_is_asked_and_answered(
    reader: Page, shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    page = reader
    page.goto("/contact")
    page.get_by_role("link", name="문의하기").click()
    heading(page, "문의하기")
    page.get_by_label("내용").fill("달빛은 왜 은색인가요?")
    screenshot("inquiry")
    page.get_by_role("button", name="문의 보내기").click()
    heading(page, "내 문의")
    listed = shop.flask("inquiries", "list").strip().splitlines()[-1]
    shop.flask("inquiries", "answer", listed.split(":")[0], typed="밤이라서요.")
    page.get_by_role("link", name="답변").first.click()
    heading(page, "문의 내용")
    expect(page.locator("main")).to_contain_text("밤이라서요.")
    screenshot("inquiry-answered")


def test_own_data_a_statement_and_leaving_for_good(
    reader: Page, shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    page = reader
    page.goto("/account")
    with page.expect_download() as started:
        page.get_by_role("link", name="내 정보 내려받기").click()
    data = json.loads(started.value.path().read_text("utf-8"))
    assert [one["won"] for one in data["payments"]] == [9900]
    page.goto("/payments")
    page.get_by_role("link", name="기간별 내역서").click()
    heading(page, "결제 내역서")
    expect(page.locator("main")).to_contain_text("9,900원")
    screenshot("statement")

    page.goto("/account/closure")
    expect(page.locator("main")).to_contain_text("먼저 어떻게 해지할지 골라 주세요")
    page.get_by_role("link", name="구독 해지").click()
    page.get_by_role("radio", name="지금 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    expect(page.get_by_role("status")).to_contain_text("환불했어요")
    page.goto("/account/closure")
    screenshot("closure")
    page.get_by_label("지금 비밀번호").fill(PASSWORD)
    page.get_by_role("button", name="탈퇴하기").click()
    expect(page.get_by_role("status")).to_contain_text("탈퇴했어요")
    page.goto("/account")
    heading(page, "로그인")
