"""Charge a subscription whose next payment is due: a renewal, or one more try at it."""

from datetime import datetime, timedelta

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
    is told, and the days between are recorded as owed by nobody.

    :raises PaymentGatewayError: as `collect` does.
    """
    subscription = Subscription.claimed(subscription_id, key_pair=gateway.key_pair)
    today = terms.charging_day(now)
    if (
        subscription is None
        or subscription.next_charge_on is None
        or subscription.next_charge_on > today
    ):
        db.session.rollback()
        return None
    invoice = Invoice.open_for(subscription_id)
    if subscription.next_plan_id is not None and subscription.is_active and invoice is None:
        subscription.begin_next_plan()
    is_late = today >= terms.grace_ends_on(subscription.next_period.start_on)
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


def _begin_new_term(
    subscription: Subscription, invoice: Invoice | None, *, terms: CollectionTerms, now: datetime
) -> None:
    if invoice is not None:
        invoice.void()
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
