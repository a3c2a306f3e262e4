"""A pass in a browser: from the home page through Toss's window to the library, and back.

Once in each language that the shop speaks.
"""

import secrets
import tomllib
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bin.service import ROOT
from bin.shop import Shop
from rules.wording import Language
from tests.e2e.steps import PASSWORD, heading, is_phone, tick_consents
from views.languages import TAGS, translations

pytestmark = pytest.mark.e2e

BUY = "결제하기"


@pytest.fixture
def pass_page(page: Page, shop: Shop) -> Page:
    """Return the order page of a pass, for a visitor who came in on the home page."""
    page.goto("/")
    page.get_by_role("link", name="해외 카드로 이용하기").first.click()
    heading(page, "이용권")
    page.get_by_role("link", name="한 달 이용권 자세히 보기").click()
    page.get_by_role("link", name="이용권 사기").click()
    page.get_by_role("link", name="회원가입").last.click()
    page.get_by_label("이메일", exact=True).fill(f"visitor-{secrets.token_hex(4)}@example.com")
    page.get_by_label("이름").fill("Hana Kim")
    page.get_by_label("비밀번호").fill(PASSWORD)
    page.get_by_label("만 14세 이상입니다").check()
    page.get_by_label("이용약관에 동의합니다").check()
    page.get_by_role("button", name="회원가입").click()
    heading(page, "이용권 주문 확인")
    tick_consents(page)
    return page


def payment_window(page: Page) -> Any:
    """Return Toss's payment window: a frame on a desk, the whole window on a phone."""
    if is_phone(page):
        page.wait_for_url("**/window/payment/**")
        return page
    return page.frame_locator("iframe[src*='/window/payment/']")


def pay(page: Page, card: str) -> None:
    """Open the window and pay with this card."""
    page.get_by_role("button", name=BUY).click()
    window = payment_window(page)
    window.locator(f"#card-{card}").check()
    window.locator(".submit button").click()


def test_from_the_home_page_to_the_library_and_back(
    pass_page: Page, shop: Shop, screenshot: Any
) -> None:
    page = pass_page
    screenshot("pass-order")
    pay(page, "visa")
    heading(page, "이용권을 샀어요")
    screenshot("pass-paid")
    assert "paymentKey" not in page.url
    page.reload()
    heading(page, "이용권을 샀어요")
    order_id = page.url.rpartition("/")[2]
    paid = [one for one in shop.control.ledger()["payments"] if one["order_id"] == order_id]
    assert [(one["status"], one["total_amount"]) for one in paid] == [("DONE", 10900)]

    page.get_by_role("link", name="서재로 가기").click()
    page.get_by_role("link", name="느린 편지").click()
    expect(page.locator("article")).to_contain_text("느린 편지를 쓰는 법")

    page.goto("/subscription")
    page.get_by_role("link", name="한 달 이용권").click()
    page.get_by_role("link", name="이용권 환불").click()
    heading(page, "이용권 환불")
    screenshot("pass-refund")
    page.get_by_role("button", name="이용권 환불").click()
    expect(page.locator("main")).to_contain_text("이용권을 끝내고")
    [paid] = [one for one in shop.control.ledger()["payments"] if one["order_id"] == order_id]
    assert paid["status"] == "PARTIAL_CANCELED"
    page.goto("/library")
    heading(page, "구독하면 읽을 수 있어요")


@pytest.mark.parametrize(
    ("card", "title"),
    [
        ("foreign-reject", "카드사에서 결제를 거절했어요"),
        ("foreign-no-funds", "결제하지 못했어요"),
    ],
)
def test_a_refusal_is_explained_and_tried_again(
    pass_page: Page, shop: Shop, card: str, title: str
) -> None:
    page = pass_page
    pay(page, card)
    heading(page, title)
    expect(page.locator("main")).to_contain_text("결제된 금액은 없어요")
    page.get_by_role("link", name="다시 시도").click()
    tick_consents(page)

    pay(page, "jcb")

    heading(page, "이용권을 샀어요")


def test_a_lost_answer_waits_and_is_paid_once(pass_page: Page, shop: Shop) -> None:
    page = pass_page
    pay(page, "foreign-lost")
    heading(page, "이용권을 샀어요")
    order_id = page.url.rpartition("/")[2]
    paid = [one for one in shop.control.ledger()["payments"] if one["order_id"] == order_id]
    assert len(paid) == 1


def test_closing_the_window_takes_nothing_and_gives_the_button_back(pass_page: Page) -> None:
    page = pass_page
    page.get_by_role("button", name=BUY).click()
    payment_window(page).get_by_role("button", name="닫기").click()
    if is_phone(page):
        heading(page, "결제를 취소했어요")
        page.get_by_role("link", name="다시 시도").click()
        heading(page, "이용권 주문 확인")
    else:
        expect(page.get_by_role("button", name=BUY)).to_be_enabled()
        expect(page.locator("#checkout-message")).to_be_hidden()


class Speaker:
    """The words of the shop, and the addresses of its pages, in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.say = translations(language).gettext
        self.prefix = "" if language is Language.KOREAN else f"/{language}"

    def pass_name(self) -> str:
        [product] = tomllib.loads((ROOT / "demo" / "catalog.toml").read_text("utf-8"))["products"]
        plan = next(one for one in product["plans"] if one["slug"] == "pass-1-month")
        return str({**plan, **plan["translations"].get(self.language, {})}["name"])

    def reading(self) -> str:
        if self.language is Language.KOREAN:
            return "느린 편지"
        path = ROOT / "templates" / "library" / self.language / "words.toml"
        return str(tomllib.loads(path.read_text("utf-8"))["readings"]["slow-letter"]["title"])


@pytest.fixture(params=list(Language), ids=str)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return Speaker(request.param)


def order_page(page: Page, speaker: Speaker) -> None:
    """Come in on the home page and sign up on the way to the order page of a pass."""
    say = speaker.say
    page.goto(f"{speaker.prefix}/")
    page.get_by_role("link", name=say("해외 카드로 이용하기")).first.click()
    heading(page, say("이용권"))
    more = say("%(name)s 자세히 보기") % {"name": speaker.pass_name()}
    page.get_by_role("link", name=more).click()
    page.get_by_role("link", name=say("이용권 사기")).click()
    page.get_by_role("link", name=say("회원가입")).last.click()
    page.get_by_label(say("이메일"), exact=True).fill(f"v-{secrets.token_hex(4)}@example.com")
    page.get_by_label(say("이름")).fill("Hana Kim")
    page.get_by_label(say("비밀번호")).fill(PASSWORD)
    page.get_by_label(say("만 14세 이상입니다")).check()
    page.get_by_label(say("이용약관에 동의합니다")).check()
    page.get_by_role("button", name=say("회원가입")).click()
    heading(page, say("이용권 주문 확인"))
    tick_consents(page)


def test_in_each_language_a_refusal_and_then_the_library(
    page: Page, screenshot: Any, speaker: Speaker
) -> None:
    say = speaker.say
    order_page(page, speaker)
    screenshot(f"pass-order-{speaker.language}")
    page.get_by_role("button", name=say("결제하기")).click()
    window = payment_window(page)
    tag = TAGS[speaker.language]
    expect(window.locator("html")).to_have_attribute("lang", tag)
    window.locator("#card-foreign-no-funds").check()
    window.locator(".submit button").click()
    heading(page, say("결제하지 못했어요"))
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.locator("main")).to_contain_text(say("결제된 금액은 없어요."))
    screenshot(f"pass-refused-{speaker.language}")
    page.get_by_role("link", name=say("다시 시도")).click()
    tick_consents(page)

    page.get_by_role("button", name=say("결제하기")).click()
    window = payment_window(page)
    window.locator("#card-visa").check()
    window.locator(".submit button").click()
    heading(page, say("이용권을 샀어요"))
    screenshot(f"pass-paid-{speaker.language}")
    page.get_by_role("link", name=say("서재로 가기")).click()
    heading(page, say("서재"))
    screenshot(f"pass-library-{speaker.language}")
    page.get_by_role("link", name=speaker.reading()).first.click()
    heading(page, speaker.reading())
    expect(page.locator("html")).to_have_attribute("lang", tag)
    screenshot(f"pass-reading-{speaker.language}")
