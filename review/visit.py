"""The visit: every page that a stranger and the reviewer reach, each fetched once.

Nothing is posted but the reviewer's log-in, one order without its card window, and the log-out.
"""

import json
import re
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bs4 import Tag

from gateways.visitor import MAX_REDIRECTS, Fetched, Problem, Visitor
from review.books import Books, QuotedAmount
from review.key import KeyAnswer
from review.page import Form, Page, text_of

NOT_THERE = "/review-check/no-such-page"
FAIL = "/fail"
SUCCESS = "/success"
INJECTED = '"><script>review()</script>'
FAIL_WITH_SCRIPT = f"{FAIL}?{urlencode({'code': INJECTED, 'message': INJECTED})}"
BACK_OFFICE = "/admin"
HISTORY = ("/payments", "/subscription")
POLICIES = {"terms": "/terms", "privacy": "/privacy", "refund": "/refund-policy"}

SENTENCES = {
    Problem.TIMEOUT: "제때 답하지 않았어요",
    Problem.CONNECTION: "연결되지 않았거나 답이 중간에 끊겼어요",
    Problem.UNREADABLE: "너무 크거나 읽을 수 없는 답이에요",
    Problem.REDIRECTS: f"{MAX_REDIRECTS}번 넘게 다른 주소로 보내요",
    Problem.ELSEWHERE: "다른 사이트로 보내요",
    Problem.OUT_OF_TIME: "점검에 정해 둔 시간이 끝나 보지 못했어요",
    Problem.OUT_OF_REQUESTS: "점검에 정해 둔 요청 수를 다 써서 보지 못했어요",
}
"""What a report calls each reason for which no page was had."""

_EMAIL = ["email", "text"]
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.ASCII)
_ODD = {NOT_THERE, SUCCESS, FAIL_WITH_SCRIPT, BACK_OFFICE}
"""Addresses that are asked for although no link leads there: only some are answered 200."""


@dataclass(frozen=True)
class SignIn:
    """How the reviewer signs in."""

    email: str
    password: str = field(repr=False)


@dataclass
class Ordering:
    """What came of the reviewer's way to the card window."""

    why_not_in: str = ""
    """Why the reviewer is not signed in; empty where they are."""
    is_untried: bool = False
    pages: dict[str, Page] = field(default_factory=dict)
    """The order pages, by the address asked for."""
    answer: Fetched | None = None
    quotes: dict[str, QuotedAmount] = field(default_factory=dict)

    @property
    def is_in(self) -> bool:
        """Test whether the reviewer is signed in."""
        return not self.why_not_in

    @property
    def shown(self) -> list[Page]:
        """Return the pages that take an order, not those that the reviewer was sent on to."""
        return [page for page in self.pages.values() if page.is_shown and page.path == page.asked]

    @property
    def is_subscribed(self) -> bool:
        """Test whether the shop sends the reviewer to a subscription that runs already."""
        return bool(self.pages) and all(
            page.is_shown and page.path.startswith("/subscription") for page in self.pages.values()
        )

    @property
    def window(self) -> dict[str, Any]:
        """Return what the card window would be opened with."""
        if self.answer is None or self.answer.status != 201:
            return {}
        try:
            content = json.loads(self.answer.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


@dataclass
class Visit:
    """All that was seen, with the settings and the books that it is compared with."""

    settings: Mapping[str, Any] = field(repr=False)
    origin: str
    books: Books
    key_answer: KeyAnswer
    pages: dict[str, Page] = field(default_factory=dict)
    """As a stranger, by the address asked for."""
    own_pages: dict[str, Page] = field(default_factory=dict)
    """As the reviewer."""
    files: dict[str, Fetched] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    ordering: Ordering = field(default_factory=Ordering)
    set_cookies: list[str] = field(default_factory=list)
    others_addresses: set[str] = field(default_factory=set)
    """E-mail addresses that were shown to the reviewer and belong to another account."""

    @property
    def is_live(self) -> bool:
        """Test whether the shop runs with live keys."""
        return bool(self.settings["IS_LIVE"])

    @property
    def why_unreachable(self) -> str:
        """Return why there is no home page to look at; empty where there is one."""
        home = self.pages.get("/")
        if home is None:
            return "가게에 아직 들르지 않았어요."
        if home.is_shown:
            return ""
        return SENTENCES[home.problem] if home.problem else f"HTTP {home.status}로 답했어요"

    @property
    def everything(self) -> list[Page]:
        """Return every page of the shop that was shown, each address once, the stranger's first."""
        found: dict[str, Page] = {}
        for pages in (self.pages, self.own_pages):
            for page in pages.values():
                if page.is_page and not page.repeats_one_of(pages):
                    found.setdefault(page.path, page)
        return list(found.values())

    def page(self, path: str) -> Page | None:
        """Return a page as a stranger sees it, if there is one at this address."""
        found = self.pages.get(path)
        return found if found is not None and found.is_shown else None

    @property
    def quote_ids(self) -> dict[str, int]:
        """Return which quote each order page would charge."""
        found = {}
        for page in self.ordering.shown:
            for quote in page.all("input", name="quote"):
                if re.fullmatch(r"\d{1,9}", text_of(quote, "value")):
                    found[page.asked] = int(text_of(quote, "value"))
        return found

    @property
    def addresses(self) -> set[str]:
        """Return every e-mail address that the reviewer was shown."""
        found: set[str] = set()
        for page in self.own_pages.values():
            found |= addresses_in(page.html)
        return found

    @property
    def linked(self) -> list[Page]:
        """Return whatever was answered at the addresses that links lead to, or that must be."""
        apart = _ODD | set(self.books.others_paths)
        found = (*self.pages.values(), *self.own_pages.values())
        return [page for page in found if page.asked not in apart]


def visit(
    *,
    settings: Mapping[str, Any],
    origin: str,
    books: Books,
    key_answer: KeyAnswer,
    sign_in: SignIn | None,
    seconds_each: float,
    seconds_in_all: float,
    pages_in_all: int,
) -> Visit:
    """Look at the whole shop, as a stranger and then as the reviewer."""

    def visitor() -> Visitor:
        return Visitor(
            origin,
            also=[settings["PUBLIC_URL"]],
            seconds_each=seconds_each,
            seconds_in_all=seconds_in_all / 2,
            requests_in_all=pages_in_all,
        )

    seen = Visit(settings=settings, origin=origin, books=books, key_answer=key_answer)
    stranger = visitor()
    walk = _Walk(stranger, seen.pages)
    walk.look("/", found_on="")
    if seen.why_unreachable:
        seen.ordering.why_not_in = "가게에 닿지 않았어요."
        return seen
    for path in (FAIL, NOT_THERE, SUCCESS, FAIL_WITH_SCRIPT, BACK_OFFICE):
        walk.look(path, found_on="")
    walk.go([*POLICIES.values(), "/plans", "/login", "/signup"])

    if sign_in is None:
        seen.ordering.why_not_in, seen.ordering.is_untried = "심사 계정을 알려 주지 않았어요.", True
    else:
        reviewer = visitor()
        _walk_as_reviewer(reviewer, sign_in, seen)
        seen.set_cookies += reviewer.set_cookies
        reviewer.close()
    _look_at_files(stranger, seen)
    seen.set_cookies += stranger.set_cookies
    stranger.close()
    return seen


class _Walk:
    """Follows links, breadth first, and keeps what it finds."""

    def __init__(
        self, visitor: Visitor, pages: dict[str, Page], *, known: Iterable[str] = ()
    ) -> None:
        self._visitor = visitor
        self._pages = pages
        self._known = set(known)

    def look(self, path: str, *, found_on: str) -> Page:
        """Return the page at an address, fetched at most once."""
        if path not in self._pages:
            self._pages[path] = _read(self._visitor, path, found_on=found_on)
        return self._pages[path]

    def go(self, seeds: Iterable[str]) -> None:
        """Look at these addresses, at what was seen before, and at all that they lead to."""
        waiting = deque((path, "") for path in (*seeds, *self._pages))
        done: set[str] = set(self._known)
        while waiting:
            path, found_on = waiting.popleft()
            if path in done:
                continue
            done.add(path)
            page = self.look(path, found_on=found_on)
            is_read = page.is_page and (page.status < 400 or path in _ODD)
            if is_read and not page.repeats_one_of(self._pages):
                waiting.extend((link.path, page.path) for link in page.links if link.path)


def _walk_as_reviewer(reviewer: Visitor, sign_in: SignIn, seen: Visit) -> None:
    ordering = seen.ordering
    ordering.why_not_in = _signed_in(reviewer, sign_in)
    if not ordering.is_in:
        return
    walk = _Walk(
        reviewer,
        seen.own_pages,
        known=(path for path, page in seen.pages.items() if page.path == path and page.is_shown),
    )
    for offer in seen.books.offers:
        ordering.pages[offer.order_path] = walk.look(offer.order_path, found_on=offer.path)
    first = next(iter(ordering.shown), None)
    form = order_form(first) if first else None
    if first and form:
        ordering.answer = reviewer.post_as_script(first.path, form.filled())
    for path in (*HISTORY, BACK_OFFICE, *seen.books.others_paths):
        walk.look(path, found_on="")
    walk.go([])
    _sign_out(reviewer, walk.look("/account", found_on=""))


def _signed_in(reviewer: Visitor, sign_in: SignIn) -> str:
    """Sign in with e-mail and password, once; return why that failed, or nothing."""
    form = log_in_form(_read(reviewer, "/login"))
    if form is None:
        return "로그인 화면에 이메일과 비밀번호를 넣는 칸이 없어요."
    typed = {_name(form, _EMAIL): sign_in.email, _name(form, "password"): sign_in.password}
    answer = reviewer.post(form.path or "/login", form.filled(**typed))
    if answer.problem:
        return f"로그인하지 못했어요: {SENTENCES[answer.problem]}."
    if answer.status == 429:
        return "로그인 시도가 많아 잠시 막혀 있어요. 15분 뒤에 다시 점검해 주세요."
    if answer.status not in (302, 303):
        return "이메일이나 비밀번호가 맞지 않아 로그인하지 못했어요."
    account = reviewer.get("/account")
    if account.status != 200 or account.path != "/account":
        return "로그인했지만 계정 화면이 열리지 않아요."
    return ""


def _sign_out(reviewer: Visitor, account: Page) -> None:
    """End the sign-in, so that the account's list of devices stays short."""
    for token in account.all("input", name="csrf_token")[:1]:
        reviewer.post("/logout", {"csrf_token": text_of(token, "value")})


def _read(visitor: Visitor, path: str, *, found_on: str = "") -> Page:
    fetched = visitor.get(path)
    return Page(
        path,
        fetched,
        found_on=found_on,
        path_of=lambda address: visitor.path_of(address, seen_on=fetched.path),
    )


def _look_at_files(visitor: Visitor, seen: Visit) -> None:
    """Look whether every picture, sheet and script is there, and read the scripts."""
    for page in seen.everything:
        for path in page.files:
            if path in seen.files:
                continue
            if path.partition("?")[0].endswith(".js"):
                seen.files[path] = visitor.get(path)
                seen.scripts[path] = seen.files[path].body.decode("utf-8", "replace")
            else:
                seen.files[path] = visitor.head(path)


def log_in_form(page: Page) -> Form | None:
    """Return the form that takes an e-mail address and a password."""
    for form in page.forms:
        if _name(form, "password") and _name(form, _EMAIL):
            return form
    return None


def order_form(page: Page) -> Form | None:
    """Return the form of an order page that stores the consents."""
    return next(
        (form for form in page.forms if form.path == page.path and form.button),
        None,
    )


def addresses_in(text: str) -> set[str]:
    """Return what looks like an e-mail address in a text."""
    return {found.lower() for found in _ADDRESS.findall(text)}


def is_uuid4(text: object) -> bool:
    """Test whether this is a random UUID."""
    try:
        return isinstance(text, str) and uuid.UUID(text).version == 4
    except ValueError:
        return False


def _name(form: Form, kind: str | list[str]) -> str:
    """Return the name of the first field of this kind; empty where there is none."""
    found = form.tag.find("input", type=kind)
    return text_of(found, "name") if isinstance(found, Tag) else ""
