"""The pictures: one palette, small, nothing that a content security policy would stop."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from config import ROOT

STATIC = ROOT / "static"
DRAWN = sorted([*STATIC.glob("pictures/*.svg"), STATIC / "favicon.svg"])
NAMES = {
    "closed", "empty", "hero", "lost", "plan", "plan-basic-monthly", "plan-pass-1-month",
    "plan-pass-12-months", "plan-pass-3-months", "plan-premium-monthly", "plan-premium-yearly",
    "share", "success", "waiting",
}  # fmt: skip
PALETTE = {"#27315c", "#15182a", "#f6e7b0", "#fdfcf8", "#c98a7b", "#6d7f6a"}
MAY_HOLD = {
    "circle", "clipPath", "defs", "ellipse", "g", "linearGradient", "path", "rect", "stop", "svg",
    "text",
}  # fmt: skip


def faults(svg: str) -> list[str]:
    """Return what a picture has that it should not have."""
    root = ElementTree.fromstring(svg)
    elements = list(root.iter())
    names = {element.tag.rpartition("}")[2] for element in elements}
    attributes = {name for element in elements for name in element.attrib}
    found = [f"element {name}" for name in sorted(names - MAY_HOLD)]
    found += [
        f"attribute {name}" for name in sorted(attributes) if "style" in name or name[:2] == "on"
    ]
    found += [f"attribute {name}" for name in sorted(attributes) if name.endswith("href")]
    found += [
        f"colour {one}" for one in sorted(set(re.findall(r"#[0-9a-f]{3,8}\b", svg)) - PALETTE)
    ]
    if "viewBox" not in root.attrib:
        found.append("no viewBox")
    if len(svg.encode()) >= 6000:
        found.append("too large")
    return found


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_a_picture_is_small_safe_and_of_one_palette(path):
    assert faults(path.read_text("utf-8")) == []


def test_every_picture_is_there():
    assert {path.stem for path in DRAWN} == NAMES | {"favicon"}


@pytest.mark.parametrize(
    "planted",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><style/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path style="fill:red"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" onload="go()"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path href="x"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path fill="#ff0000"/></svg>',
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{" " * 6000}</svg>',
    ],
)
def test_a_planted_mistake_is_found(planted):
    assert faults(planted) != []


@pytest.mark.parametrize(
    ("name", "size", "at_most"),
    [("pictures/share.png", (1200, 630), 120_000), ("apple-touch-icon.png", (180, 180), 20_000)],
)
def test_a_png_has_its_size(name, size, at_most):
    content = (STATIC / name).read_bytes()

    assert content.startswith(b"\x89PNG")
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == size
    assert len(content) < at_most


def test_every_picture_that_a_page_names_is_there():
    named = {
        name
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"filename='(pictures/[^']+)'", path.read_text("utf-8"))
    }

    assert "pictures/hero.svg" in named
    assert [name for name in named if not (STATIC / name).is_file()] == []
