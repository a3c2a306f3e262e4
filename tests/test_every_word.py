"""Walks the pages in a made-up language, in which each Korean letter of each message is an x.

What is still Korean then was never marked, or was put together from pieces.
"""

import re
from html.parser import HTMLParser

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from bin import messages
from gateways.payment import BillingKeyRejected, CardDeclined, OutcomeUnknown, RequestRejected
from models import Plan, Product, db
from rules.wording import Language
from views import languages

pytestmark = pytest.mark.slow

HANGUL = re.compile("[가-힣]")
READ = {"alt", "aria-label", "content", "data-sentences", "placeholder", "title", "value"}
"""The attributes whose words somebody reads or hears."""
PLAN = {
    "name": "Premium monthly",
    "summary": "All readings for a month",
    "description": "A new reading every week.",
    "features": "A new reading every week",
}
PRODUCT = {"name": "Moonlight Library", "description": "A reading club"}
FOR_STRANGERS = [
    "/", "/plans", "/plans/premium-monthly", "/login", "/signup", "/password-reset", "/contact",
    "/contact/inquiry", "/terms", "/privacy", "/refund-policy", "/terms/2026-11-20",
    "/policies/terms/2026-11-26/korean", "/fail?code=REJECT_CARD_COMPANY", "/success", "/nowhere",
    "/password-reset/used-up",
]  # fmt: skip
FOR_CUSTOMERS = [
    "/checkout/premium-monthly", "/contact/inquiries", "/library", "/library/night-train",
    "/library/underlines",
]  # fmt: skip
FOR_SUBSCRIBERS = [
    "/library", "/library/night-train", "/library/underlines", "/subscription",
    "/subscription/cancellation", "/subscription/plan", "/card", "/payments", "/account",
    "/account/consents", "/account/closure",
]  # fmt: skip


class Reader(HTMLParser):
    """What a page says in Korean although it does not say that it is Korean."""

    def __init__(self, html):
        super().__init__()
        self.korean, self._open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        spoken = given.get("lang") or (self._open[-1][1] if self._open else "")
        if spoken != "ko":
            self.korean += [
                f"{tag} {name}={value}"
                for name, value in attrs
                if name in READ and HANGUL.search(value or "")
            ]
        if tag not in {"img", "input", "link", "meta", "br", "hr", "source", "col"}:
            self._open.append((tag, spoken))

    def handle_endtag(self, tag):
        while self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if HANGUL.search(data) and self._open[-1][1] != "ko":
            self.korean.append(" ".join(data.split()))


def made_up(text):
    return HANGUL.sub("x", text)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Return a folder with the made-up language where English would be."""
    new = Catalog(locale="en")
    for message in messages.extracted():
        if isinstance(message.id, str) and message.id:
            new.add(message.id, made_up(message.id), context=message.context)
        elif message.id:
            new.add(message.id, tuple(made_up(form) for form in message.id))
    folder = tmp_path_factory.mktemp("translations")
    path = folder / "en" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, new)
    return folder


@pytest.fixture(autouse=True)
def _speaking(catalogue, monkeypatch):
    monkeypatch.setattr(languages, "FOLDER", catalogue)
    languages.translations.cache_clear()
    yield
    languages.translations.cache_clear()


@pytest.fixture(autouse=True)
def _on_a_known_day(at, now):
    at(now)


@pytest.fixture
def translated(app, plan):
    """Put the plan and its product into words of the made-up language."""
    with app.app_context():
        db.session.get_one(Plan, plan.id).translations = {Language.ENGLISH: PLAN}
        db.session.query(Product).one().translations = {Language.ENGLISH: PRODUCT}
        db.session.commit()


@pytest.fixture
def read(app, client, translated):
    """Return what a page says in Korean that it should not."""

    def korean(path, method="GET", **kwargs):
        answer = client.open(f"/en{path}", method=method, **kwargs)
        assert answer.mimetype == "text/html", path
        assert answer.status_code not in (301, 302, 303, 500), (path, answer.location)
        html = answer.get_data(as_text=True).replace("김하나", "Hana Kim")
        return Reader(html).korean

    return korean


@pytest.mark.parametrize("path", FOR_STRANGERS)
def test_a_stranger_reads_no_korean(read, path):
    assert read(path) == []


@pytest.mark.parametrize("path", FOR_CUSTOMERS)
def test_a_customer_reads_no_korean(read, log_in, user, path):
    log_in(user)
    assert read(path) == []


@pytest.mark.parametrize("path", FOR_SUBSCRIBERS)
def test_a_subscriber_reads_no_korean(read, translated, subscribed, path):
    assert read(path) == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/login", {"email": "x" * 255, "password": "y" * 129}),
        ("/login", {"email": "hana@example.com", "password": "wrong"}),
        ("/signup", {"email": "nobody", "name": "<>", "password": "1111111111"}),
        ("/password-reset", {"email": ""}),
        ("/password-reset", {"email": "hana@example.com"}),
        ("/contact/inquiry", {"topic": "x", "body": "", "email": "x" * 300}),
    ],
)
def test_what_a_form_refuses_is_no_korean(read, user, path, data):
    assert read(path, "POST", data=data) == []


def test_an_expired_form_is_refused_without_korean(app, read):
    app.config["WTF_CSRF_ENABLED"] = True
    assert read("/login", "POST") == []


def test_too_many_tries_are_refused_without_korean(client, read, user):
    for _ in range(10):
        client.post("/en/login", data={"email": user.email, "password": "wrong"})
    assert read("/login", "POST", data={"email": user.email, "password": "wrong"}) == []


def test_a_closed_shop_says_so_without_korean(app, read):
    app.config["MAINTENANCE"] = "오늘 새벽 4시까지 손보고 있어요."
    try:
        assert read("/plans") == []
    finally:
        app.config["MAINTENANCE"] = ""


def test_a_refused_order_is_told_without_korean(client, log_in, user, translated):
    log_in(user)
    answer = client.post("/en/checkout/premium-monthly", headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert not HANGUL.search(answer.get_json()["message"])


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (None, None),
        ("charge", CardDeclined("REJECT_CARD_PAYMENT")),
        ("charge", CardDeclined("A_CODE_OF_NEXT_YEAR")),
        ("charge", BillingKeyRejected("INVALID_STOPPED_CARD")),
        ("charge", OutcomeUnknown("NO_ANSWER")),
        ("issue_billing_key", RequestRejected("NOT_SUPPORTED_METHOD")),
    ],
)
def test_what_came_of_an_order_is_told_without_korean(
    client, gateway, read, log_in, user, come_back, operation, error
):
    log_in(user)
    back = come_back()
    if operation:
        gateway.fail_next(operation, error)
    assert read(client.get(back).location) == []


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>안녕</p>", ["안녕"]),
        ('<div lang="ko"><p>안녕</p></div>', []),
        ('<p>x<br>안녕<span lang="ko">하세요</span></p>', ["안녕"]),
        ('<img alt="그림">', ["img alt=그림"]),
        ('<a href="/가">x</a>', []),
    ],
)
def test_a_korean_word_is_found(html, expected):
    assert Reader(html).korean == expected
