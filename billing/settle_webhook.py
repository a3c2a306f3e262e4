"""Make of a webhook what Toss says when asked; a webhook itself is a hint and no more.

Deletion of a billing key cannot be asked about: such a card is paused and destroys nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from billing.alert_merchant import alert_merchant
from billing.keep_webhook import BILLING_DELETED, CANCEL_CHANGED, PAYMENT_CHANGED, event_of
from billing.refund import sync
from gateways.payment import PaymentGateway, PaymentGatewayError
from models import (
    AuditEntry,
    BillingKey,
    Notice,
    Payment,
    PaymentAttempt,
    Refund,
    Subscription,
    Vault,
    WebhookEvent,
    db,
)
from models.notice import NoticeKind


def settle_webhook(*, event_id: int, gateway: PaymentGateway, vault: Vault, now: datetime) -> None:
    """Act on a kept event: ask Toss about the payment, or pause the card that it names.

    :raises PaymentGatewayError: Toss did not answer; tried again later.
    """
    event = db.session.get_one(WebhookEvent, event_id)
    if not event.is_pending:
        return
    content = event_of(event.body(vault))
    data = content.get("data")
    try:
        was_ours = _act(
            event.event_type,
            data if isinstance(data, dict) else {},
            gateway=gateway,
            vault=vault,
            now=now,
        )
    except PaymentGatewayError as error:
        _postpone(event_id, error, now=now)
        raise
    event = WebhookEvent.locked(event_id)
    if event.is_pending:
        event.settle(was_ours=was_ours, now=now)
    db.session.commit()


def _act(
    event_type: str,
    data: Mapping[str, Any],
    *,
    gateway: PaymentGateway,
    vault: Vault,
    now: datetime,
) -> bool:
    """Return whether the event speaks of something of ours."""
    if event_type == PAYMENT_CHANGED:
        return _payment_changed(data, gateway=gateway, now=now)
    if event_type == CANCEL_CHANGED:
        payment_id = db.session.scalar(
            select(Refund.payment_id).filter_by(transaction_key=_text(data, "transactionKey"))
        )
        return _sync(payment_id, gateway=gateway, now=now)
    return event_type == BILLING_DELETED and _key_deleted(data, vault=vault, now=now)


def _payment_changed(data: Mapping[str, Any], *, gateway: PaymentGateway, now: datetime) -> bool:
    order_id = _text(data, "orderId")
    payment_id = db.session.scalar(
        select(Payment.id).filter_by(payment_key=_text(data, "paymentKey"))
    )
    if payment_id is not None:
        return _sync(payment_id, gateway=gateway, now=now)
    attempt = db.session.scalar(select(PaymentAttempt).filter_by(order_id=order_id))
    if attempt is None:
        return False
    if attempt.is_pending:
        attempt.look_up_again(at=min(now, attempt.next_look_up_at or now))
        db.session.commit()
    return True


def _sync(payment_id: int | None, *, gateway: PaymentGateway, now: datetime) -> bool:
    if payment_id is None:
        return False
    sync(payment_id=payment_id, gateway=gateway, now=now)
    return True


def _key_deleted(data: Mapping[str, Any], *, vault: Vault, now: datetime) -> bool:
    """Pause a card that somebody says is gone at Toss; only who knows the key can say so."""
    billing_key = BillingKey.with_plain(_text(data, "billingKey"), vault)
    if billing_key is None:
        return False
    if not billing_key.is_active or billing_key.is_suspect:
        return True
    live = Subscription.charged_with(billing_key.id)
    subscription = Subscription.locked(live.id) if live is not None else None
    billing_key.suspect(now=now)
    if subscription is not None and subscription.billing_key_id == billing_key.id:
        Notice.owe(
            NoticeKind.CARD_SUSPECT,
            cause=f"card_suspect:{billing_key.id}",
            user_id=subscription.user_id,
            facts={"subscription_id": subscription.id},
            now=now,
            may_be_known=True,
        )
    AuditEntry.write(
        "billing_key.suspected", subject_type="billing_key", subject_id=billing_key.id, now=now
    )
    db.session.commit()
    return True


def _postpone(event_id: int, error: PaymentGatewayError, *, now: datetime) -> None:
    event = WebhookEvent.locked(event_id)
    if event.is_pending and not event.postpone(now=now):
        alert_merchant("webhook_unsettled", code=error.code, subject=str(event_id), now=now)
    db.session.commit()


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:300] if isinstance(value, str) else ""
