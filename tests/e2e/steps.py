"""What a customer does in a browser on the way to a subscription."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from threading import Event
from time import monotonic
from typing import Any

import pyotp
from playwright.sync_api import Page, expect

from bin.shop import Shop

PASSWORD = "moonlight-reader-1120"
START = "카드 등록하고 시작하기"


def sign_up(page: Page) -> None:
    """Sign up from the log-in page that an order led to, and arrive at the order."""
    page.get_by_role("link", name="회원가입").last.click()
    page.get_by_label("이메일", exact=True).fill(f"reader-{secrets.token_hex(4)}@example.com")
    page.get_by_label("이름").fill("김하나")
    page.get_by_label("비밀번호").fill(PASSWORD)
    page.get_by_label("만 14세 이상입니다").check()
    page.get_by_label("이용약관에 동의합니다").check()
    page.get_by_role("button", name="회원가입").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("주문 확인")


def enter_back_office(page: Page, shop: Shop) -> None:
    """Sign in as a new merchant, register a phone, and arrive in the back office."""
    email = f"owner-{secrets.token_hex(4)}@example.com"
    account = ["--role", "merchant", "--email", email, "--name", "문서연", "--password-stdin"]
    shop.flask("users", "create", *account, typed=PASSWORD)
    page.goto("/login?next=/admin")
    page.get_by_label("이메일", exact=True).fill(email)
    page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()
    heading(page, "두 번째 확인")
    phone = pyotp.TOTP(page.locator("code").inner_text())
    page.get_by_label("인증 번호 6자리").fill(phone.now())
    page.get_by_role("button", name="확인").click()
    heading(page, "현황")


def tick_consents(page: Page) -> None:
    """Wait for the order page, and tick every consent on it."""
    expect(page.locator("#checkout button[type=submit]")).to_be_visible()
    for box in page.locator("#checkout input[type=checkbox]").all():
        box.check()


def heading(page: Page, text: str) -> None:
    """Wait for the page with this heading, until all of it is there."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text, timeout=30_000)
    page.wait_for_load_state()


def wait_until(condition: Callable[[], Any], seconds: float = 90) -> None:
    """Return once the condition holds."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not come about in time"
        Event().wait(0.2)


def is_phone(page: Page) -> bool:
    """Test whether Toss's windows take the whole screen of this browser."""
    return bool(page.viewport_size and page.viewport_size["width"] < 768)


def card_window(page: Page) -> Any:
    """Return the card window: a frame of the page on a desk, the whole window on a phone."""
    if is_phone(page):
        page.wait_for_url("**/window/billing/**")
        return page
    return page.frame_locator("iframe[src*='/window/billing/']")


@contextmanager
def blocked(page: Page, pattern: str) -> Iterator[None]:
    """Refuse each request of the page and its frames to such an address meanwhile.

    The browser does it by itself: a handler here could be left waiting when its page is closed.
    """
    inspector = page.context.new_cdp_session(page)
    inspector.send("Network.enable")
    inspector.send("Network.setBlockedURLs", {"urls": [pattern]})
    with page.expect_event("requestfailed", lambda failed: fnmatchcase(failed.url, pattern)):
        yield
    inspector.send("Network.setBlockedURLs", {"urls": []})


def register(page: Page, card: str) -> None:
    """Order, and register this card in the window."""
    page.get_by_role("button", name=START).click()
    window = card_window(page)
    window.locator(f"#card-{card}").check()
    window.locator("[name=identity]").fill("000000")
    window.get_by_role("button", name="카드 등록하기").click()
