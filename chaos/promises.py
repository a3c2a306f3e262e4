"""What must never happen, asked of the books and of what the gateway did.

Used after a storm, after each crash and after each step of the model test.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from chaos.charged import Charged
from chaos.pass_promises import broken_passes
from models import (
    Checkout,
    Consent,
    Invoice,
    PassOrder,
    Payment,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    Subscription,
    db,
)
from models.invoice import InvoiceStatus
from models.pass_order import PassStatus
from models.payment_attempt import AttemptStatus
from models.payment_request import RequestKind
from rules.collection_terms import CollectionTerms
from rules.periods import nth_period, seoul_date, seoul_instant

OUR_MARK = re.compile(r"\(r\d+\)$")


def broken(
    charged: Sequence[Charged],
    *,
    terms: CollectionTerms,
    now: datetime,
    is_settled: bool,
    slack: timedelta = timedelta(0),
) -> list[str]:
    """Return every promise that is broken, in words; `is_settled` after a run without trouble.

    `slack` is how far two processes may be apart about the time: a step of the test clock.
    """
    db.session.expire_all()
    pass_ids = set(db.session.scalars(select(PassOrder.id)))
    of_passes = [one for one in charged if one.order_id in pass_ids]
    of_invoices = [one for one in charged if one.order_id not in pass_ids]
    found = [
        *_money_has_rows(of_invoices),
        *_refunds_have_rows(charged),
        *_nobody_pays_twice(of_invoices),
        *_nothing_is_sent_as_new(),
        *_amounts_are_agreed(of_invoices),
        *broken_passes(of_passes, now=now, is_settled=is_settled),
        *_nothing_after_the_end(slack),
        *_nobody_pays_more_unasked(of_invoices),
        *_access_is_what_was_paid(terms, now),
        *_periods_tile(),
    ]
    if is_settled:
        found += [
            *_books_agree(charged),
            *_refunds_agree(charged),
            *_plans_are_paid_for(),
            *_nothing_is_forgotten(terms, now),
        ]
    db.session.rollback()
    return found


def _money_has_rows(charged: Sequence[Charged]) -> Iterator[str]:
    """Promise 1: every charge was committed before it was sent."""
    sent = set(
        db.session.scalars(
            select(PaymentAttempt.order_id).join(
                PaymentRequest,
                (PaymentRequest.attempt_id == PaymentAttempt.id)
                & (PaymentRequest.kind == RequestKind.CHARGE),
            )
        )
    )
    for payment in charged:
        if payment.order_id not in sent:
            yield f"1: {payment.order_id} was charged without a row of its sending"


def _refunds_have_rows(charged: Sequence[Charged]) -> Iterator[str]:
    """Promises 1 and 14: what we gave back was committed before it was sent, and only once."""
    sent = {
        refund.mark: refund
        for refund in db.session.scalars(
            select(Refund).join(PaymentRequest, PaymentRequest.refund_id == Refund.id)
        )
    }
    gone: Counter[str] = Counter()
    for payment in charged:
        for reason, won in payment.cancels:
            found = OUR_MARK.search(reason)
            if found is None:
                continue
            refund = sent.get(found[0])
            if refund is None or refund.payment.order_id != payment.order_id:
                yield f"1: {won} won of {payment.order_id} went back without a row of its sending"
            elif refund.amount_won != won:
                yield f"14: {won} won of {payment.order_id} went back, not {refund.amount_won}"
            gone[found[0]] += 1
    for mark, times in gone.items():
        if times > 1:
            yield f"2: {mark} went back {times} times"


def _plans_are_paid_for() -> Iterator[str]:
    """Promises 4 and 14: who changed the plan paid its price and is owed what was quoted."""
    for invoice in _invoices():
        is_change = invoice.quote.begins_now and invoice.period == invoice.quote.period
        if not (is_change and invoice.is_paid and invoice.quote.refund_won):
            continue
        owed = select(Refund).filter_by(quote_id=invoice.quote_id)
        refund = db.session.scalar(owed)
        old = invoice.quote.payment
        given = sum(one.amount_won for one in old.refunds if not one.is_void) if old else 0
        if refund is None and given < invoice.quote.refund_won:
            yield f"14: invoice {invoice.id} was paid and nothing of the old payment is owed"


def _refunds_agree(charged: Sequence[Charged]) -> Iterator[str]:
    """Promise 12: after a clean run both sides agree about what went back, and none waits."""
    payments = {payment.order_id: payment for payment in db.session.scalars(select(Payment))}
    for one in charged:
        payment = payments.get(one.order_id)
        if payment is None:
            continue
        at_toss = sum(refund.amount_won for refund in payment.refunds if refund.transaction_key)
        if one.won - one.balance_won != at_toss:
            yield f"12: {one.order_id} gave back {one.won - one.balance_won}, booked {at_toss}"
    for refund in db.session.scalars(select(Refund)):
        if refund.is_pending:
            yield f"12: refund {refund.id} is pending after a clean run"
        quoted = refund.quote.refund_won if refund.quote else refund.amount_won
        others = [one for one in refund.payment.refunds if one.quote is None]
        if refund.amount_won != quoted and not others:
            yield f"14: refund {refund.id} is {refund.amount_won} won, the page showed {quoted}"


def _nobody_pays_twice(charged: Sequence[Charged]) -> Iterator[str]:
    """Promise 2: one payment an invoice, and no day of a subscription paid for twice."""
    kept = {payment.order_id for payment in charged if payment.balance_won}
    by_invoice: defaultdict[int, list[str]] = defaultdict(list)
    for order_id, invoice_id in db.session.execute(
        select(PaymentAttempt.order_id, PaymentAttempt.invoice_id)
    ):
        if order_id in kept:
            by_invoice[invoice_id].append(order_id)
    for orders in by_invoice.values():
        if len(orders) > 1:
            yield f"2: one invoice was paid by {orders}"
    for subscription_id, invoices in _by_subscription(_invoices()).items():
        paid = sorted(
            (one for one in invoices if one.id in by_invoice),
            key=lambda one: (one.term_no, one.period_no),
        )
        for before, after in pairwise(paid):
            is_change = after.quote.begins_now and after.period_no == 1
            if after.period_start_on < before.period_end_on and not is_change:
                yield f"2: subscription {subscription_id} paid twice for {after.period_start_on}"


def _nothing_is_sent_as_new() -> Iterator[str]:
    """Promise 3: no new order before the old one was settled; new keys only after a 4xx."""
    for invoice in _invoices():
        for before, after in pairwise(invoice.attempts):
            if before.status is not AttemptStatus.FAILED:
                yield f"3: {after.order_id} was begun and {before.order_id} is {before.status}"
        for attempt in invoice.attempts:
            for first, second in pairwise(attempt.requests):
                if second.idempotency_key != first.idempotency_key and not first.transient:
                    yield f"3: {attempt.order_id} was sent again with another key"


def _amounts_are_agreed(charged: Sequence[Charged]) -> Iterator[str]:
    """Promise 4: what was charged is what was agreed to."""
    agreed = {
        attempt.order_id: (attempt.amount_won, attempt.invoice.quote.amount_won)
        for attempt in db.session.scalars(
            select(PaymentAttempt).options(
                selectinload(PaymentAttempt.invoice).joinedload(Invoice.quote)
            )
        )
    }
    for payment in charged:
        if {payment.won} != set(agreed.get(payment.order_id, ())):
            known = agreed.get(payment.order_id)
            yield f"4: {payment.order_id} charged {payment.won} won, agreed {known}"


def _nothing_after_the_end(slack: timedelta) -> Iterator[str]:
    """Promise 5: no charge was begun after an end, after a cancellation, or without a consent."""
    rows = db.session.execute(
        select(PaymentRequest.sent_at, PaymentAttempt.order_id, Subscription)
        .join(PaymentAttempt, PaymentRequest.attempt_id == PaymentAttempt.id)
        .join(Invoice, PaymentAttempt.invoice_id == Invoice.id)
        .join(Subscription, Invoice.subscription_id == Subscription.id)
    ).all()
    consented = set(
        db.session.scalars(
            select(Checkout.quote_id).join(Consent, Consent.checkout_id == Checkout.id)
        )
    )
    consented |= set(db.session.scalars(select(Consent.quote_id)))
    for sent_at, order_id, subscription in rows:
        if subscription.ended_at is not None and sent_at > subscription.ended_at + slack:
            yield f"5: {order_id} was sent after the end"
    for subscription in db.session.scalars(select(Subscription)):
        if subscription.quote_id not in consented:
            yield f"5: subscription {subscription.id} is charged without a consent"


def _nobody_pays_more_unasked(charged: Sequence[Charged]) -> Iterator[str]:
    """Promise 5: a higher amount was agreed to today, or inside the thirty days before its day."""
    orders = {payment.order_id for payment in charged}
    consents = {one.quote_id: one for one in db.session.scalars(select(Consent))}
    for subscription_id, invoices in _by_subscription(_invoices()).items():
        paid = [one for one in invoices if any(each.order_id in orders for each in one.attempts)]
        for before, after in pairwise(paid):
            if after.amount_won <= before.amount_won or after.quote.begins_now:
                continue
            consent, first_on = consents.get(after.quote_id), after.period_start_on
            days = (first_on - seoul_date(consent.given_at)).days if consent else None
            if not after.quote.is_price_rise or days is None or not 1 <= days <= 30:
                yield f"5: subscription {subscription_id} pays more from {first_on}, unasked"


def _access_is_what_was_paid(terms: CollectionTerms, now: datetime) -> Iterator[str]:
    """Promise 6: who is let in has paid, and who has paid is let in."""
    paid: defaultdict[int, list[Invoice]] = defaultdict(list)
    for invoice in _invoices():
        if invoice.status in (InvoiceStatus.PAID,) or _is_waived(invoice):
            paid[invoice.subscription_id].append(invoice)
    for subscription in db.session.scalars(select(Subscription)):
        newest = max(
            paid[subscription.id], key=lambda one: (one.term_no, one.period_no), default=None
        )
        last = newest.period_end_on if newest is not None else None
        may_read = subscription.grants_access(now, grace_days=terms.grace_days)
        if last is None:
            if may_read:
                yield f"6: subscription {subscription.id} reads without a payment"
            continue
        grace = seoul_instant(last + timedelta(days=terms.grace_days))
        if may_read and not subscription.is_held and now >= grace:
            yield f"6: subscription {subscription.id} reads after its grace"
        is_paid_now = now < seoul_instant(last)
        if is_paid_now and subscription.is_running and not may_read:
            yield f"6: subscription {subscription.id} has paid and is not let in"


def _periods_tile() -> Iterator[str]:
    """Promise 7: the periods of a term follow each other, counted from the anchor."""
    for subscription_id, invoices in _by_subscription(_invoices()).items():
        terms: defaultdict[int, list[Invoice]] = defaultdict(list)
        for invoice in invoices:
            if invoice.period_no:
                terms[invoice.term_no].append(invoice)
        for term_no, own in terms.items():
            own.sort(key=lambda one: one.period_no)
            anchor, plan = own[0].period_start_on, own[0].quote.plan
            for number, invoice in enumerate(own, 1):
                expected = nth_period(anchor, number, plan.interval, plan.interval_count)
                if invoice.period_no != number or invoice.period != expected:
                    yield f"7: subscription {subscription_id} term {term_no} has a gap at {number}"
            if any(one.status is InvoiceStatus.VOID and not _is_waived(one) for one in own[:-1]):
                yield f"7: subscription {subscription_id} goes on after a void period"


def _books_agree(charged: Sequence[Charged]) -> Iterator[str]:
    """Promise 12: after a clean run both sides agree to the won."""
    ours = {payment.order_id: payment.amount_won for payment in db.session.scalars(select(Payment))}
    theirs = {
        payment.order_id: payment.won
        for payment in charged
        if payment.balance_won or payment.order_id in ours
    }
    waiting = set(
        db.session.scalars(
            select(PaymentAttempt.order_id).where(PaymentAttempt.status == AttemptStatus.SET_ASIDE)
        )
    )
    waiting |= set(db.session.scalars(select(PassOrder.id).filter_by(status=PassStatus.SET_ASIDE)))
    for order_id in sorted(ours.keys() ^ theirs.keys()):
        if order_id not in waiting:
            yield f"12: {order_id} is booked {ours.get(order_id)}, charged {theirs.get(order_id)}"
    for order_id in ours.keys() & theirs.keys():
        if ours[order_id] != theirs[order_id]:
            yield f"12: {order_id} is booked {ours[order_id]}, charged {theirs[order_id]}"


def _nothing_is_forgotten(terms: CollectionTerms, now: datetime) -> Iterator[str]:
    """Promise 12: whatever runs is paid, past due inside its grace, or waits for the merchant."""
    today = terms.charging_day(now)
    pending = select(PaymentAttempt.order_id).where(PaymentAttempt.status == AttemptStatus.PENDING)
    for order_id in db.session.scalars(pending):
        yield f"12: {order_id} is pending after a clean run"
    for subscription in db.session.scalars(select(Subscription)):
        if not subscription.is_running or subscription.is_held:
            continue
        name = f"subscription {subscription.id}"
        if subscription.ends_at is not None:
            if subscription.ends_at <= now:
                yield f"12: {name} has not ended"
        elif subscription.is_past_due:
            if subscription.grace_ends_on is None or subscription.grace_ends_on <= today:
                yield f"12: {name} is past due beyond its grace"
        elif subscription.next_charge_on is None or subscription.next_charge_on <= today:
            yield f"12: {name} is active and was not charged, due {subscription.next_charge_on}"


def _invoices() -> Sequence[Invoice]:
    query = select(Invoice).options(
        selectinload(Invoice.attempts).selectinload(PaymentAttempt.requests),
        selectinload(Invoice.subscription),
        selectinload(Invoice.quote),
    )
    return db.session.scalars(query.order_by(Invoice.id)).all()


def _by_subscription(invoices: Sequence[Invoice]) -> dict[int, list[Invoice]]:
    found: defaultdict[int, list[Invoice]] = defaultdict(list)
    for invoice in invoices:
        found[invoice.subscription_id].append(invoice)
    return found


def _is_waived(invoice: Invoice) -> bool:
    """Test whether the merchant gave this period away: void, and the next ones go on."""
    return invoice.status is InvoiceStatus.VOID and (
        invoice.subscription.period_no >= invoice.period_no
        and invoice.subscription.term_no == invoice.term_no
    )
