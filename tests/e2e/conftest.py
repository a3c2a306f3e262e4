"""The whole shop as real processes, and a real browser in front of it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bin import browser as chromium
from bin.service import ROOT
from bin.shop import Shop

SCREENSHOTS = ROOT / "build" / "screenshots"
FAILED = pytest.StashKey[bool]()
SCREENS: dict[str, dict[str, Any]] = {
    "360": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
        "user_agent": (
            "Mozilla/5.0 (Linux; Android 15; SM-S931N) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/140.0.0.0 Mobile Safari/537.36"
        ),
    },
    "1280": {"viewport": {"width": 1280, "height": 800}},
}
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these tests unread by the fast run: they import what only `make test` installs."""
    return True if "not e2e" in config.option.markexpr else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process: they share shops."""
    for item in items:
        if item.path.parent.name == "e2e":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


class Complaints:
    """What the browser objected to on a page; anything left at the end fails the test."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._allowed: list[str] = []

    def add(self, text: str) -> None:
        """Remember an error of the page, or a request that leaves this machine."""
        self._texts.append(text)

    def allow(self, pattern: str) -> None:
        """Expect complaints that match the pattern, such as `status of 409`."""
        self._allowed.append(pattern)

    def unexpected(self) -> list[str]:
        """Return the complaints that no pattern allows."""
        return [t for t in self._texts if not any(re.search(a, t) for a in self._allowed)]


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with its tables and the demo catalogue that never runs: the others are copies."""
    shop = Shop(tmp_path_factory.mktemp("furnished"), {})
    shop.furnish()
    yield shop
    shop.close()


@pytest.fixture(scope="module")
def new_shop(
    furnished: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Shop]]:
    """Start a further shop of its own: `new_shop(TOSS_TIMEOUT="1")`; all end with their file."""
    started: list[Shop] = []

    def start(**settings: str) -> Shop:
        shop = Shop(tmp_path_factory.mktemp("shop"), settings, like=furnished)
        started.append(shop)
        shop.start()
        return shop

    yield start
    for shop in started:
        shop.close()


@pytest.fixture(scope="session")
def session_shop(furnished: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop that tests share; they use it through `shop`."""
    shop = Shop(tmp_path_factory.mktemp("shop"), {}, like=furnished)
    try:
        shop.start()
        yield shop
    finally:
        shop.close()


@pytest.fixture
def shop(session_shop: Shop) -> Iterator[Shop]:
    """The running shop, with every process up and no fault planted, before and after."""
    session_shop.ensure_up()
    yield session_shop
    session_shop.control.plant([])


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium.ensure(), args=CHROMIUM_ARGUMENTS
        )
        yield launched
        launched.close()


@pytest.fixture
def complaints() -> Complaints:
    """What the browser objected to in this test."""
    return Complaints()


@pytest.fixture
def new_page(
    browser: Any, shop: Shop, complaints: Complaints, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """Open a page in a browser session of its own: `new_page("360")` or `new_page("1280")`."""
    with_pages: list[Any] = []

    def open_page(screen: str = "1280") -> Any:
        context = browser.new_context(base_url=shop.url, locale="ko-KR", **SCREENS[screen])
        context.set_default_timeout(15_000)
        context.on("request", lambda sent: _forbid_other_hosts(sent.url, complaints))
        context.on("console", lambda message: _note_errors(message, complaints))
        context.on("weberror", lambda raised: complaints.add(f"page error: {raised.error}"))
        page = context.new_page()
        with_pages.append((screen, page))
        return page

    yield open_page
    for number, (screen, page) in enumerate(with_pages):
        if request.node.stash.get(FAILED, False) and not page.is_closed():
            page.screenshot(path=_screenshot(f"failed-{request.node.name}-{number}", screen))
        page.context.close()
    assert complaints.unexpected() == []


@pytest.fixture(params=list(SCREENS))
def page(new_page: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    """A page of the shop, once on a phone (360 px) and once on a desk (1280 px)."""
    return new_page(request.param)


@pytest.fixture
def screenshot(page: Any) -> Callable[[str], Path]:
    """Keep a picture of the whole page under build/screenshots/, named with its width."""

    def take(name: str) -> Path:
        path = _screenshot(name, str(page.viewport_size["width"]))
        page.screenshot(path=path, full_page=True)
        return path

    return take


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell `new_page` whether the test failed, so that it keeps a picture."""
    report: Any = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def _forbid_other_hosts(url: str, complaints: Complaints) -> None:
    parts = urlsplit(url)
    is_remote = parts.scheme in ("http", "https", "ws", "wss")
    if is_remote and parts.hostname not in ("127.0.0.1", "localhost"):
        complaints.add(f"request to another host: {url}")


def _note_errors(message: Any, complaints: Complaints) -> None:
    if message.type == "error":
        complaints.add(f"console: {message.text} ({message.location.get('url', '')})")


def _screenshot(name: str, screen: str) -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS / f"{re.sub(r'[^A-Za-z0-9가-힣]+', '-', name).strip('-')}-{screen}.png"
