"""A visitor of one web site, against real servers that behave and that do not."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateways.connection import MAX_BODY_BYTES
from gateways.visitor import MAX_REDIRECTS, Problem, Visitor


class Site(ThreadingHTTPServer):
    """Answers as `pages` says; notes what it was asked."""

    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]]
    asked: list[tuple[str, str, str]]

    @property
    def origin(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        self.server.asked.append((self.command, self.path, self.headers.get("Cookie", "")))
        self.body = body
        self.server.pages.get(self.path, say(404, "nothing"))(self)

    do_POST = do_HEAD = do_GET

    def log_message(self, *args):
        pass


def say(status: int, text: str = "", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what answers with this status, text and headers."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(text.encode())

    return answer


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site(("127.0.0.1", 0), _Handler)
    server.pages, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visitor(site):
    found = visit(site)
    yield found
    found.close()


def visit(site, **kwargs):
    bounds = {"seconds_each": 1.0, "seconds_in_all": 30.0, "requests_in_all": 50, **kwargs}
    return Visitor(site.origin, **bounds)


def test_a_redirect_on_the_site_is_followed(site, visitor):
    site.pages |= {"/a": say(303, Location="/b?c=1"), "/b?c=1": say(200, "there")}

    found = visitor.get("/a")

    assert (found.path, found.status, found.body) == ("/b?c=1", 200, b"there")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://other.test/",
        "//other.test/",
        "https://127.0.0.1/",
        "http://127.0.0.1:1/",
        "http://127.0.0.1@other.test/",
        "javascript:alert(1)",
    ],
)
def test_no_redirect_leads_off_the_site(site, visitor, elsewhere):
    site.pages["/a"] = say(302, Location=elsewhere)

    found = visitor.get("/a")

    assert (found.problem, found.status) == (Problem.ELSEWHERE, 302)
    assert len(site.asked) == 1


def test_redirects_in_a_circle_end(site, visitor):
    site.pages |= {"/a": say(302, Location="/b"), "/b": say(302, Location="/a")}

    assert visitor.get("/a").problem is Problem.REDIRECTS
    assert len(site.asked) == MAX_REDIRECTS + 1


def test_an_endless_page_is_given_up(site, visitor):
    site.pages["/a"] = say(200, "x" * (MAX_BODY_BYTES + 1))

    assert visitor.get("/a").problem is Problem.UNREADABLE


def test_a_page_that_drips_is_given_up_in_time(site):
    over = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while not over.wait(0.1):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            pass

    site.pages["/a"] = drip
    started = time.monotonic()
    try:
        assert visit(site, seconds_each=0.5).get("/a").problem in (
            Problem.TIMEOUT,
            Problem.CONNECTION,
        )
    finally:
        over.set()
    assert time.monotonic() - started < 3


def test_nobody_there_is_said(site):
    gone = Visitor("http://127.0.0.1:1", seconds_each=1, seconds_in_all=5, requests_in_all=5)

    assert gone.get("/").problem is Problem.CONNECTION


def test_no_more_is_asked_than_allowed(site):
    few = visit(site, requests_in_all=2)
    site.pages["/a"] = say(200, "a")

    found = [few.get("/a").problem for _ in range(4)]

    assert found == [None, None, Problem.OUT_OF_REQUESTS, Problem.OUT_OF_REQUESTS]
    assert len(site.asked) == 2


def test_nothing_is_asked_when_the_time_is_over(site):
    late = visit(site, seconds_in_all=0)

    assert late.get("/").problem is Problem.OUT_OF_TIME
    assert site.asked == []


def test_cookies_go_back_until_they_are_taken_away(site, visitor):
    site.pages |= {
        "/in": say(200, Set_Cookie="session=abc; Expires=Sat, 05 Dec 2026 00:00:00 GMT; Secure"),
        "/page": say(200),
        "/out": say(200, Set_Cookie="session=; Max-Age=0; Path=/"),
    }

    for path in ("/page", "/in", "/page", "/out", "/page"):
        visitor.get(path)

    assert [cookie for *_, cookie in site.asked] == ["", "", "session=abc", "session=abc", ""]
    assert visitor.set_cookies[0].endswith("Secure")


def test_two_cookies_of_one_answer_are_told_apart(visitor, site):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Set-Cookie", "a=1; Expires=Sat, 05 Dec 2026 00:00:00 GMT")
        handler.send_header("Set-Cookie", "b=2")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.pages["/"] = answer
    visitor.get("/")

    assert visitor.cookies == {"a": "1", "b": "2"}


def test_forms_are_posted_as_browsers_and_scripts_do(site, visitor):
    kept = []

    def keep(handler):
        kept.append((handler.headers["Content-Type"], handler.headers["Accept"], handler.body))
        say(201, "{}")(handler)

    site.pages["/form"] = keep
    visitor.post("/form", {"name": "김 서재", "a&b": "="})
    visitor.post_as_script("/form", {"name": "김 서재"})

    plain, script = kept
    assert plain[0] == "application/x-www-form-urlencoded"
    assert plain[2] == "name=%EA%B9%80+%EC%84%9C%EC%9E%AC&a%26b=%3D"
    assert script[0].startswith("multipart/form-data; boundary=")
    assert script[1] == "application/json" and "김 서재" in script[2]


def test_a_post_follows_no_redirect(site, visitor):
    site.pages["/form"] = say(303, Location="/b")

    assert visitor.post("/form", {}).status == 303
    assert len(site.asked) == 1


def test_a_file_is_only_asked_for(site, visitor):
    site.pages["/picture"] = say(200, "x" * 100)

    found = visitor.head("/picture")

    assert (found.status, found.body, site.asked[0][0]) == (200, b"", "HEAD")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/plans", "/plans"),
        ("basic", "/plans/basic"),
        ("?page=2", "/plans/list?page=2"),
        ("#main", "/plans/list"),
        ("", "/plans/list"),
        ("//other.test/x", None),
        ("mailto:help@dalbit.example", None),
        ("tel:02-000-0000", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("https://shop.test/terms#top", "/terms"),
        ("https://shop.test:443/terms", "/terms"),
        ("http://shop.test/terms", None),
        ("https://shop.test.evil.test/terms", None),
    ],
)
def test_an_address_on_a_page_means_a_path_or_another_site(site, address, path):
    found = visit(site, also=["https://shop.test"])

    assert found.path_of(address, seen_on="/plans/list") == path
