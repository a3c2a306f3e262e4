"""Every mail to a customer, in a made-up language: each Korean letter of each message is an x.

What is still Korean then was never marked, or was put together from pieces. Names, and what the
seller says of itself, stay as they are.
"""

import re
from datetime import date

import pytest
from markupsafe import escape
from sqlalchemy import select

from billing.offer_price import offer_price
from bin import messages
from models import (
    Inquiry,
    Invoice,
    Notice,
    PassOrder,
    Plan,
    PriceChange,
    Product,
    Refund,
    Subscription,
    User,
    db,
)
from models.notice import NoticeKind
from rules.periods import Interval
from rules.wording import Language
from tests.test_every_word import HANGUL, PLAN, PRODUCT, Reader, made_up
from views import languages, mails

pytestmark = pytest.mark.slow

FOR_THE_MERCHANT = [NoticeKind.INQUIRY, NoticeKind.MERCHANT_ALERT]
PRICE_KINDS = [
    NoticeKind.PRICE_ASKED,
    NoticeKind.PRICE_AGREED,
    NoticeKind.PRICE_KEPT,
    NoticeKind.PRICE_DROPPED,
]
REASON = "종이값이 올랐어요."
QUESTION = "<b>서재</b>에 대해 물어요."


@pytest.fixture(autouse=True)
def _today(at, now):
    at(now)


@pytest.fixture
def story(app, client, page, subscribed, plan, pass_plan, pass_gateway, merchant, now):
    """Have the customer subscribe, buy a pass, ask, be offered a price, and take money back."""
    form = {name: page("/passes/pass-1-month/checkout").value(name) for name in ("quote", "beside")}
    window = client.post(
        "/passes/pass-1-month/checkout",
        data={**form, "purchase": "y"},
        headers={"Accept": "application/json"},
    ).get_json()
    won = window["amount"]["value"]
    key = pass_gateway.authenticate(window["orderId"], won)
    query = {"orderId": window["orderId"], "paymentKey": key, "amount": won}
    order = client.get("/passes/success", query_string=query).location
    client.post(f"{order}/refund", data={"quote": page(f"{order}/refund").value("quote")})
    asked = {"name": "김하나", "email": "hana@example.com", "topic": "other", "body": QUESTION}
    client.post("/contact/inquiry", data=asked)
    with app.app_context():
        dearer = Plan(
            product_id=plan.product_id,
            slug="premium-2027",
            name="프리미엄 월간 2027",
            summary="글",
            description="글",
            features="글",
            price_won=12_900,
            interval=Interval.MONTH,
        )
        db.session.add(dearer)
        db.session.flush()
        offer_price(
            from_plan=db.session.get_one(Plan, plan.id),
            to_plan=dearer,
            change_on=date(2026, 12, 20),
            reason=REASON,
            actor_id=merchant.id,
            now=now,
        )
        for each in db.session.scalars(select(Plan)):
            each.translations = {Language.ENGLISH: PLAN}
        db.session.scalars(select(Product)).one().translations = {Language.ENGLISH: PRODUCT}
        db.session.get_one(User, subscribed.id).language = Language.ENGLISH
        db.session.scalars(select(Inquiry)).one().answer = "答"
        db.session.commit()
    return subscribed


def owed(user):
    """Return every mail that there is to a customer, as (kind, facts), in each of its forms."""
    invoice = db.session.scalars(select(Invoice)).one()
    subscription = {"subscription_id": db.session.scalars(select(Subscription)).one().id}
    order = {"pass_order_id": db.session.scalars(select(PassOrder)).one().id}
    refund = {"refund_id": db.session.scalars(select(Refund)).one().id}
    price = {"price_change_id": db.session.scalars(select(PriceChange)).one().id}
    failed = {"invoice_id": invoice.id, "grace_ends_on": "2026-12-27"}
    policy = {"name": "terms", "version": "2026-11-26"}
    return [
        (NoticeKind.PASSWORD_RESET, {}),
        (NoticeKind.CONTRACT, {"invoice_id": invoice.id}),
        (NoticeKind.RENEWAL_COMING, {**subscription, "due_on": "2026-12-20", "won": 9900}),
        (NoticeKind.RENEWAL_PAID, {"invoice_id": invoice.id}),
        (
            NoticeKind.RENEWAL_FAILED,
            {**failed, "code": "REJECT_CARD_PAYMENT", "retry_on": "2026-12-21"},
        ),
        (NoticeKind.RENEWAL_FAILED, {**failed, "code": "INVALID_STOPPED_CARD", "retry_on": None}),
        (NoticeKind.CARD_CHANGED, {**subscription, "card": "94100012****789*"}),
        (NoticeKind.ENDED_UNPAID, subscription),
        (
            NoticeKind.TERM_RESTARTED,
            {**subscription, "from_on": "2026-12-20", "charge_on": "2027-01-20"},
        ),
        (NoticeKind.END_SCHEDULED, subscription),
        (NoticeKind.ENDED, {**subscription, **refund}),
        (NoticeKind.ENDED, {**subscription, "refund_id": None}),
        (NoticeKind.REFUNDED, refund),
        (NoticeKind.EXTENDED, {**subscription, "days": 3}),
        (NoticeKind.PLAN_CHANGED, {"invoice_id": invoice.id}),
        (NoticeKind.PLAN_CHANGE_SET, {"quote_id": invoice.quote.id}),
        (NoticeKind.CARD_SUSPECT, subscription),
        (NoticeKind.EMAIL_CHANGE, {}),
        (NoticeKind.EMAIL_CHANGED, {"email": "new@example.com"}),
        (NoticeKind.PASS_PAID, order),
        (NoticeKind.PASS_ENDING, order),
        (NoticeKind.PASS_ENDED, {**order, **refund}),
        (NoticeKind.PASS_ENDED, {**order, "refund_id": None}),
        (NoticeKind.ACCOUNT_CLOSED, {"name": user.name}),
        (
            NoticeKind.INQUIRY_ANSWERED,
            {"inquiry_id": db.session.scalars(select(Inquiry)).one().id},
        ),
        (NoticeKind.POLICY_CHANGED, {**policy, "is_adverse": True}),
        *((kind, {**price, "on": "2026-12-20"}) for kind in PRICE_KINDS),
    ]


@pytest.fixture
def written(app, story, in_english, now):
    """Return every mail to the customer, in the made-up language, by kind and form."""
    in_english(dict(_made_up(message) for message in messages.extracted() if message.id))
    receiver = {"user_id": story.id, "address": story.email}
    with languages.speaking(Language.KOREAN):
        return [
            (notice.kind, mails.render(notice)) for notice in _notices(owed(story), now, **receiver)
        ]


def _made_up(message):
    if isinstance(message.id, str):
        return message.id, made_up(message.id)
    return message.id[0], tuple(made_up(form) for form in message.id)


def _notices(mails_owed, now, **receiver):
    for number, (kind, facts) in enumerate(mails_owed):
        cause = f"{kind} {number}"
        Notice.owe(kind, cause=cause, facts=facts, now=now, **receiver)
        yield Notice.with_cause(cause)


def kept(app):
    """Return the names and the facts that are Korean in every language."""
    config = app.config
    facts = [config[name] for name in ("BIZ_COMPANY", "BIZ_REP", "BIZ_MAILORDER_NO", "BIZ_ADDR")]
    return ["김하나", REASON, QUESTION, *facts]


def without(text, words):
    for word in words:
        text = text.replace(word, "")
    return text


def test_every_kind_of_mail_to_a_customer_is_looked_at(written):
    assert {kind for kind, _ in written} == set(NoticeKind) - set(FOR_THE_MERCHANT)


def test_no_mail_says_a_korean_word_that_was_never_translated(app, written):
    said = [
        (str(kind), line)
        for kind, mail in written
        for line in [mail.subject, *mail.text.splitlines()]
        if HANGUL.search(without(line, kept(app)))
    ]
    assert said == []


def test_no_mail_shows_korean_that_does_not_say_that_it_is(app, written):
    said = [
        (str(kind), word)
        for kind, mail in written
        for word in Reader(without(mail.html, ["김하나", str(escape(QUESTION))])).korean
    ]
    assert said == []


def test_every_link_of_a_mail_leads_to_a_page_of_its_language(written):
    origin = "http://127.0.0.1:8000"
    for kind, mail in written:
        links = re.findall(rf"{origin}[^\s\"<)]*", mail.text + mail.html)
        assert links, kind
        assert all(link.startswith(f"{origin}/en/") for link in links), (kind, links)


@pytest.mark.parametrize("kind", FOR_THE_MERCHANT)
def test_mails_to_the_merchant_stay_korean(written, now, kind):
    asked = {"inquiry_id": db.session.scalars(select(Inquiry)).one().id}
    facts = {**asked, "event": "refund", "code": None, "subject": "refund 1"}
    for notice in _notices([(kind, facts)], now):
        mail = mails.render(notice)
        assert mail.html is None
        assert HANGUL.search(mail.subject.partition("]")[2])
        assert "[달빛서재]" in mail.subject
