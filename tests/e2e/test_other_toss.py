"""The shop knows Toss's contract and not the sandbox: another server serves it as well."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from bin.shop import Shop
from tests.e2e.other_toss import OtherToss
from tests.e2e.review_file import new_reviewer, run, signing_in, slides_of, words
from tests.e2e.steps import START, heading, sign_up, tick_consents

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def toss() -> Iterator[OtherToss]:
    server = OtherToss()
    yield server
    server.close()


@pytest.fixture(scope="module")
def session_shop(toss: OtherToss, new_shop: Callable[..., Shop]) -> Shop:
    """Return a shop that was told of the other server by Toss's four settings alone."""
    return new_shop(TOSS_TIMEOUT="3", **toss.settings)


@pytest.fixture
def card_window(page: Page, toss: OtherToss) -> Page:
    """Return the page of a customer who has just signed up and opened the card window."""
    toss.keys.clear()
    toss.payments.clear()
    page.goto("/login?next=/checkout/premium-monthly")
    sign_up(page)
    open_card_window(page)
    return page


def open_card_window(page: Page) -> None:
    tick_consents(page)
    page.get_by_role("button", name=START).click()
    heading(page, "김하나")


def test_from_a_plan_to_a_paid_subscription_and_out(card_window: Page, toss: OtherToss) -> None:
    page = card_window
    page.get_by_role("link", name="잘 되는 카드").click()
    heading(page, "구독을 시작했어요")
    expect(page.locator("main")).to_contain_text("현대")
    assert [paid["totalAmount"] for paid in toss.payments.values()] == [9900]

    page.goto("/library")
    heading(page, "서재")
    page.goto("/subscription")
    page.get_by_role("link", name="구독 해지").click()
    page.get_by_role("radio", name="다음 결제일에 해지").check()
    page.get_by_role("button", name="구독 해지").click()
    page.get_by_role("button", name="해지 예약 취소").click()
    expect(page.locator("main")).to_contain_text("이용 중")


def test_a_closed_window_and_a_refused_card_then_another(
    card_window: Page, toss: OtherToss
) -> None:
    page = card_window
    page.get_by_role("link", name="닫기").click()
    heading(page, "카드 등록을 취소했어요")
    page.get_by_role("link", name="다시 시도").click()
    open_card_window(page)
    page.get_by_role("link", name="잔액이 없는 카드").click()
    heading(page, "결제하지 못했어요")
    assert not toss.payments
    page.get_by_role("link", name="다시 시도").click()
    open_card_window(page)
    page.get_by_role("link", name="잘 되는 카드").click()
    heading(page, "구독을 시작했어요")
    assert len(toss.payments) == 1


def test_lost_answers_are_found_out(card_window: Page, toss: OtherToss, shop: Shop) -> None:
    page = card_window
    page.get_by_role("link", name="답을 잃는 카드").click()
    page.wait_for_url("**/checkouts/**")
    shop.flask("billing", "reconcile")
    heading(page, "구독을 시작했어요")
    assert len(toss.payments) == len(toss.keys) == 1


def test_coming_back_five_times_at_once(card_window: Page, toss: OtherToss, shop: Shop) -> None:
    page = card_window
    address = page.get_by_role("link", name="잘 되는 카드").get_attribute("href") or ""
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}

    def come_back(_: int) -> int:
        answer = requests.get(address, cookies=cookies, allow_redirects=False, timeout=30)
        return answer.status_code

    with ThreadPoolExecutor(5) as threads:
        assert set(threads.map(come_back, range(5))) == {303}
    page.goto(address)
    heading(page, "구독을 시작했어요")
    assert len(toss.payments) == len(toss.keys) == 1
    assert shop.control.ledger()["payments"] == []


def test_the_reviewers_file_shows_a_window_that_is_a_page_of_its_own(
    shop: Shop, toss: OtherToss, tmp_path: Path
) -> None:
    file = tmp_path / "deck.pptx"

    ran = run(shop, file, *signing_in(new_reviewer(shop)))

    assert ran.returncode == 0, ran.stdout
    assert "sandbox" not in ran.stdout
    window = words(slides_of(file)[-4])
    assert "⑥ 카드 등록창" in window and f"{toss.url}/register-a-card\n" in window
    assert "customerKey" not in window
    assert not any("모의 결제" in words(slide) for slide in slides_of(file))
