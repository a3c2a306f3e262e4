"""A visitor of one web site: follows its links as a browser without scripts, within bounds.

It stays on one origin, keeps that origin's cookies, and gives up after so many requests or so much
time. It never raises for what a site does: an answer that could not be had says why.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

from urllib3.filepost import encode_multipart_formdata

from gateways.connection import Connection, NoAnswer

MAX_REDIRECTS = 5

_REDIRECTS = {301, 302, 303, 307, 308}
_NEXT_COOKIE = re.compile(r", *(?=[^ ;,=]+=)")


class Problem(StrEnum):
    """Why no page was had."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    UNREADABLE = "broken_answer"
    REDIRECTS = "redirects"
    ELSEWHERE = "elsewhere"
    OUT_OF_TIME = "out_of_time"
    OUT_OF_REQUESTS = "out_of_requests"


@dataclass(frozen=True)
class Fetched:
    """What came of asking for an address; `path` is where the redirects led to."""

    path: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    problem: Problem | None = None


class Visitor:
    """Asks one site for pages.

    `origin` is visited; an address on one of `also` is taken for the same site, which is how a
    shop behind a proxy is looked at from within. Each request may take `seconds_each`.
    """

    def __init__(
        self,
        origin: str,
        *,
        also: Iterable[str] = (),
        seconds_each: float,
        seconds_in_all: float,
        requests_in_all: int,
    ) -> None:
        self.seconds_each = seconds_each
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []
        """Every Set-Cookie that came, whole."""
        self._connection = Connection(
            origin,
            headers={
                "User-Agent": "dalbit-review",
                "Accept-Language": "ko",
                # gunicorn ends idle connections at any moment.
                "Connection": "close",
            },
            timeout_seconds=seconds_each,
            connect_seconds=min(5.0, seconds_each),
            pool_size=1,
        )
        self.origin = self._connection.base_url
        self._same_site = {_site(origin), *(_site(each) for each in also)}
        self._deadline = time.monotonic() + seconds_in_all
        self._requests_left = requests_in_all

    @property
    def _spent(self) -> Problem | None:
        if time.monotonic() >= self._deadline:
            return Problem.OUT_OF_TIME
        return Problem.OUT_OF_REQUESTS if self._requests_left <= 0 else None

    def path_of(self, address: str, *, seen_on: str = "/") -> str | None:
        """Return the path and query that an address on a page means, or None if on another site."""
        try:
            whole = urldefrag(urljoin(self.origin + seen_on, address.strip())).url
            if _site(whole) not in self._same_site:
                return None
            parts = urlsplit(whole)
        except ValueError:
            return None
        path = "/" + parts.path.lstrip("/")
        return f"{path}?{parts.query}" if parts.query else path

    def get(self, path: str) -> Fetched:
        """GET a page and follow its redirects, as long as they stay on the site."""
        for _ in range(MAX_REDIRECTS + 1):
            found = self._ask("GET", path)
            if found.problem or found.status not in _REDIRECTS:
                return found
            onward = self.path_of(found.headers.get("Location", ""), seen_on=path)
            if onward is None:
                return Fetched(path, found.status, found.headers, problem=Problem.ELSEWHERE)
            path = onward
        return Fetched(path, problem=Problem.REDIRECTS)

    def head(self, path: str) -> Fetched:
        """Ask whether a file is there, without fetching it."""
        return self._ask("HEAD", path)

    def post(self, path: str, fields: Mapping[str, str]) -> Fetched:
        """Post a form as a browser does, and follow nothing."""
        return self._ask(
            "POST",
            path,
            urlencode(fields).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )

    def post_as_script(self, path: str, fields: Mapping[str, str]) -> Fetched:
        """Post a form as a page's script does with `FormData`, asking for JSON."""
        body, content_type = encode_multipart_formdata(dict(fields))
        return self._ask(
            "POST", path, body, {"Content-Type": content_type, "Accept": "application/json"}
        )

    def close(self) -> None:
        """Close what is open."""
        self._connection.close()

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        spent = self._spent
        if spent:
            return Fetched(path, problem=spent)
        self._requests_left -= 1
        sent = {"Accept": "text/html,*/*", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            answer = self._connection.send(method, path, body=body, headers=sent)
        except NoAnswer as nothing:
            return Fetched(path, problem=Problem(nothing.code))
        self._keep_cookies(answer.headers.get("Set-Cookie", ""))
        return Fetched(path, answer.http_status, answer.headers, answer.body)

    def _keep_cookies(self, header: str) -> None:
        """Keep cookies whatever their rules are: they come from one site and go back to it."""
        for cookie in filter(None, _NEXT_COOKIE.split(header)):
            self.set_cookies.append(cookie)
            name, _, value = cookie.partition(";")[0].partition("=")
            if re.search(r"max-age=0\b", cookie, re.IGNORECASE):
                self.cookies.pop(name.strip(), None)
            else:
                self.cookies[name.strip()] = value.strip()


def _site(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port
