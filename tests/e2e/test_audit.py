"""Every page in every state, on a phone and on a desk: the layout and axe (in full: make audit)."""

from collections.abc import Callable
from typing import Any

import pytest

from audits import browser as looks
from audits.states import prepare
from bin.shop import Shop

pytestmark = pytest.mark.e2e

VIEWS = [looks.View(320, "dark"), looks.View(1280, "light")]


def test_no_page_in_any_state_has_a_finding(browser: Any, new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(TOSS_WEB_WAIT="0.5")
    findings = [
        f"{state.name}, {view}: {finding}"
        for state in prepare(shop)
        for view in VIEWS
        for page in looks.look(browser, shop, state, view)
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
