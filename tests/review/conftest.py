"""A shop on a real server, complete and open for review; pages can be changed on their way out."""

import functools
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from requests.structures import CaseInsensitiveDict
from werkzeug.datastructures import Headers
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import EnvironBuilder, run_wsgi_app

import clock
import config
import gateways.visitor
import models.user
import review.page
from app import create_app
from config import FACTS, ROOT
from gateways.connection import Answer as WireAnswer
from gateways.connection import Connection
from gateways.fake import FakeGateway
from models import db
from models.user import Role
from review import Report, SignIn, State, ask_about_key, check
from tests.conftest import _CHEAP, _PASSWORD_HASH, PASSWORD, TEST_SETTINGS, Page, _person
from views.security import limiter

REVIEWER = SignIn("review@example.com", PASSWORD)
OTHER = "hana@example.com"


@dataclass
class Answer:
    """An answer of the shop on its way out, to be changed."""

    status: str
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()

    def replace(self, pattern: str, new: str) -> bool:
        """Replace a pattern in the body; return whether it was there."""
        text, count = re.subn(pattern, lambda _: new, self.text, flags=re.DOTALL)
        self.body = text.encode()
        return bool(count)


Change = Callable[[Answer], bool]
"""Changes an answer in place; returns whether there was anything to change."""


@dataclass
class Edge:
    """WSGI middleware in front of the shop: notes what is asked, and changes what is answered.

    While it `replays`, it is asked without a socket, and what was answered once, to a stranger or
    to who is signed in, is answered again: one visit of the shop serves every changed page.
    """

    app: Callable[..., Iterable[bytes]] | None = None
    changes: list[tuple[str, str | None, Change]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hits: int = 0
    replays: bool = False
    _known: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    _signed_in: set[str] = field(default_factory=set)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """Serve a request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        answer = self._answer(environ, method, path)
        for wanted_method, wanted_path, change in self.changes:
            if wanted_method == method and wanted_path in (None, path):
                self.hits += change(answer)
        if method != "HEAD":
            answer.headers["Content-Length"] = str(len(answer.body))
        start_response(answer.status, list(answer.headers.items()))
        return [answer.body] if method != "HEAD" else []

    def _answer(self, environ: dict[str, Any], method: str, path: str) -> Answer:
        cookie = environ.get("HTTP_COOKIE", "")
        who = "signed in" if cookie in self._signed_in else "stranger"
        key = (method, path, environ["QUERY_STRING"], who)
        if not self.replays or key not in self._known:
            self._known[key] = self._asked_of_shop(environ)
        known = self._known[key]
        if who == "signed in" or (path == "/login" and known.status.startswith("303")):
            self._signed_in.add(known.headers.get("Set-Cookie", cookie).partition(";")[0])
        return Answer(known.status, known.headers.copy(), known.body)

    def _asked_of_shop(self, environ: dict[str, Any]) -> Answer:
        environ.pop("HTTP_ACCEPT_ENCODING", None)
        began: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            began[:] = [status, headers]

        assert self.app is not None
        body = b"".join(self.app(environ, start))
        return Answer(began[0], Headers(began[1]), body)


@dataclass
class Shop:
    """The shop that stands open for review."""

    app: Flask
    origin: str
    edge: Edge

    @property
    def gateway(self) -> FakeGateway:
        """Return the gateway that the shop asks."""
        return self.app.extensions["payment_gateway"]

    @property
    def now(self) -> datetime:
        """Return an instant of this test."""
        return datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

    def change(self, path: str | None, change: Change, *, method: str = "GET") -> None:
        """Change what is answered at an address, or everywhere, from now on; and nothing else."""
        self.edge.replays = True
        self.edge.changes.append((method, path, change))

    def replace(self, path: str | None, pattern: str, new: str, *, method: str = "GET") -> None:
        """Replace a pattern in what is answered at an address, or everywhere, from now on."""
        self.change(path, lambda answer: answer.replace(pattern, new), method=method)

    def answer(self, path: str, status: str, *, method: str = "GET", **headers: str) -> None:
        """Answer at an address with this status and these headers from now on."""

        def change(answer: Answer) -> bool:
            answer.status = status
            for name, value in headers.items():
                answer.headers[name.replace("_", "-")] = value
            return True

        self.change(path, change, method=method)

    def sql(self, statement: str) -> None:
        """Change a row."""
        with self.app.app_context():
            db.session.execute(db.text(statement))
            db.session.commit()

    def check(self, sign_in: SignIn | None = REVIEWER, **kwargs: Any) -> Report:
        """Run the check, as the command does."""
        with self.app.app_context():
            report = check(
                settings=self.app.config,
                key_answer=ask_about_key(self.gateway),
                sign_in=sign_in,
                now=clock.now(),
                **kwargs,
            )
        assert self.edge.hits or not self.edge.changes, "nothing was changed"
        return report

    def subscribe(self, email: str) -> None:
        """Sign in, order, register a card and be charged, as a customer."""
        client = self.app.test_client()
        token = _hidden(client, "/login", "csrf_token")
        values = {"csrf_token": token, "email": email, "password": PASSWORD}
        assert client.post("/login", data=values).status_code == 303
        path = "/checkout/premium-monthly"
        consents = {name: _hidden(client, path, name) for name in ("csrf_token", "quote")}
        window = client.post(
            path,
            data={**consents, "purchase": "y", "recurring": "y"},
            headers={"Accept": "application/json"},
        ).get_json()
        auth_key = self.gateway.register(window["customerKey"])
        back = f"{window['successUrl']}&customerKey={window['customerKey']}&authKey={auth_key}"
        assert client.get(back).status_code == 303


def of_state(report: Report, state: State) -> set[str]:
    """Return the keys of the requirements in this state."""
    return {result.requirement.key for result in report.of_state(state)}


@pytest.fixture(scope="session")
def _standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Path, Path]]:
    edge = Edge()
    server = make_server("127.0.0.1", 0, edge, threaded=True, request_handler=_Quiet)
    origin = f"http://127.0.0.1:{server.server_port}"
    database = tmp_path_factory.mktemp("review") / "shop.sqlite"
    settings = {"DATABASE_URL": f"sqlite:///{database}", "PUBLIC_URL": origin}
    app = create_app({**TEST_SETTINGS, **settings}, gateway=FakeGateway())
    edge.app = app
    models.user._hasher, models.user._ABSENT = _CHEAP, _PASSWORD_HASH
    shop = Shop(app, origin, edge)
    with app.app_context():
        db.create_all()
        for email, role in ((REVIEWER.email, Role.REVIEWER), (OTHER, Role.CUSTOMER)):
            db.session.add(_person(email, "김하나", role, clock.now()))
        db.session.commit()
    loaded = app.test_cli_runner().invoke(
        args=["catalog", "load", str(ROOT / "demo" / "catalog.toml")]
    )
    assert loaded.exit_code == 0, loaded.output
    shop.subscribe(OTHER)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        shop.check()
        yield shop, database, _kept_aside(app, database)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def shop(_standing: tuple[Shop, Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Return the shop, complete: with the demo catalogue, a reviewer, and a customer who paid."""
    shop, database, kept = _standing
    monkeypatch.setattr(review.page, "read", _read_once)
    monkeypatch.setattr(gateways.visitor, "Connection", functools.partial(_connect, shop))
    with shop.app.app_context():
        db.session.remove()
        db.engine.dispose()
        limiter.reset()
    shutil.copy(kept, database)
    shop.edge.changes, shop.edge.asked, shop.edge.hits = [], [], 0
    shop.edge.replays = False
    shop.app.extensions["payment_gateway"] = FakeGateway()
    settings = dict(shop.app.config)
    yield shop
    shop.app.config.clear()
    shop.app.config.update(settings)


@pytest.fixture
def live(shop: Shop) -> Shop:
    """Return the shop with everything that live keys ask for, to be visited at its own address."""
    own = {name: f"새벽책방 {value}" for name, value in config.DEFAULTS.items() if name in FACTS}
    shop.app.config.update(
        own,
        BIZ_NO="220-81-62517",
        BIZ_MAILORDER_NO="제2026-서울종로-01234호",
        BIZ_MAILORDER_EXEMPT="",
        BIZ_TEL="02-739-1234",
        IS_LIVE=True,
        USES_SANDBOX=False,
        PUBLIC_URL="https://www.dalbitbooks.kr",
        SESSION_COOKIE_SECURE=True,
        TOSS_CLIENT_KEY="live_ck_D5GePWvyJnrK0W0k6q8g",
        TOSS_SECRET_KEY="live_sk_zXLkKEypNArWmo50nX3l",
        TOSS_SDK_URL="https://js.tosspayments.com/v2/standard",
        TOSS_WEBHOOK_SECRET="w" * 43,
        MAIL_URL="smtp://mail.dalbitbooks.kr",
    )
    return shop


class _Straight:
    """A connection to the edge without a socket."""

    def __init__(self, edge: Edge, origin: str, headers: dict[str, str]) -> None:
        self.base_url = origin
        self._edge, self._headers = edge, headers

    def send(self, method: str, path: str, *, body: Any, headers: dict[str, str]) -> WireAnswer:
        """Send one request and return its answer."""
        sent = Headers([*self._headers.items(), *headers.items()])
        asked = EnvironBuilder(path, self.base_url, method=method, data=body, headers=sent)
        answer, status, found = run_wsgi_app(self._edge, asked.get_environ())
        received = CaseInsensitiveDict(found.items())
        return WireAnswer(int(status[:3]), received, b"".join(answer))

    def close(self) -> None:
        """Nothing is open."""


def _connect(shop: Shop, origin: str, *, headers: dict[str, str], **bounds: Any) -> Any:
    if shop.edge.replays and origin == shop.origin:
        return _Straight(shop.edge, origin, headers)
    return Connection(origin, headers=headers, **bounds)


_read_once = functools.lru_cache(500)(review.page.read)
"""The same page is read once for all tests: nothing changes what was read."""


def _kept_aside(app: Flask, database: Path) -> Path:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    kept = database.with_suffix(".kept")
    shutil.copy(database, kept)
    return kept


def _hidden(client: Any, path: str, name: str) -> str:
    return Page(client.get(path)).value(name)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""
