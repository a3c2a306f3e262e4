"""Make of a webhook what Toss says when asked; a webhook itself is a hint and no more.

Deletion of a billing key cannot be asked about: such a card is paused and destroys nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from billing.alert_merchant import alert_merchant
from billing.buy_pass import settle_pass
from billing.keep_webhook import BILLING_DELETED, CANCEL_CHANGED, PAYMENT_CHANGED, event_of
from billing.refund import sync
from gateways.payment import OutcomeUnknown, PaymentGateway, PaymentGatewayError
from models import (
    AuditEntry,
    BillingKey,
    Notice,
    PassOrder,
    Payment,
    PaymentAttempt,
    Refund,
    Subscription,
    Vault,
    WebhookEvent,
    db,
)
from models.notice import NoticeKind


@dataclass(frozen=True)
class _About:
    """What an event speaks of: something of ours, of a subscription where there is one."""

    subscription_id: int | None
    is_ours: bool = True


@dataclass(frozen=True)
class _Pairs:
    """The gateways of both pairs of keys; that for passes is there only where they are sold."""

    billing: PaymentGateway
    passes: PaymentGateway | None

    def of(self, key_pair: str) -> PaymentGateway:
        if key_pair == self.billing.key_pair:
            return self.billing
        if self.passes is None or self.passes.key_pair != key_pair:
            raise OutcomeUnknown("keys_not_set", f"no keys for {key_pair}")
        return self.passes


_NOTHING = _About(None, is_ours=False)


def settle_webhook(
    *,
    event_id: int,
    gateway: PaymentGateway,
    pass_gateway: PaymentGateway | None = None,
    vault: Vault,
    now: datetime,
) -> None:
    """Act on a kept event: ask Toss about the payment, or pause the card that it names.

    Toss is asked with the pair of keys that the payment was made with.

    :raises PaymentGatewayError: Toss did not answer; tried again later.
    """
    event = db.session.get_one(WebhookEvent, event_id)
    if not event.is_pending:
        return
    content = event_of(event.body(vault))
    data = content.get("data")
    try:
        about = _act(
            event.event_type,
            data if isinstance(data, dict) else {},
            pairs=_Pairs(gateway, pass_gateway),
            vault=vault,
            now=now,
        )
    except PaymentGatewayError as error:
        _postpone(event_id, error, now=now)
        raise
    event = WebhookEvent.locked(event_id)
    if event.is_pending:
        event.settle(was_ours=about.is_ours, subscription_id=about.subscription_id, now=now)
    db.session.commit()


def take_up_webhook(*, event_id: int, actor_id: int, reason: str, now: datetime) -> bool:
    """Try again an event that was given up; False where it was not."""
    return _decide(event_id, "webhook.taken_up", actor_id=actor_id, reason=reason, now=now)


def drop_webhook(*, event_id: int, actor_id: int, reason: str, now: datetime) -> bool:
    """Leave an event that was given up as it is; False where it was not."""
    return _decide(event_id, "webhook.dropped", actor_id=actor_id, reason=reason, now=now)


def _decide(event_id: int, action: str, *, actor_id: int, reason: str, now: datetime) -> bool:
    event = WebhookEvent.locked(event_id)
    if not event.is_dead:
        db.session.rollback()
        return False
    if action == "webhook.taken_up":
        event.revive(now=now)
    else:
        event.drop()
    AuditEntry.write(
        action,
        subject_type="webhook_event",
        subject_id=event_id,
        actor_id=actor_id,
        facts={"reason": reason},
        now=now,
    )
    db.session.commit()
    return True


def _act(
    event_type: str,
    data: Mapping[str, Any],
    *,
    pairs: _Pairs,
    vault: Vault,
    now: datetime,
) -> _About:
    if event_type == PAYMENT_CHANGED:
        return _payment_changed(data, pairs=pairs, now=now)
    if event_type == CANCEL_CHANGED:
        payment_id = db.session.scalar(
            select(Refund.payment_id).filter_by(transaction_key=_text(data, "transactionKey"))
        )
        return _sync(payment_id, pairs=pairs, now=now)
    if event_type == BILLING_DELETED:
        return _key_deleted(data, vault=vault, now=now)
    return _NOTHING


def _payment_changed(data: Mapping[str, Any], *, pairs: _Pairs, now: datetime) -> _About:
    order_id = _text(data, "orderId")
    payment_id = db.session.scalar(
        select(Payment.id).filter_by(payment_key=_text(data, "paymentKey"))
    )
    if payment_id is not None:
        return _sync(payment_id, pairs=pairs, now=now)
    order = db.session.get(PassOrder, order_id)
    if order is not None:
        return _pass_changed(order, pairs=pairs, now=now)
    attempt = db.session.scalar(select(PaymentAttempt).filter_by(order_id=order_id))
    if attempt is None:
        return _NOTHING
    subscription_id = attempt.invoice.subscription_id
    if attempt.is_pending:
        attempt.look_up_again(at=min(now, attempt.next_look_up_at or now))
        db.session.commit()
    return _About(subscription_id)


def _pass_changed(order: PassOrder, *, pairs: _Pairs, now: datetime) -> _About:
    """Ask about an order for a pass: at once where it came to nothing, for Toss may have money."""
    if order.is_confirming:
        order.look_up_again(at=min(now, order.next_look_up_at or now))
        db.session.commit()
    elif order.came_to_nothing:
        order_id, gateway = order.id, pairs.of(order.key_pair)
        db.session.rollback()
        answer = gateway.find_order(order_id)
        if answer is not None:
            settle_pass(order_id=order_id, answer=answer, gateway=gateway, now=now)
    return _About(None)


def _sync(payment_id: int | None, *, pairs: _Pairs, now: datetime) -> _About:
    if payment_id is None:
        return _NOTHING
    payment = db.session.get_one(Payment, payment_id)
    subscription = payment.subscription
    about = _About(subscription.id if subscription is not None else None)
    sync(payment_id=payment_id, gateway=pairs.of(payment.key_pair), now=now)
    return about


def _key_deleted(data: Mapping[str, Any], *, vault: Vault, now: datetime) -> _About:
    """Pause a card that somebody says is gone at Toss; only who knows the key can say so."""
    billing_key = BillingKey.with_plain(_text(data, "billingKey"), vault)
    if billing_key is None:
        return _NOTHING
    about = _About(Subscription.last_charged_with(billing_key.id))
    if not billing_key.is_active or billing_key.is_suspect:
        return about
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
    return about


def _postpone(event_id: int, error: PaymentGatewayError, *, now: datetime) -> None:
    event = WebhookEvent.locked(event_id)
    if event.is_pending and not event.postpone(now=now):
        alert_merchant("webhook_unsettled", code=error.code, subject=str(event_id), now=now)
    db.session.commit()


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:300] if isinstance(value, str) else ""
