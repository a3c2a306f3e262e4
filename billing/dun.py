"""What a renewal that was not paid means: another try, another card, our own mistake, the end.

The dunning of a period has one clock, started by its first decline; nothing starts it anew.
"""

from datetime import datetime

from billing.alert_merchant import alert_merchant
from gateways.payment import BillingKeyRejected, PaymentGatewayError, RequestRejected
from models import AuditEntry, Breaker, Invoice, Notice, PaymentAttempt, Subscription, db
from models.notice import NoticeKind
from models.subscription import EndReason
from rules.collection_terms import CollectionTerms
from rules.periods import seoul_date

ONE_MORE_TRY = "REJECT_CARD_COMPANY"
"""The issuer's refusal for many reasons, some of which pass: one retry, then another card."""

KEY_DELETED = "ALREADY_REMOVED_BILLING_KEY"
"""Toss's word for a billing key that is gone."""


def dun(
    attempt: PaymentAttempt,
    error: PaymentGatewayError,
    *,
    key_pair: str,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    """Note what comes after a renewal's attempt that failed, in the caller's commit.

    Our own mistakes start no dunning: a refused pair of keys stops all charging until a probe
    goes through, a refused request sets its invoice aside for the merchant (Toss contract 5, CFG).
    """
    invoice = attempt.invoice
    subscription = invoice.subscription
    if isinstance(error, RequestRejected):
        _wait_for_merchant(attempt, error, key_pair=key_pair, terms=terms, now=now)
    elif subscription.is_canceling:
        invoice.void()
    else:
        if subscription.is_active:
            grace_ends_on = terms.grace_ends_on(invoice.period_start_on)
            subscription.fall_past_due(grace_ends_on=grace_ends_on, now=now)
        _plan_next_try(attempt, error, terms=terms, now=now)
        Notice.owe(
            NoticeKind.RENEWAL_FAILED,
            cause=f"renewal_failed:{attempt.order_id}",
            user_id=subscription.user_id,
            facts={
                "invoice_id": invoice.id,
                "code": error.code,
                "retry_on": _iso(subscription.next_charge_on),
                "grace_ends_on": _iso(subscription.grace_ends_on),
            },
            now=now,
        )


def wait_for_card(invoice: Invoice, *, terms: CollectionTerms, now: datetime) -> None:
    """Begin the dunning without asking Toss, in the caller's commit: the card may be gone there.

    Only another card can go on; the grace days are those of any other unpaid renewal.
    """
    subscription = invoice.subscription
    if subscription.is_active:
        grace_ends_on = terms.grace_ends_on(invoice.period_start_on)
        subscription.fall_past_due(grace_ends_on=grace_ends_on, now=now)
    subscription.charge_on(None)
    db.session.flush()
    Notice.owe(
        NoticeKind.RENEWAL_FAILED,
        cause=f"renewal_failed:{invoice.id}:key{subscription.billing_key_id}",
        user_id=subscription.user_id,
        facts={
            "invoice_id": invoice.id,
            "code": KEY_DELETED,
            "retry_on": None,
            "grace_ends_on": _iso(subscription.grace_ends_on),
        },
        now=now,
        may_be_known=True,
    )


def lapse(*, subscription_id: int, now: datetime) -> None:
    """End a subscription whose grace is over; one that was paid meanwhile is left alone.

    A pending attempt holds the end back until it is settled; so does a refused pair of keys, which
    is not the customer's fault.
    """
    subscription = Subscription.locked(subscription_id)
    grace_ends_on = subscription.grace_ends_on
    invoice = Invoice.open_for(subscription_id)
    if (
        grace_ends_on is None
        or seoul_date(now) < grace_ends_on
        or (invoice is not None and invoice.has_attempt_in_flight)
        or Breaker.is_open(subscription.billing_key.key_pair)
    ):
        db.session.rollback()
        return
    if invoice is not None:
        invoice.void()
    subscription.end(EndReason.UNPAID, now=now)
    subscription.billing_key.begin_revocation()
    Notice.owe(
        NoticeKind.ENDED_UNPAID,
        cause=f"ended_unpaid:{subscription_id}",
        user_id=subscription.user_id,
        facts={"subscription_id": subscription_id},
        now=now,
    )
    AuditEntry.write(
        "subscription.lapsed", subject_type="subscription", subject_id=subscription_id, now=now
    )
    db.session.commit()


def _wait_for_merchant(
    attempt: PaymentAttempt,
    error: RequestRejected,
    *,
    key_pair: str,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    invoice = attempt.invoice
    subscription = invoice.subscription
    if error.key_pair:
        if subscription.is_canceling:
            invoice.void()
        else:
            subscription.charge_on(terms.charging_day(now))
        if Breaker.open(key_pair, code=error.code, now=now):
            alert_merchant(
                "keys_refused", code=error.code, subject=f"{key_pair} {now:%Y-%m-%d %H:%M}", now=now
            )
    else:
        invoice.set_aside()
        subscription.hold(now=now)
        alert_merchant("renewal_rejected", code=error.code, subject=attempt.order_id, now=now)


def _plan_next_try(
    attempt: PaymentAttempt,
    error: PaymentGatewayError,
    *,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    subscription = attempt.invoice.subscription
    assert subscription.past_due_since is not None and subscription.grace_ends_on is not None
    today = terms.charging_day(now)
    if attempt.billing_key_id != subscription.billing_key_id:
        subscription.charge_on(today)
    elif _is_final(attempt, error):
        subscription.charge_on(None)
    else:
        retry_on = terms.next_retry_on(
            declined_on=seoul_date(subscription.past_due_since),
            after=seoul_date(now),
            grace_ends_on=subscription.grace_ends_on,
        )
        subscription.charge_on(retry_on)


def _is_final(attempt: PaymentAttempt, error: PaymentGatewayError) -> bool:
    if not isinstance(error, BillingKeyRejected):
        return False
    if error.code != ONE_MORE_TRY:
        return True
    return any(
        other.failure_code == ONE_MORE_TRY and other.billing_key_id == attempt.billing_key_id
        for other in attempt.invoice.attempts
        if other is not attempt
    )


def _iso(day: object) -> str | None:
    return str(day) if day is not None else None
