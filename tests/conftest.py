"""What every test stands on: a shop on a fresh database, a fake gateway, people and a plan."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher, profiles
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.pool import QueuePool
from werkzeug.test import TestResponse

import clock
import models.user
from app import create_app
from bin import postgres
from gateways.fake import FakeGateway
from models import Plan, Product, SecondFactor, User, db
from models.plan import PlanKind
from models.user import Role
from rules.periods import Interval
from rules.wording import Language
from views.languages import TAGS, of_path
from views.security import limiter

PASSWORD = "moonlight-reader-1120"
_CHEAP = PasswordHasher.from_parameters(profiles.CHEAPEST)
_PASSWORD_HASH = _CHEAP.hash(PASSWORD)

TEST_SETTINGS = {
    "TESTING": True,
    "PAGE_CACHE_SECONDS": "0",
    "TOSS_API_BASE": "http://you-forgot-to-fake-toss",
    "TOSS_SDK_URL": "http://you-forgot-to-fake-toss/v2/standard",
    "SQLALCHEMY_ENGINE_OPTIONS": {},
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of models and billing on SQLite and on PostgreSQL."""
    if "backend" not in metafunc.fixturenames:
        return
    backends: list[Any] = ["sqlite"]
    if {"models", "billing"} & set(metafunc.definition.path.parts[-2:-1]):
        backends.append(pytest.param("postgresql", marks=pytest.mark.postgres))
    metafunc.parametrize("backend", backends, indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """Return the name of the database that this test runs on."""
    return request.param


@pytest.fixture(scope="session")
def shop_app(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return one app per database, its tables made once."""
    if backend == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('database') / 'shop.sqlite'}"
    else:
        url = postgres.new_database("tests")
    app = create_app(
        {**TEST_SETTINGS, "DATABASE_URL": url}, gateway=FakeGateway(), pass_gateway=_pass_gateway()
    )
    models.user._hasher = _CHEAP
    models.user._ABSENT = _PASSWORD_HASH
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    if backend == "postgresql":
        postgres.drop_database(url)


@pytest.fixture
def app(shop_app: Flask) -> Iterator[Flask]:
    """Return the shop with every table empty and CSRF checks off; no context is pushed."""
    shop_app.config["WTF_CSRF_ENABLED"] = False
    shop_app.extensions["payment_gateway"] = FakeGateway()
    shop_app.extensions["pass_gateway"] = _pass_gateway()
    with shop_app.app_context():
        empty_tables()
        limiter.reset()
    yield shop_app


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """Push an app context for a test that calls use cases and models itself."""
    with app.app_context():
        yield
        db.session.rollback()


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """Return what was sent to the database so far."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(
            statement.partition(" ")[0] + " " + statement.split()[1 + ("INTO" in statement)]
        )

    event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def shop_log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """Return what gives the records of the shop's own loggers so far.

    Another library of the same process may log at any moment, as asyncio does when it collects
    what an earlier test left.
    """
    return lambda: [r for r in caplog.records if r.name.partition(".")[0] == "shop"]


@pytest.fixture
def gateway(app: Flask) -> FakeGateway:
    """Return the gateway that the shop charges through in this test."""
    return app.extensions["payment_gateway"]


@pytest.fixture
def pass_gateway(app: Flask) -> FakeGateway:
    """Return the gateway that passes are paid through in this test."""
    return app.extensions["pass_gateway"]


@pytest.fixture
def vault(app: Flask) -> models.Vault:
    """Return the vault that the shop keeps its secrets in."""
    return app.extensions["vault"]


@pytest.fixture
def now() -> datetime:
    """Return 11:00 on 20 November 2026 in Seoul."""
    return datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the shop's clock."""
    return lambda instant: monkeypatch.setattr(clock, "now", lambda: instant)


@pytest.fixture
def user(app: Flask, now: datetime) -> User:
    """Return a customer."""
    return _kept(app, _person("hana@example.com", "김하나", Role.CUSTOMER, now))


@pytest.fixture
def other_user(app: Flask, now: datetime) -> User:
    """Return another customer."""
    return _kept(app, _person("dul@example.com", "이두리", Role.CUSTOMER, now))


@pytest.fixture
def merchant(app: Flask, now: datetime) -> User:
    """Return the merchant's account."""
    return _kept(app, _person("owner@example.com", "문서연", Role.MERCHANT, now))


@pytest.fixture
def plan(app: Flask) -> Plan:
    """Return a monthly plan at 9,900 won."""
    return _kept(app, _monthly_plan())


@pytest.fixture
def pass_plan(app: Flask, plan: Plan) -> Plan:
    """Return a pass for a month at 10,900 won."""
    return _kept(app, _month_pass(plan))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser without a session."""
    return app.test_client()


@pytest.fixture
def log_in(client: FlaskClient) -> Callable[[User], None]:
    """Sign a user in with the test client, through the log-in page."""

    def log_in_as(user: User) -> None:
        answer = client.post("/login", data={"email": user.email, "password": PASSWORD})
        assert answer.status_code == 303

    return log_in_as


@pytest.fixture
def enter(
    app: Flask, client: FlaskClient, vault: models.Vault, log_in: Callable[[User], None]
) -> Callable[[User], pyotp.TOTP]:
    """Sign the merchant in and register a phone; return what the phone knows."""

    def enter_as(user: User) -> pyotp.TOTP:
        log_in(user)
        with app.app_context():
            phone = pyotp.TOTP(SecondFactor.of(user, vault=vault, now=clock.now()).secret(vault))
            db.session.commit()
        answer = client.post("/admin/second-factor", data={"code": phone.now()})
        assert (answer.status_code, answer.location) == (303, "/admin")
        return phone

    return enter_as


@pytest.fixture
def page(client: FlaskClient) -> Callable[..., "Page"]:
    """GET a page and check what every page of the shop must have."""

    def get(path: str, *, status: int = 200, **kwargs: Any) -> Page:
        answer = client.get(path, **kwargs)
        assert answer.status_code == status, (
            f"{path}: {answer.status} {answer.get_data(as_text=True)}"
        )
        return checked_page(answer)

    return get


@pytest.fixture
def order(
    client: FlaskClient, plan: Plan, page: Callable[..., "Page"]
) -> Callable[..., dict[str, str]]:
    """Post the order page of a signed-in customer; return what the card window needs."""

    def post(slug: str = plan.slug) -> dict[str, str]:
        shown = page(f"/checkout/{slug}")
        answer = client.post(
            f"/checkout/{slug}",
            data={"quote": shown.value("quote"), "purchase": "y", "recurring": "y"},
            headers={"Accept": "application/json"},
        )
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    return post


@pytest.fixture
def come_back(
    client: FlaskClient, gateway: FakeGateway, order: Callable[..., dict[str, str]]
) -> Callable[[], str]:
    """Order, register a card, and return the address that Toss sends the customer to."""

    def register() -> str:
        window = order()
        auth_key = gateway.register(window["customerKey"])
        return f"{window['successUrl']}&customerKey={window['customerKey']}&authKey={auth_key}"

    return register


@pytest.fixture
def subscribed(
    app: Flask, client: FlaskClient, log_in: Callable, user: User, come_back: Callable[[], str]
) -> User:
    """Return a signed-in customer with a paid subscription."""
    log_in(user)
    assert client.get(come_back()).status_code == 303
    return user


class Page(HTMLParser):
    """An HTML page, read once: its text, its elements, and what is wrong with it."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.html = answer.get_data(as_text=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.title = ""
        self.headings: list[str] = []
        self.footer = ""
        self._open: list[str] = []
        self.feed(self.html)

    @property
    def text(self) -> str:
        """Return the page's words, one blank between any two."""
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str]:
        """Return where the page's links lead."""
        return [found["href"] for found in self.all("a") if "href" in found]

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Return the attributes of every such element; `class_` stands for `class`."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]

    def value(self, name: str) -> str:
        """Return the value of the input of this name."""
        return self.all("input", name=name)[0].get("value", "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        assert tag in self._open, f"</{tag}> was never opened"
        while self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Note words, and where they stand."""
        if "script" in self._open or "style" in self._open:
            assert not data.strip(), "no inline script or style"
            return
        if "title" in self._open and "svg" not in self._open:
            self.title += data
        if "h1" in self._open:
            self.headings.append(data)
        if "footer" in self._open:
            self.footer += data
        self.words.append(data)


_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


def checked_page(answer: TestResponse) -> Page:
    """Return a page after the checks that hold for every page."""
    found = Page(answer)
    names = [name for name, _ in found.elements]
    heading = " ".join("".join(found.headings).split())
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    labelled = {attributes.get("for") for attributes in found.all("label")}
    assert names.count("h1") == 1, "one h1 a page"
    assert heading and found.title.strip().startswith(heading), "the title starts with the h1"
    language = of_path(answer.request.path)
    assert found.all("html", lang=TAGS[language]), "the page says its language"
    assert len(ids) == len(set(ids)), "ids are unique"
    number = "사업자등록번호" if language is Language.KOREAN else "999-99-00005"
    assert number in found.footer, "the merchant's facts stand in the footer"
    for attributes in found.all("input") + found.all("select") + found.all("textarea"):
        if attributes.get("type") not in ("hidden", "submit"):
            assert attributes.get("id") in labelled or "aria-label" in attributes, attributes
    for attributes in found.all("form"):
        assert "action" in attributes and "method" in attributes, attributes
    for _, attributes in found.elements:
        assert "style" not in attributes, "no inline style"
        assert not [name for name in attributes if name.startswith("on")], "no inline script"
    assert not re.search("(test|live)_g?sk_", found.html), "no secret key"
    return found


def _person(email: str, name: str, role: Role, now: datetime) -> User:
    return User(
        email=email,
        name=name,
        role=role,
        password_hash=_PASSWORD_HASH,
        created_at=now,
        password_changed_at=now,
    )


def _monthly_plan() -> Plan:
    return Plan(
        product=Product(slug="dalbit", name="달빛서재", description="디지털 독서 모임"),
        slug="premium-monthly",
        name="프리미엄 월간",
        summary="모든 글과 낭독을 한 달 동안",
        description="매주 새 글을 읽고 들어요.",
        features="매주 새 글\n낭독 듣기",
        price_won=9900,
        interval=Interval.MONTH,
    )


def _month_pass(plan: Plan) -> Plan:
    return Plan(
        kind=PlanKind.PASS,
        product_id=plan.product_id,
        slug="pass-1-month",
        name="한 달 이용권",
        summary="한 달 동안 서재의 글 모두",
        description="한 번 내고 한 달 동안 읽어요.",
        features="서재의 글 모두 읽기",
        price_won=10900,
        interval=Interval.MONTH,
    )


def _pass_gateway() -> FakeGateway:
    return FakeGateway(key_pair="pass", m_id="fake_pass", secret_fingerprint="fake00000000pass")


def _kept(app: Flask, row: Any) -> Any:
    attached = has_app_context()
    with nullcontext() if attached else app.app_context():
        db.session.add(row)
        db.session.commit()
        db.session.refresh(row)
        if not attached:
            db.session.expunge_all()
    return row


def empty_tables() -> None:
    """Delete every row, in one go."""
    tables = reversed(db.metadata.sorted_tables)
    statements = "; ".join(f"DELETE FROM {table.name}" for table in tables)
    db.session.rollback()
    connection = db.engine.raw_connection()
    try:
        if db.engine.dialect.name == "sqlite":
            connection.executescript(f"BEGIN; {statements}; COMMIT")
        else:
            connection.cursor().execute(statements)
            connection.commit()
    finally:
        connection.close()


def held_connections() -> int:
    """Return how many connections to the database somebody holds."""
    pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()
