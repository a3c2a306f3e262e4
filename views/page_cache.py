"""Public pages are the same for every stranger: rendered once a minute, then served from memory.

Whoever sends a cookie of the shop is no stranger: they never get a kept page, nor is anything kept
of what they get. A page is kept until midnight in Seoul at the latest: pages name days. A change of
the catalogue empties the memory of the process that made it; other processes, and browsers, show
the page before for `PAGE_CACHE_SECONDS` at most.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import Flask, Request, Response, current_app, request
from werkzeug.datastructures import Headers

import clock
from rules.periods import seoul_date, seoul_instant
from views import languages
from views.static_files import accepted_encodings, compressed

View = TypeVar("View", bound=Callable[..., Any])

_MOST_PAGES = 500
_VERSION = "shop.page_version"


@dataclass(frozen=True)
class KeptPage:
    """A page as it was rendered, with its headers, until it is too old."""

    plain: bytes
    encoded: dict[str, bytes]
    headers: Headers
    kept_at: datetime
    fresh_until: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Test whether the page still is what would be rendered; a clock set back ages it too."""
        return self.kept_at <= now < self.fresh_until

    def answer(self, asked: Request, now: datetime) -> Response:
        """Return the page as this browser takes it, or 304 where it has the page already."""
        encoding = next((each for each in self.encoded if each in accepted_encodings(asked)), None)
        answer = Response(self.encoded[encoding] if encoding else self.plain)
        answer.headers = self.headers.copy()
        answer.headers["Content-Length"] = str(len(answer.get_data()))
        seconds = int((self.fresh_until - now).total_seconds())
        answer.headers["Cache-Control"] = f"public, max-age={seconds}"
        if encoding:
            answer.headers["Content-Encoding"] = encoding
        answer.make_conditional(asked)
        return answer


class PageCache:
    """WSGI middleware before the app, and what the app hands to it to be kept."""

    def __init__(self, app: Flask) -> None:
        self.pages: dict[str, KeptPage] = {}
        self.version = 0
        self._config = app.config
        self._wsgi_app = app.wsgi_app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a stranger from memory, if the page is there and fresh."""
        page = self.pages.get(environ.get("PATH_INFO", ""))
        if page is not None and self.is_for_strangers(asked := Request(environ)):
            now = clock.now()
            if page.is_fresh(now):
                return page.answer(asked, now)(environ, start_response)
        environ[_VERSION] = self.version
        return self._wsgi_app(environ, start_response)

    def forget(self) -> None:
        """Render every page anew; one that was begun before this moment is not kept either."""
        self.version += 1
        self.pages.clear()

    def is_for_strangers(self, asked: Request) -> bool:
        """Test whether anybody else would get the same answer, as far as the request tells."""
        here = languages.of_path(asked.path)
        return (
            self._config["PAGE_CACHE_SECONDS"] > 0
            and asked.method in ("GET", "HEAD")
            and not asked.query_string
            and self._config["SESSION_COOKIE_NAME"] not in asked.cookies
            and asked.cookies.get(languages.COOKIE, here) == here
        )

    def keep(self, path: str, answer: Response, *, now: datetime) -> KeptPage:
        """Keep what a stranger was just shown."""
        body = answer.get_data()
        answer.headers["Vary"] = "Accept-Encoding, Cookie"
        answer.set_etag(hashlib.sha256(body).hexdigest()[:20], weak=True)
        page = KeptPage(
            plain=body,
            encoded=compressed(body),
            headers=answer.headers.copy(),
            kept_at=now,
            fresh_until=min(
                now + timedelta(seconds=self._config["PAGE_CACHE_SECONDS"]),
                seoul_instant(seoul_date(now) + timedelta(days=1)),
            ),
        )
        if len(self.pages) >= _MOST_PAGES:
            self.pages.clear()
        self.pages[path] = page
        return page


def same_for_strangers(view: View) -> View:
    """Let this view's page be kept: it must not depend on who asks, and reads no query."""
    view.same_for_strangers = True  # type: ignore[attr-defined]
    return view


def register(app: Flask) -> None:
    """Put the cache before the app; nothing else may change an answer after it was kept."""
    cache = app.extensions["page_cache"] = PageCache(app)
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.after_request(_keep)


def forget() -> None:
    """Let strangers see what the merchant changed: here at once, elsewhere when pages grow old."""
    current_app.extensions["page_cache"].forget()


def _keep(answer: Response) -> Response:
    cache: PageCache = current_app.extensions["page_cache"]
    view = current_app.view_functions.get(request.endpoint or "")
    if (
        answer.status_code != 200
        or "Set-Cookie" in answer.headers
        or not getattr(view, "same_for_strangers", False)
        or not cache.is_for_strangers(request)
        or request.environ.get(_VERSION) != cache.version
    ):
        return answer
    now = clock.now()
    return cache.keep(request.path, answer, now=now).answer(request, now)
