"""Pages in a real browser: pictures, what a script sees of the layout, axe, and the keyboard."""

import importlib.resources
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import axe_playwright_python

from audits.states import State
from bin.shop import Shop

FINDINGS = (Path(__file__).parent / "findings.js").read_text()
AXE = importlib.resources.files(axe_playwright_python).joinpath("axe.min.js").read_text()
WIDTHS = (320, 360, 768, 1280)
SCHEMES = ("light", "dark")

MARK_STOPS = """() => {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  const stopOf = ({ form, name }) => {
    const radios = [...form.elements].filter((element) => element.name === name);
    return radios.find((radio) => radio.checked) ?? radios[0];
  };
  const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const stops = [...document.querySelectorAll(all)].filter((element) =>
    element.type !== "hidden" && !element.disabled && !element.closest("[popover], iframe")
    && (element.type !== "radio" || element === stopOf(element))
    && (element.checkVisibility() || element.classList.contains("skip")));
  stops.forEach((element, number) => { element.dataset.stop = String(number); });
  return stops.length;
}"""
RUN_AXE = """async () => {
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `axe ${id}: ${help}: ${html.slice(0, 120)}`));
}"""
WHERE_FOCUS_IS = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const isSeen = style.outlineStyle !== "none" && style.outlineWidth !== "0px";
  return [element.dataset.stop ?? null, isSeen, element.outerHTML.slice(0, 80)];
}"""


@dataclass(frozen=True)
class View:
    """How a page is looked at."""

    width: int
    scheme: str
    text_percent: int = 100

    def __str__(self) -> str:
        return f"{self.width} px {self.scheme} {self.text_percent} %"


VIEWS = [View(width, scheme) for width in WIDTHS for scheme in SCHEMES] + [
    View(360, "light", 200),
    View(1280, "light", 200),
]


def look(
    browser: Any, shop: Shop, states: Sequence[State], views: Sequence[View]
) -> Iterator[tuple[State, View, Any]]:
    """Open each state's page once, and give it as each view says; all in one window.

    What is done on the page is done in the first view, and seen in all of them.
    """
    context = browser.new_context(base_url=shop.url, locale="ko-KR", reduced_motion="reduce")
    context.set_default_timeout(15_000)
    page = context.new_page()
    try:
        for state in states:
            _turn(page, views[0])
            _open(context, page, shop, state)
            for view in views:
                _turn(page, view)
                _letters(page, view)
                yield state, view, page
            page.unroute_all(behavior="ignoreErrors")
    finally:
        context.close()


def layout_findings(page: Any) -> list[str]:
    """Return what a script finds wrong with the layout."""
    found: list[str] = page.evaluate(FINDINGS)
    return found


def axe_findings(page: Any) -> list[str]:
    """Return what axe finds, one sentence for each element."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN_AXE)
    return found


def keyboard_findings(page: Any) -> list[str]:
    """Walk the page with Tab; return controls that it misses and focus that cannot be seen.

    The radios of one question are one stop, the chosen or the first; a date has a stop for each
    part of it.
    """
    expected: int = page.evaluate(MARK_STOPS)
    seen: list[int] = []
    found: list[str] = []
    for _ in range(expected * 4):
        page.keyboard.press("Tab")
        stop, is_seen, html = page.evaluate(WHERE_FOCUS_IS)
        if stop is None:
            break
        seen.append(int(stop))
        if not is_seen:
            found.append(f"focus cannot be seen on {html}")
    if seen != sorted(seen):
        found.append("Tab jumps back and forth")
    if len(set(seen)) < expected:
        found.append(f"Tab reaches {len(set(seen))} of {expected} controls")
    return found


def _open(context: Any, page: Any, shop: Shop, state: State) -> None:
    """Open the state's page as whoever looks at it, and do what is done on it first."""
    context.clear_cookies()
    if state.who is not None:
        context.add_cookies(
            [{"name": c.name, "value": c.value, "url": shop.url} for c in state.who.http.cookies]
        )
    page.goto(state.path)
    if state.act is not None:
        state.act(page)


def _turn(page: Any, view: View) -> None:
    page.set_viewport_size({"width": view.width, "height": 800})
    page.emulate_media(color_scheme=view.scheme)


def _letters(page: Any, view: View) -> None:
    """Make the letters as large as `view` says; wait for them, and for colours to have changed."""
    size = "" if view.text_percent == 100 else f"{view.text_percent}%"
    page.evaluate(
        """async (size) => {
          document.documentElement.style.fontSize = size;
          await Promise.all(document.getAnimations().map((change) => change.finished));
          await document.fonts.ready;
        }""",
        size,
    )


def picture_name(state: State, view: View) -> str:
    """Return the file name of a picture."""
    plain = re.sub(r"[^a-z0-9]+", "-", state.name.lower()).strip("-")
    return f"{plain}-{view.width}-{view.scheme}-{view.text_percent}.png"
