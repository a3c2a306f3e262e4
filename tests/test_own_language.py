"""Walks every page in every language, with the real translations: no word of another language.

A word may be another language's where its element says so (`lang`): names, facts of law, and the
Korean texts that bind.
"""

import re
import tomllib
from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from config import ROOT
from gateways.payment import CardDeclined
from models import PassOrder, Payment, Plan, Product, db
from rules.wording import TRANSLATED, Language
from tests.test_every_word import FOR_CUSTOMERS, FOR_STRANGERS, FOR_SUBSCRIBERS, READ
from views.languages import TAGS

pytestmark = pytest.mark.slow

HANGUL, KANA, HAN = "가-힣", "ぁ-ゖァ-ヺ", "一-鿿"
FOREIGN = {
    "ko": re.compile(f"[{KANA}]"),
    "en": re.compile(f"[{HANGUL}{KANA}{HAN}]"),
    "ja": re.compile(f"[{HANGUL}]"),
    "zh-Hans": re.compile(f"[{HANGUL}{KANA}]"),
}
"""The letters that a language does not write with, by its tag."""
VOID = {"img", "input", "link", "meta", "br", "hr", "source", "col"}
EVERY_PREFIX = {Language.KOREAN: ""} | {language: f"/{language}" for language in TRANSLATED}
FOR_PASSES = [
    "/passes", "/passes/pass-1-month", "/passes/pass-1-month/checkout",
    "/passes/fail?code=PAY_PROCESS_CANCELED", "/passes/fail?code=PAY_PROCESS_ABORTED",
    "/passes/fail?code=REJECT_CARD_COMPANY", "/passes/success",
    "/passes/success?orderId=unknown&paymentKey=x&amount=1",
]  # fmt: skip


class Reader(HTMLParser):
    """The words of a page that its language, or that of their element, does not write."""

    def __init__(self, html):
        super().__init__()
        self.foreign, self._open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        spoken = given.get("lang") or (self._open[-1][1] if self._open else "ko")
        self.foreign += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name in READ and FOREIGN[spoken].search(value or "")
        ]
        if tag not in VOID:
            self._open.append((tag, spoken))

    def handle_endtag(self, tag):
        while self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        spoken = self._open[-1][1] if self._open else "ko"
        if FOREIGN[spoken].search(data):
            self.foreign.append(" ".join(data.split()))


@pytest.fixture(params=EVERY_PREFIX, ids=str)
def language(request):
    return request.param


@pytest.fixture
def catalogue(app, plan, pass_plan):
    """Give the plans the demo shop's words, as `flask catalog load` does."""
    [product] = tomllib.loads((ROOT / "demo" / "catalog.toml").read_text("utf-8"))["products"]
    words = {each["slug"]: each["translations"] for each in product["plans"]}
    with app.app_context():
        db.session.query(Product).one().translations = product["translations"]
        for each in db.session.query(Plan):
            each.translations = {
                language: {**texts, "features": "\n".join(texts["features"])}
                for language, texts in words[each.slug].items()
            }
        db.session.commit()


@pytest.fixture
def read(client, catalogue, language):
    """Return the words of a page that are not of its language."""

    def foreign(path, method="GET", **kwargs):
        answer = client.open(EVERY_PREFIX[language] + path, method=method, **kwargs)
        assert answer.status_code not in (301, 302, 303, 500), (path, answer.location)
        html = answer.get_data(as_text=True).replace("김하나", "Hana Kim")
        assert f'<html lang="{TAGS[language]}">' in html, path
        return Reader(html).foreign

    return foreign


def test_a_stranger_reads_one_language(read, language):
    paths = FOR_STRANGERS + FOR_PASSES[:2]
    if language is Language.KOREAN:
        paths.remove("/policies/terms/2026-11-26/korean")  # It leads to the page itself.
    assert {path: found for path in paths if (found := read(path))} == {}


def test_a_customer_reads_one_language(read, log_in, user):
    log_in(user)
    paths = FOR_CUSTOMERS + FOR_PASSES + ["/subscription", "/payments", "/account"]
    assert {path: found for path in paths if (found := read(path))} == {}


def test_a_subscriber_reads_one_language(app, read, subscribed):
    with app.app_context():
        paths = [f"/payments/{payment.id}" for payment in db.session.scalars(select(Payment))]
    assert {path: found for path in FOR_SUBSCRIBERS + paths if (found := read(path))} == {}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/login", {"email": "nobody@example.com", "password": "x"}),
        ("/signup", {"email": "no address", "name": "", "password": "short"}),
        ("/password-reset", {"email": ""}),
        ("/contact/inquiry", {"topic": "none", "name": "", "email": "x", "body": ""}),
    ],
)
def test_a_refused_form_speaks_one_language(read, path, data):
    assert read(path, method="POST", data=data) == []


@pytest.fixture
def buy(app, client, page, log_in, user, pass_gateway, catalogue, language):
    """Buy the pass as far as the way back from Toss's window; return the order's own page."""

    def go():
        log_in(user)
        path = EVERY_PREFIX[language] + "/passes/pass-1-month/checkout"
        form = {name: page(path).value(name) for name in ("quote", "beside")}
        window = client.post(
            path, data={**form, "purchase": "y"}, headers={"Accept": "application/json"}
        ).get_json()
        won = window["amount"]["value"]
        key = pass_gateway.authenticate(window["orderId"], won)
        client.get(
            "/passes/success",
            query_string={"orderId": window["orderId"], "paymentKey": key, "amount": won},
        )
        with app.app_context():
            return f"/passes/orders/{db.session.scalars(select(PassOrder)).one().id}"

    return go


def test_a_bought_pass_speaks_one_language(app, read, buy):
    order = buy()
    paths = [order, f"{order}/refund", "/passes", "/subscription", "/payments", "/library"]
    assert {path: found for path in paths if (found := read(path))} == {}


def test_a_refused_pass_speaks_one_language(read, buy, pass_gateway):
    pass_gateway.fail_next("confirm", CardDeclined("REJECT_CARD_PAYMENT"))
    assert read(buy()) == []
