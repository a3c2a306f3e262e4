"""Charge a subscription whose next payment is due: a renewal, or one more try at it."""

from datetime import datetime, timedelta

from billing.agree_to_price import take_price_back, take_up_price
from billing.collect import CollectionInProgress, send
from billing.dun import wait_for_card
from gateways.payment import PaymentGateway
from models import Invoice, Notice, Payment, PaymentAttempt, Subscription, Vault, db
from models.notice import NoticeKind
from rules.collection_terms import NOTICE_DAYS, CollectionTerms
from rules.periods import Period


def renew(
    *,
    subscription_id: int,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> Payment | None:
    """Collect what is due of this subscription today; None where nothing is, or another has it.

    The invoice, the attempt and its sending are one commit, made before anything leaves. What is
    found only after the grace days is not collected: a new term begins in seven days, the customer
    is told, and the days between are recorded as owed by nobody. A higher price is owed only by
    whose consent counts for the day on which the period starts; others renew as before.

    :raises PaymentGatewayError: as `collect` does.
    """
    subscription, seems_to_owe = Subscription.claimed(subscription_id, key_pair=gateway.key_pair)
    today = terms.charging_day(now)
    if (
        subscription is None
        or subscription.next_charge_on is None
        or subscription.next_charge_on > today
    ):
        db.session.rollback()
        return None
    invoice = Invoice.open_for(subscription_id) if seems_to_owe else None
    if subscription.extra_days is not None and subscription.is_active and invoice is None:
        _serve_extra_days(subscription, subscription.extra_days, now=now)
    is_late = today >= terms.grace_ends_on(subscription.next_period.start_on)
    if subscription.is_active and invoice is None:
        _take_up_choice(subscription, is_late=is_late, now=now)
    if is_late and subscription.is_active:
        _begin_new_term(subscription, invoice, now=now, terms=terms)
        db.session.commit()
        return None
    if invoice is None:
        invoice = Invoice.renewal(subscription, now=now)
    elif invoice.has_attempt_in_flight:
        subscription.begin_collecting()
        db.session.commit()
        raise CollectionInProgress
    if subscription.billing_key.is_suspect:
        wait_for_card(invoice, terms=terms, now=now)
        db.session.commit()
        return None
    subscription.begin_collecting()
    attempt = PaymentAttempt.begin(
        invoice,
        key_pair=gateway.key_pair,
        secret_fingerprint=gateway.secret_fingerprint,
        now=now,
    )
    return send(attempt=attempt, gateway=gateway, vault=vault, terms=terms, now=now)


def _serve_extra_days(subscription: Subscription, days: Period, *, now: datetime) -> None:
    """Note the days that the merchant gave; the period after them is the first of a new term."""
    subscription.begin_term_after_extra_days()
    Invoice.gap(subscription, days, now=now)


def _take_up_choice(subscription: Subscription, *, is_late: bool, now: datetime) -> None:
    """Go by what the customer chose for the next period; a higher price wants its very day."""
    choice = subscription.next_choice
    if choice is None:
        return
    if not choice.is_price_rise:
        subscription.begin_next_plan()
    elif is_late:
        subscription.plan_next(None)
    else:
        take_up_price(subscription, choice, now=now)


def _begin_new_term(
    subscription: Subscription, invoice: Invoice | None, *, terms: CollectionTerms, now: datetime
) -> None:
    if invoice is not None:
        invoice.void()
        take_price_back(invoice, now=now)
    due_on = subscription.next_period.start_on
    anchor_on = terms.charging_day(now) + timedelta(days=NOTICE_DAYS)
    subscription.begin_new_term(anchor_on)
    Invoice.gap(subscription, Period(due_on, anchor_on), now=now)
    Notice.owe(
        NoticeKind.TERM_RESTARTED,
        cause=f"term_restarted:{subscription.id}:{subscription.term_no}",
        user_id=subscription.user_id,
        facts={
            "subscription_id": subscription.id,
            "from_on": str(due_on),
            "charge_on": str(anchor_on),
        },
        now=now,
    )
