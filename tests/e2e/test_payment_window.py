"""The sandbox's SDK and its window for one payment, on a page that has nothing else."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from sandbox.app import create_app
from sandbox.keys import BUILT_IN
from sandbox.payment_words import WORDS
from sandbox.server import serve
from tests.e2e.conftest import SCREENS

pytestmark = pytest.mark.e2e

PASS = BUILT_IN[1]
ASKED: dict[str, Any] = {
    "method": "CARD",
    "amount": {"currency": "KRW", "value": 5900},
    "orderId": "pass-order-1",
    "orderName": "1개월 이용권",
    "card": {"useInternationalCardOnly": True},
}
ASK = """([keys, asked]) => {
    TossPayments(keys).payment({customerKey: "customer-1"})
        .requestPayment({successUrl: `${origin}/success`, failUrl: `${origin}/fail`, ...asked})
        .catch((error) => window.refusal = error.code)
}"""


def serving(app: Any) -> Iterator[str]:
    server = serve(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    yield from serving(create_app(":memory:"))


@pytest.fixture(scope="module")
def shop_url(sandbox_url: str) -> Iterator[str]:
    """A shop that has nothing but the SDK on every page."""
    shop = Flask("shop")
    page = f'<!doctype html><title>shop</title><script src="{sandbox_url}/v2/standard"></script>'
    shop.add_url_rule("/<path:anything>", "page", lambda anything: page)
    yield from serving(shop)


@pytest.fixture
def new_page(browser: Any, shop_url: str) -> Iterator[Callable[[str], Any]]:
    """Open the shop's page: `new_page("360")` or `new_page("1280")`."""
    contexts = []

    def open_page(screen: str) -> Any:
        context = browser.new_context(base_url=shop_url, **SCREENS[screen])
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto("/order")
        return page

    yield open_page
    for context in contexts:
        context.close()


def begin(page: Any, *, keys: str = PASS.client_key, **changes: Any) -> None:
    """Ask for a payment and wait for nothing."""
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    page.evaluate(ASK, [keys, asked])


def await_refusal(page: Any, code: str) -> None:
    """Wait until what was asked for is refused with this code."""
    page.wait_for_function("(code) => window.refusal === code", arg=code, timeout=5_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": None}, "INVALID_PARAMETERS"),
        ({"method": "VIRTUAL_ACCOUNT"}, "NOT_SUPPORTED_METHOD"),
        ({"amount": None}, "INVALID_PARAMETERS"),
        ({"amount": {"currency": "USD", "value": 5900}}, "INVALID_AMOUNT_CURRENCY"),
        ({"amount": {"currency": "KRW", "value": "5900"}}, "INVALID_AMOUNT_VALUE"),
        ({"amount": {"currency": "KRW", "value": 59.5}}, "INVALID_AMOUNT_VALUE"),
        ({"amount": {"currency": "KRW", "value": 0}}, "BELOW_ZERO_AMOUNT"),
        ({"orderId": "short"}, "INVALID_ORDER_ID"),
        ({"orderId": "주문-번호-1"}, "INVALID_ORDER_ID"),
        ({"orderName": "x" * 101}, "INVALID_ORDER_NAME"),
        ({"successUrl": "/success"}, "INCORRECT_SUCCESS_URL_FORMAT"),
        ({"failUrl": "shop"}, "INCORRECT_FAIL_URL_FORMAT"),
        ({"customerName": "x" * 101}, "INVALID_PARAMETERS"),
        ({"customerMobilePhone": "010-1234-5678"}, "INVALID_PARAMETERS"),
        ({"unheardOf": 1}, "INVALID_PARAMETERS"),
        ({"metadata": {"order[1]": "x"}}, "INVALID_METADATA"),
        ({"metadata": {str(n): "x" for n in range(6)}}, "INVALID_METADATA"),
        ({"card": {"language": "FR"}}, "INVALID_PARAMETERS"),
        ({"card": {"unheardOf": True}}, "INVALID_PARAMETERS"),
        ({"card": {"cardInstallmentPlan": 1}}, "INVALID_PARAMETERS"),
        (
            {"card": {"cardInstallmentPlan": 2, "maxCardInstallmentPlan": 3}},
            "INVALID_PARAMETERS",
        ),
        ({"card": {"validHours": 1, "dueDate": "2026-12-01T00:00:00"}}, "INVALID_PARAMETERS"),
        ({"card": {"flowMode": "DIRECT"}}, "INVALID_PARAMETERS"),
        ({"card": {"discountCode": "1"}}, "INVALID_PARAMETERS"),
        ({"keys": "test_ck_of0nobody0at0all"}, "INVALID_CLIENT_KEY"),
    ],
)
def test_what_toss_would_not_take_is_refused(
    new_page: Callable[[str], Any], changes: dict[str, Any], code: str
) -> None:
    page = new_page("1280")

    begin(page, **changes)

    await_refusal(page, code)
    assert page.locator("dialog").count() == 0


@pytest.mark.parametrize(
    ("card", "language"),
    [
        ({"useInternationalCardOnly": True}, "KO"),
        ({"useInternationalCardOnly": True, "language": "JA", "useCardPoint": False}, "JA"),
        ({"cardInstallmentPlan": 0, "appScheme": "shop://", "validHours": 1}, "KO"),
    ],
)
def test_what_toss_takes_opens_a_window_in_its_language(
    new_page: Callable[[str], Any], card: dict[str, Any], language: str
) -> None:
    page = new_page("1280")

    begin(page, card=card, metadata={"pass": "1"}, taxFreeAmount=0)

    window = page.frame_locator("iframe")
    window.get_by_role("button", name=WORDS[language]["pay"]).wait_for()


def test_a_frame_leads_the_page_back_with_what_to_confirm(new_page: Callable[[str], Any]) -> None:
    page = new_page("1280")
    begin(page)

    window = page.frame_locator("iframe")
    window.locator("#card-visa").check()
    window.locator(".submit button").click()

    page.wait_for_url("**/success?**")
    assert "paymentType=NORMAL" in page.url
    assert "orderId=pass-order-1" in page.url
    assert "amount=5900" in page.url


def test_a_closed_frame_rejects_and_a_second_window_may_open(
    new_page: Callable[[str], Any],
) -> None:
    page = new_page("1280")
    begin(page)
    page.frame_locator("iframe").locator("button.close").wait_for()
    begin(page)
    await_refusal(page, "INVALID_METHOD_TRANSACTION")

    page.frame_locator("iframe").locator("button.close").click()

    await_refusal(page, "USER_CANCEL")
    assert page.url.endswith("/order")
    begin(page)
    page.frame_locator("iframe").locator("button.close").wait_for()


def test_on_a_phone_the_window_takes_the_page_and_closing_leads_to_the_fail_url(
    new_page: Callable[[str], Any],
) -> None:
    page = new_page("360")
    begin(page, windowTarget="iframe")
    page.wait_for_url("**/window/payment/**")

    page.locator("button.close").click()

    page.wait_for_url("**/fail?**")
    assert "code=PAY_PROCESS_CANCELED" in page.url
    assert "orderId" not in page.url
