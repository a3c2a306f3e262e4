"""Every page in every state, on a phone and on a desk: the layout and axe (in full: make audit).

The merchant's pages are looked at on a desk alone here.
"""

from collections.abc import Callable
from typing import Any

import pytest

from audits import browser as looks
from audits.states import State, prepare
from bin.shop import Shop

pytestmark = pytest.mark.e2e

PHONE, DESK = looks.View(320, "dark"), looks.View(1280, "light")


def test_no_page_in_any_state_has_a_finding(browser: Any, new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(TOSS_WEB_WAIT="0.5")
    states = prepare(shop)
    office = [state for state in states if state.name.startswith("office")]
    public = [state for state in states if state not in office]
    findings = [
        f"{state.name}, {view}: {finding}"
        for shown, views in ((public, [PHONE, DESK]), (office, [DESK]))
        for state, view, page in looks.look(browser, shop, shown, views)
        for finding in looks.layout_findings(page) + looks.axe_findings(page)
    ]
    assert findings == []


def test_the_checks_find_what_is_planted(browser: Any, shop: Shop) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.goto(shop.url)
    page.evaluate(
        """() => {
          const main = document.querySelector("main");
          main.insertAdjacentHTML("beforeend", `<p class="wide">넓은 글</p><img src="">
            <button class="small">x</button><p class="cut">잘린 글이 여기에 길게 이어져요</p>`);
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(`.wide { width: 900px }
            .small { min-height: 0; padding: 0; height: 20px }
            .cut { width: 40px; overflow: hidden; white-space: nowrap }`);
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    layout, axe = looks.layout_findings(page), looks.axe_findings(page)
    page.close()
    assert any("wider than the window" in finding for finding in layout)
    assert any("too small to touch" in finding for finding in layout)
    assert any("is clipped" in finding for finding in layout)
    assert any("image-alt" in finding for finding in axe)


def test_one_page_is_seen_as_each_view_shows_it(browser: Any, shop: Shop) -> None:
    planted = """() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(`
        @media (min-width: 1000px) { main { min-width: 1500px } }
        @media (prefers-color-scheme: dark) { h1 { color: #222 } }`);
      document.adoptedStyleSheets = [sheet];
    }"""
    home = State("home", "/", act=lambda page: page.evaluate(planted))
    seen = [
        (
            any("wider than the window" in finding for finding in looks.layout_findings(page)),
            any("color-contrast" in finding for finding in looks.axe_findings(page)),
        )
        for _, _, page in looks.look(browser, shop, [home], [PHONE, DESK])
    ]
    assert seen == [(False, True), (True, False)]
