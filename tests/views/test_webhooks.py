"""What anybody may post as Toss: kept once, answered at once, believed never."""

import json

import pytest
from sqlalchemy import select

import config
from models import WebhookEvent, db
from models.webhook_event import WebhookStatus

PATH = f"/webhooks/toss/{config.SANDBOX_WEBHOOK_SECRET}"
EVENT = {"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-11-20T11:00:00.000000",
         "data": {"paymentKey": "pk", "orderId": "order-1", "secret": "ps_secret"}}  # fmt: skip


@pytest.fixture
def post(client):
    def send(body, *, path=PATH, transmission_id="whtrans_1"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if transmission_id is not None:
            headers["tosspayments-webhook-transmission-id"] = transmission_id
        return client.post(path, data=data, headers=headers)

    return send


def kept(app):
    with app.app_context():
        return db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.id)).all()


def test_an_event_is_kept_encrypted_and_answered_200(app, post, vault, gateway):
    answer = post(EVENT)

    assert (answer.status_code, answer.data) == (200, b"")
    [event] = kept(app)
    assert event.status is WebhookStatus.PENDING
    assert "ps_secret" not in event.ciphertext
    assert json.loads(event.body(vault)) == EVENT
    assert gateway.calls == [], "Toss is asked later, not while it waits for the answer"


def test_a_repeat_adds_nothing(app, post):
    post(EVENT)
    post({**EVENT, "createdAt": "later"})

    assert len(kept(app)) == 1


def test_without_a_transmission_id_the_same_body_counts_once(app, post):
    for _ in range(2):
        assert post(EVENT, transmission_id=None).status_code == 200
    post({**EVENT, "createdAt": "later"}, transmission_id=None)

    assert len(kept(app)) == 2


@pytest.mark.parametrize(
    "path",
    ["/webhooks/toss/x", PATH[:-1], PATH + "x", "/webhooks/toss/%00", "/webhooks/toss/%ED%95%9C"],
)
def test_who_does_not_know_the_address_is_told_nothing_and_keeps_nothing(app, post, path):
    assert post(EVENT, path=path).status_code in (400, 404)
    assert kept(app) == []


def test_no_page_is_drawn_for_who_does_not_know_the_address(post):
    assert post(EVENT, path="/webhooks/toss/x").data == b""


def test_without_a_secret_there_is_no_address(app, post, monkeypatch):
    monkeypatch.setitem(app.config, "TOSS_WEBHOOK_SECRET", "")

    assert post(EVENT, path="/webhooks/toss/").status_code == 404
    assert post(EVENT).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'"text"',
        b'{"eventType": 7}',
        b'{"eventType": {}, "data": []}',
        b"[" * 50_000,
        b'{"eventType": "\\ud800 PAYMENT"}',
        {"eventType": "payout.changed", "data": {}},
        {"eventType": "x" * 1000},
    ],
)
def test_what_is_no_event_of_use_is_kept_ignored_and_answered_200(app, post, body):
    assert post(body).status_code == 200
    [event] = kept(app)
    assert event.status is WebhookStatus.IGNORED


def test_a_huge_body_is_refused_and_not_kept(app, post):
    assert post(b"{" + b" " * 100_000 + b"}").status_code == 413
    assert kept(app) == []


def test_a_get_is_no_webhook(client):
    assert client.get(PATH).status_code == 405


def test_a_long_or_odd_transmission_id_does_no_harm(app, post):
    assert post(EVENT, transmission_id="w" * 5000).status_code == 200
    assert post(EVENT, transmission_id="\x7f").status_code == 200
    assert len(kept(app)) == 2
