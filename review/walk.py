"""A browser's walk through the shop, up to the card window: it looks and never buys.

Needs Playwright, which the shop itself does without: only `flask review deck` imports this.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error, Frame, Page, sync_playwright
from playwright.sync_api import TimeoutError as TookTooLong

from review.captures import WINDOW, Account, Capture, SoldPlan, Step, Walked, WalkStopped, cuts

START = "구독 시작하기"
REGISTER = "카드 등록하고 시작하기"

_PATIENCE = 20_000
_WINDOW_PATIENCE = 40
_SCALE = 2
_BLOCKS = """(parts) => {
  const kinds = "h1, h2, h3, p, li, tr, dl > div, label, input, button, img, summary, .button";
  const isFixed = (element) =>
    element && (["sticky", "fixed"].includes(getComputedStyle(element).position)
      || isFixed(element.parentElement));
  return [...document.querySelectorAll(parts)].flatMap((part) => [...part.querySelectorAll(kinds)])
    .filter((element) => element.checkVisibility() && !isFixed(element))
    .map((element) => {
      const box = element.getBoundingClientRect();
      const next = /^H/.test(element.tagName) && element.nextElementSibling;
      const after = next ? Math.min(next.getBoundingClientRect().bottom, box.bottom + 160) : 0;
      const words = element.innerText.trim().replace(/\\s+/g, " ");
      const name = /^H/.test(element.tagName) && box.width > 1 ? words
        : element.matches("main button, main .button") ? `'${words}' 단추` : "";
      return [box.top + scrollY, Math.max(box.bottom, after) + scrollY, name];
    })
    .filter(([top, bottom]) => bottom > top);
}"""
_READY = """() => Promise.all([
  document.fonts.ready,
  ...[...document.images].filter((image) => image.checkVisibility()).map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => null);
  }),
])"""
_SAYS_SOMETHING = "document.body !== null && document.body.innerText.trim().length > 0"


def walk(
    *,
    url: str,
    browser_path: str,
    plan: str | None,
    account: Account | None,
    tell_time: Callable[[], datetime],
) -> Walked:
    """Look at every screen that the reviewers follow; without an account only at the public ones.

    It signs in, agrees on the order page and opens the card window, which stores an open checkout,
    and leaves it there: no card is registered, nothing is charged.

    :raises WalkStopped: the shop, the account, the plan or the browser does not let it go on.
    """
    with _page(browser_path) as page:
        return _Walk(page, url.rstrip("/"), tell_time).through(plan, account)


@contextmanager
def _page(browser_path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=browser_path)
        except Error as error:
            raise WalkStopped(
                f"the browser {browser_path} does not start: {_first_line(error)}"
            ) from None
        try:
            context = browser.new_context(
                viewport={"width": WINDOW[0], "height": WINDOW[1]},
                device_scale_factor=_SCALE,
                locale="ko-KR",
                timezone_id="Asia/Seoul",
                color_scheme="light",
                reduced_motion="reduce",
            )
            context.set_default_timeout(_PATIENCE)
            yield context.new_page()
        except Error as error:
            raise WalkStopped(f"the walk got stuck: {_first_line(error)}") from None
        finally:
            browser.close()


class _Walk:
    """One visitor with one page, and the pictures so far."""

    def __init__(self, page: Page, url: str, tell_time: Callable[[], datetime]) -> None:
        self._page = page
        self._url = url
        self._tell_time = tell_time
        self._captures: list[Capture] = []

    def through(self, plan: str | None, account: Account | None) -> Walked:
        footer, is_sandbox = self._read_the_small_print()
        self._see_the_doors(account)
        sold = self._choose(plan)
        has_paid = account is not None and self._see_what_is_behind(account, sold)
        return Walked(tuple(self._captures), sold, footer, is_sandbox, has_paid)

    def _read_the_small_print(self) -> tuple[str, bool]:
        self._open("/")
        footer = self._page.locator("footer").inner_text()
        is_sandbox = self._page.locator("aside.sandbox").count() > 0
        self._take_end(Step.FOOTER)
        self._open("/refund-policy")
        self._take_all(Step.REFUND_POLICY)
        return footer, is_sandbox

    def _see_the_doors(self, account: Account | None) -> None:
        self._open("/login")
        if account is not None:
            self._fill_in(account)
        self._take_all(Step.LOGIN)
        self._open("/signup")
        self._take_all(Step.SIGNUP)

    def _choose(self, plan: str | None) -> SoldPlan:
        self._open("/plans")
        addresses = self._page.locator("main a[href^='/plans/']").evaluate_all(
            "links => links.map((link) => link.getAttribute('href'))"
        )
        on_sale = [str(address).removeprefix("/plans/") for address in addresses]
        if not on_sale:
            raise WalkStopped(f"{self._url}/plans sells nothing: load a catalogue first")
        if plan is not None and plan not in on_sale:
            raise WalkStopped(f"the plan {plan} is not on sale; {', '.join(on_sale)} are")
        self._take_all(Step.PLANS)
        listed = self._page.locator("main").inner_text()
        self._open(f"/plans/{plan or on_sale[0]}")
        self._take_all(Step.PLAN)
        sold = SoldPlan(
            name=self._page.locator("h1").inner_text(),
            price=" ".join(self._page.locator("main .price").first.inner_text().split()),
            service_period=self._page.locator("dt:text-is('서비스 제공기간') + dd").inner_text(),
        )
        self._compare(sold, "the list of plans", listed)
        return sold

    def _see_what_is_behind(self, account: Account, sold: SoldPlan) -> bool:
        with self._page.expect_navigation():
            self._page.get_by_role("link", name=START).click()
        try:
            self._sign_in(account)
            self._order(sold)
            return self._look_back()
        finally:
            with suppress(WalkStopped, Error):
                self._sign_out()

    def _compare(self, sold: SoldPlan, where: str, shown: str) -> None:
        """Stop where a page names the plan or its amount otherwise: reviewers compare them."""
        if sold.name not in shown or sold.amount not in shown:
            raise WalkStopped(
                f"{where} does not show {sold.name} for {sold.amount}, as the plan's own page does"
            )

    def _sign_in(self, account: Account) -> None:
        self._fill_in(account)
        with self._page.expect_navigation():
            self._page.get_by_role("button", name="로그인").click()
        if self._path == "/login":
            said = self._page.locator("main [role=alert], main h1 + p").first.inner_text()
            raise WalkStopped(f"the shop did not let {account.email} in: {said}")
        if self._path == "/subscription":
            raise WalkStopped(
                f"{account.email} has a subscription, so the order page does not open: end it now"
                " (내 구독 > 구독 해지 > 지금 해지) and come again; its payments stay to be seen"
            )

    def _order(self, sold: SoldPlan) -> None:
        page = self._page
        self._compare(sold, "the order page", page.locator("main").inner_text())
        if page.locator("#way-card").count():
            page.locator("#way-card").check()
        for box in page.locator("#checkout input[type=checkbox]").all():
            box.check()
        button = page.get_by_role("button", name=REGISTER)
        with suppress(TookTooLong):
            page.wait_for_function(
                "() => document.getElementById('checkout-button').dataset.state !== 'loading'"
            )
        self._refuse_a_message()
        self._take_all(Step.ORDER, parts="main, footer")
        button.click()
        self._wait_for_card_window()
        self._take(Step.CARD_WINDOW)

    def _wait_for_card_window(self) -> None:
        for _ in range(_WINDOW_PATIENCE * 2):
            if self._is_card_window_open():
                with suppress(TookTooLong):
                    self._page.wait_for_load_state("networkidle", timeout=5_000)
                self._page.wait_for_timeout(1_000)
                return
            self._refuse_a_message()
            self._page.wait_for_timeout(500)
        raise WalkStopped(f"no card window opened within {_WINDOW_PATIENCE} seconds")

    def _is_card_window_open(self) -> bool:
        is_page = self._page.url.startswith("http") and not self._is_at_home
        return is_page or any(map(_is_shown, self._page.frames[1:]))

    def _refuse_a_message(self) -> None:
        message = self._page.locator("#checkout-message")
        if message.count() and message.is_visible():
            raise WalkStopped(f"the card window did not open: {message.inner_text()}")

    def _look_back(self) -> bool:
        self._open("/payments")
        has_paid = self._page.locator("main tbody tr").count() > 0
        self._take_all(Step.PAYMENTS)
        self._open("/subscription")
        self._take_all(Step.SUBSCRIPTION)
        return has_paid

    def _sign_out(self) -> None:
        self._open("/account")
        button = self._page.get_by_role("button", name="로그아웃", exact=True)
        if button.count():
            with self._page.expect_navigation():
                button.click()

    def _fill_in(self, account: Account) -> None:
        self._page.locator("input[name=email]").fill(account.email)
        self._page.locator("input[name=password]").fill(account.password)

    @property
    def _path(self) -> str:
        return urlsplit(self._page.url).path

    @property
    def _is_at_home(self) -> bool:
        return self._page.url.startswith(f"{self._url}/")

    def _open(self, path: str) -> None:
        try:
            answer = self._page.goto(self._url + path)
        except Error as error:
            raise WalkStopped(
                f"{self._url} does not answer ({_first_line(error)}): start the shop, or name its"
                " address with --url"
            ) from None
        if answer is None or answer.status != 200:
            status = "nothing" if answer is None else answer.status
            raise WalkStopped(f"{self._url}{path} answers {status}, so it cannot be shown")
        if not self._is_at_home:
            parts = urlsplit(self._page.url)
            raise WalkStopped(
                f"{self._url} leads to {parts.scheme}://{parts.netloc}: name that with --url"
            )

    def _take_all(self, step: Step, parts: str = "main") -> None:
        """Take these parts of the page whole, one window after the other."""
        self._page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
        self._page.evaluate(_READY)
        blocks = self._page.evaluate(_BLOCKS, parts)
        end = max(bottom for _, bottom, _ in blocks)
        stops = cuts([(top, bottom) for top, bottom, _ in blocks], end, WINDOW[1])
        for part, stop in enumerate(stops, 1):
            self._page.evaluate("(stop) => scrollTo(0, stop)", stop)
            items = [
                name
                for top, bottom, name in blocks
                if name and stop <= top and bottom <= stop + WINDOW[1]
            ]
            self._take(step, items=tuple(items), part=part, parts=len(stops))

    def _take_end(self, step: Step) -> None:
        """Take the window at the foot of the page."""
        self._page.evaluate(_READY)
        self._page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        self._take(step)

    def _take(self, step: Step, **seen: Any) -> None:
        taken_at = self._tell_time()
        png = self._page.screenshot(animations="disabled")
        address = urlsplit(self._page.url)._replace(query="", fragment="").geturl()
        self._captures.append(Capture(step, address, taken_at, png, **seen))


def _is_shown(frame: Frame) -> bool:
    """Test whether a frame is the card window: large, with words in it that are no error's."""
    with suppress(Error):
        box = frame.frame_element().bounding_box()
        is_large = box is not None and box["width"] > 250 and box["height"] > 250
        is_seen = is_large and frame.url.startswith("http") and frame.frame_element().is_visible()
        return is_seen and bool(frame.evaluate(_SAYS_SOMETHING))
    return False


def _first_line(error: Exception) -> str:
    """Return what the browser said, without the log of the calls, which repeats what was typed."""
    return str(error).strip().partition("\n")[0]
