"""A higher price in a browser, on the test clock: one customer agrees, another stays silent."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, expect

import clock
from bin.customer import Customer
from bin.shop import Shop
from rules.periods import Interval, nth_period, seoul_date
from tests.e2e.steps import (
    PASSWORD,
    heading,
    register,
    sign_up,
    tick_consents,
    wait_until,
)

pytestmark = pytest.mark.e2e

DEARER = """
[[products]]
slug = "dalbit"
name = "달빛서재"
description = "밤에 읽기 좋은 짧은 글을 모아 둔 디지털 독서 모임이에요."

[[products.plans]]
slug = "premium-monthly-2"
name = "프리미엄 월간 새 가격"
summary = "글을 읽고, 함께 고른 밑줄을 나눠요."
description = "한 달 동안 서재의 글을 모두 읽어요."
features = ["서재의 글 모두 읽기", "달마다 함께 고른 밑줄"]
price_won = 12900
interval = "month"
"""
MERCHANT = "owner@example.com"


@pytest.fixture
def shop(new_shop: Callable[..., Shop], tmp_path: Path) -> Shop:
    """A shop of its own, with a dearer plan and the merchant's account."""
    shop = new_shop()
    catalogue = tmp_path / "dearer.toml"
    catalogue.write_text(DEARER, "utf-8")
    shop.flask("catalog", "load", str(catalogue))
    account = ["--role", "merchant", "--email", MERCHANT, "--name", "문서연", "--password-stdin"]
    shop.flask("users", "create", *account, typed=PASSWORD)
    return shop


def log_in(page: Page, email: str) -> None:
    page.goto("/login")
    page.get_by_label("이메일").fill(email)
    page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()
    page.wait_for_url(lambda address: "/login" not in address)


def enter_office(page: Page) -> None:
    log_in(page, MERCHANT)
    page.goto("/admin")
    secret = page.locator("code").inner_text()
    page.get_by_label("인증 번호").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="확인").click()
    heading(page, "현황")


def written(day: date) -> str:
    return f"{day.year}년 {day.month}월 {day.day}일"


def paid(shop: Shop, email: str) -> list[int]:
    rows = shop.control.ledger()["payments"]
    return [row["total_amount"] for row in rows if row["customer_email"] == email]


def test_a_yes_is_charged_on_its_day_and_silence_pays_the_old_price(
    page: Page, new_page: Callable[..., Page], shop: Shop, screenshot: Callable[[str], Any]
) -> None:
    page.goto("/checkout/premium-monthly")
    sign_up(page)
    tick_consents(page)
    register(page, "works")
    heading(page, "구독을 시작했어요")
    agreeing = shop.control.ledger()["payments"][-1]["customer_email"]
    silent = Customer(shop)
    silent.subscribe()
    today = seoul_date(clock.real_now())
    change_on = today + timedelta(days=30)
    renewals = (nth_period(today, number, Interval.MONTH).start_on for number in (2, 3))
    effective_on = next(day for day in renewals if day >= change_on)
    before = 2 if effective_on == nth_period(today, 3, Interval.MONTH).start_on else 1

    office = new_page(str(page.viewport_size["width"]) if page.viewport_size else "1280")
    enter_office(office)
    office.get_by_role("link", name="가격 제안").click()
    office.get_by_label("지금 플랜").select_option(
        label="달빛서재 · 프리미엄 월간 (월 9,900원), 구독자 2명"
    )
    office.get_by_label("바뀐 플랜").select_option(
        label="달빛서재 · 프리미엄 월간 새 가격 (월 12,900원)"
    )
    office.get_by_label("바뀌는 날").fill(str(change_on))
    office.screenshot(path=screenshot("offer-choose"), full_page=True)
    office.get_by_role("button", name="내용 보기").click()
    heading(office, "가격 제안 확인")
    office.get_by_label("바꾸는 이유").fill("글을 고르고 다듬는 데 드는 비용이 올랐어요.")
    office.get_by_role("checkbox").check()
    office.screenshot(path=screenshot("offer-review"), full_page=True)
    office.get_by_role("button", name="가격 제안하기").click()
    expect(office.get_by_role("status")).to_contain_text("가격을 제안했어요")
    office.screenshot(path=screenshot("offer-made"), full_page=True)

    try:
        shop.worker.stop()  # Two processes may send a mail each while the clock jumps.
        told = "\n".join(list(shop.worker.lines))
        told += shop.flask("clock", "advance", f"{(effective_on - today).days - 10}days")
        shop.ensure_up()
        for email in (agreeing, silent.email):
            request = rf"To: {re.escape(email)}\nSubject: .*가격 변경 동의 요청"
            assert len(re.findall(request, told)) == 1
        log_in(page, agreeing)
        page.goto("/subscription")
        expect(page.locator("main")).to_contain_text("동의하지 않으면 지금 금액 그대로예요")
        screenshot("price-asked")
        page.get_by_role("link", name="가격 변경 보기").click()
        heading(page, "가격 변경")
        expect(page.locator("main")).to_contain_text(written(effective_on))
        yes = page.get_by_role("button", name="동의하고 바뀐 가격으로 계속")
        no = page.get_by_role("button", name="지금 가격 그대로")
        sizes = [button.bounding_box() for button in (yes, no)]
        assert sizes[0] and sizes[1]
        assert sizes[0]["width"] == sizes[1]["width"]
        assert sizes[0]["height"] == sizes[1]["height"]
        screenshot("price-change")
        yes.click()
        expect(page.get_by_role("status")).to_contain_text("동의를 받았어요")
        screenshot("price-agreed")
        page.get_by_role("link", name="가격 변경 보기").click()
        expect(page.get_by_role("button", name="동의 철회")).to_be_visible()
        screenshot("price-withdrawal")

        told = shop.flask("clock", "advance", "11days")
        told += "\n".join(list(shop.worker.lines))
        wait_until(lambda: paid(shop, agreeing) == [9_900] * before + [12_900])
        wait_until(lambda: paid(shop, silent.email) == [9_900] * (before + 1))
        assert "12,900원이 결제돼요" in told, "the reminder tells the agreed amount"
        assert "9,900원이 결제돼요" in told, "and the old one to who did not agree"
        page.goto("/subscription")
        expect(page.locator("main")).to_contain_text("프리미엄 월간 새 가격")
        office.goto("/admin/price-offers")
        office.get_by_role("link", name=re.compile("새 가격")).click()
        expect(office.locator("main")).to_contain_text("바뀐 가격 적용")
        office.screenshot(path=screenshot("offer-done"), full_page=True)
    finally:
        shop.flask("clock", "reset")
