"""A page as a visitor without scripts reads it: its words, links, forms and files, in order."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from bs4.exceptions import ParserRejectedMarkup

from gateways.visitor import Fetched

PathOf = Callable[[str], str | None]
"""Says which path of the shop an address on the page means, or None where it leads elsewhere."""

_UNSEEN = ["script", "style", "template"]
_WON = re.compile(r"(?<![\d,.])(\d{1,3}(?:,\d{3}){1,4}|\d{1,12})\s?원")


@dataclass(frozen=True)
class Link:
    """A link: its words, its address as written, and the shop's own path that it means."""

    label: str
    address: str
    path: str | None
    tag: Tag


@dataclass(frozen=True)
class Form:
    """A form, and what a browser would post of it."""

    path: str | None
    tag: Tag

    @property
    def boxes(self) -> list[Tag]:
        """Return its check boxes."""
        return self.tag.find_all("input", type="checkbox")

    @property
    def button(self) -> Tag | None:
        """Return what sends it."""
        for tag in self.tag.find_all(["button", "input"]):
            if tag.name == "button" or text_of(tag, "type") == "submit":
                return tag
        return None

    def filled(self, **typed: str) -> dict[str, str]:
        """Return what is posted when somebody types this and ticks only what is required."""
        fields: dict[str, str] = {}
        for each in self.tag.find_all("input", attrs={"name": True}):
            name, kind = text_of(each, "name"), text_of(each, "type") or "text"
            if kind in ("checkbox", "radio"):
                if each.has_attr("required") and name not in fields:
                    fields[name] = text_of(each, "value") or "on"
            elif kind not in ("submit", "button", "file", "image", "reset"):
                fields[name] = text_of(each, "value")
        return {**fields, **typed}


class Document:
    """HTML, read once: what a visitor can read of it, and the scripts that it loads."""

    def __init__(self, html: str) -> None:
        try:
            self.whole = BeautifulSoup(_without_prolog(html), "html.parser")
        except ParserRejectedMarkup:
            self.whole = BeautifulSoup("", "html.parser")
        self.scripts = [text_of(tag, "src") for tag in self.whole.find_all("script", src=True)]
        for tag in [*self.whole.find_all(_UNSEEN), *self.whole.find_all(hidden=True)]:
            tag.extract()

    @cached_property
    def main(self) -> Tag:
        """Return the page's own part, without header and footer; where none is marked, all."""
        return self.whole.find("main") or self.whole.body or self.whole

    @cached_property
    def text(self) -> str:
        """Return the words of its own part."""
        return words(self.main)

    @cached_property
    def footer_text(self) -> str:
        """Return the words of its footers."""
        return " ".join(words(footer) for footer in self.whole.find_all("footer"))

    @cached_property
    def anchors(self) -> list[Tag]:
        """Return its links, in order."""
        return self.whole.find_all("a", href=True)

    @cached_property
    def file_addresses(self) -> list[str]:
        """Return the addresses of what it shows or loads."""
        return [
            *(text_of(tag, "src") for tag in self.whole.find_all("img", src=True)),
            *(text_of(tag, "href") for tag in self.whole.find_all("link", rel=_LOADED)),
            *self.scripts,
        ]

    @cached_property
    def fields(self) -> list[Tag]:
        """Return everything that can be filled in, in order."""
        return self.whole.find_all(["input", "select", "textarea"])

    @cached_property
    def labels(self) -> dict[str, str]:
        """Return the words beside each field, by the field's id."""
        return {text_of(tag, "for"): words(tag) for tag in self.whole.find_all("label")}


_LOADED = ["stylesheet", "icon"]


class Page:
    """What was answered at `asked`; `path` is where the redirects led to."""

    def __init__(self, asked: str, fetched: Fetched, *, found_on: str, path_of: PathOf) -> None:
        self.asked = asked
        self.found_on = found_on
        self.path = fetched.path
        self.status = fetched.status
        self.headers = fetched.headers
        self.problem = fetched.problem
        self.html = fetched.body.decode("utf-8", "replace") if self._is_html else ""
        self.path_of = path_of
        """Says which path of the shop an address on this page means."""

    @property
    def _is_html(self) -> bool:
        return self.headers.get("Content-Type", "").partition(";")[0].strip() == "text/html"

    @property
    def is_page(self) -> bool:
        """Test whether there is HTML to read."""
        return bool(self.html)

    @property
    def is_shown(self) -> bool:
        """Test whether this is a page, answered 200."""
        return self.is_page and self.status == 200

    def repeats_one_of(self, pages: Mapping[str, "Page"]) -> bool:
        """Test whether a redirect led to a page that differs from another by its query only."""
        return self.path != self.asked and self.path.partition("?")[0] in pages

    @cached_property
    def document(self) -> Document:
        """Return what it says."""
        return read(self.html)

    @property
    def main(self) -> Tag:
        """Return its own part, without header and footer."""
        return self.document.main

    @property
    def text(self) -> str:
        """Return the words of its own part."""
        return self.document.text

    @property
    def footer_text(self) -> str:
        """Return the words of its footers."""
        return self.document.footer_text

    @property
    def scripts(self) -> list[str]:
        """Return the addresses of the scripts that it loads."""
        return self.document.scripts

    @cached_property
    def links(self) -> list[Link]:
        """Return its links, in order."""
        return [self._link(tag) for tag in self.document.anchors]

    @cached_property
    def footer_links(self) -> list[Link]:
        """Return the links of its footers."""
        return [link for link in self.links if link.tag.find_parent("footer")]

    @cached_property
    def main_links(self) -> list[Link]:
        """Return the links of its own part."""
        return self.links_in(self.main)

    def links_in(self, part: Tag) -> list[Link]:
        """Return the links in a part of it, in order."""
        return [self._link(tag) for tag in part.find_all("a", href=True)]

    @cached_property
    def forms(self) -> list[Form]:
        """Return its forms, in order."""
        return [
            Form(self.path_of(text_of(tag, "action") or self.path), tag) for tag in self.all("form")
        ]

    @cached_property
    def files(self) -> list[str]:
        """Return the shop's own files that it shows or loads."""
        paths = [self.path_of(address) for address in self.document.file_addresses]
        return [path for path in dict.fromkeys(paths) if path is not None]

    def all(self, name: str, /, **attributes: Any) -> list[Tag]:
        """Return the elements with this name and these attributes, in order."""
        return self.document.whole.find_all(name, attrs=attributes)

    def before(self, mark: Tag) -> str:
        """Return the words of its own part that stand before an element."""
        return words(self.main, until=mark)

    def links_before(self, mark: Tag) -> list[Link]:
        """Return the links of its own part that stand before an element."""
        before = {id(tag) for tag in mark.find_all_previous("a")}
        return [link for link in self.main_links if id(link.tag) in before]

    def _link(self, tag: Tag) -> Link:
        address = text_of(tag, "href")
        return Link(words(tag), address, self.path_of(address), tag)


def read(html: str) -> Document:
    """Return a page's elements; of what is no HTML at all there are none."""
    return Document(html)


def words(part: Tag, *, until: Tag | None = None) -> str:
    """Return the words in a part of a page, one blank between any two."""
    return " ".join(" ".join(_strings(part, until)).split())


def text_of(tag: Tag, attribute: str) -> str:
    """Return an attribute's text, or nothing."""
    value = tag.get(attribute, "")
    return value if isinstance(value, str) else " ".join(value or [])


def amounts(text: str) -> list[int]:
    """Return every amount of won that a text names."""
    return [int(number.replace(",", "")) for number in _WON.findall(text)]


def _without_prolog(html: str) -> str:
    """Return what the parser takes for HTML without asking back: no XML, no bare text."""
    return re.sub(r"^\s*<\?xml[^>]*>", "", html) if "<" in html else ""


def _strings(part: Tag, until: Tag | None) -> Iterator[str]:
    for node in part.descendants:
        if node is until:
            return
        if type(node) is NavigableString:
            yield str(node)
