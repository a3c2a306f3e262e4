"""Settle attempts whose answer was lost: ask Toss by order id, and believe nothing else."""

from datetime import datetime, timedelta

from billing.alert_merchant import alert_merchant
from billing.collect import leave_to_merchant, locked_attempt, send, settle
from gateways.payment import PaymentGateway
from models import Payment, PaymentAttempt, Vault, db
from rules.collection_terms import CollectionTerms

RESEND_WITHIN = timedelta(days=14)
MAX_SENDINGS = 6


def reconcile(
    *,
    attempt_id: int,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> Payment | None:
    """Ask Toss about a pending attempt's order and settle it; None where nobody knows yet.

    "Not found" never means failed: the same request is sent again, with the same order id, key
    and body, once it is older than two time-outs; with a new idempotency key only where Toss had
    answered with a passing refusal. After fourteen days, six sendings or a change of keys the
    attempt is set aside for a person instead.

    :raises PaymentGatewayError: as `collect` does.
    """
    attempt = db.session.get_one(PaymentAttempt, attempt_id)
    if not attempt.is_pending:
        return attempt.invoice.payment
    order_id = attempt.order_id
    attempt.look_up_again(at=now + _pause(attempt, gateway))
    db.session.commit()

    answer = gateway.find_order(order_id)
    if answer is not None:
        return settle(attempt_id=attempt_id, answer=answer, gateway=gateway, terms=terms, now=now)
    resent = _prepare_resend(attempt_id, gateway=gateway, now=now)
    if resent is None:
        return None
    return send(attempt=resent, gateway=gateway, vault=vault, terms=terms, now=now)


def _pause(attempt: PaymentAttempt, gateway: PaymentGateway) -> timedelta:
    return timedelta(seconds=min(gateway.timeout_seconds / 3 * 2 ** len(attempt.requests), 600))


def _prepare_resend(
    attempt_id: int, *, gateway: PaymentGateway, now: datetime
) -> PaymentAttempt | None:
    attempt = locked_attempt(attempt_id)
    sendings = attempt.requests
    if not attempt.is_pending:
        db.session.rollback()
        return None
    if attempt.resend_after is not None and now < attempt.resend_after:
        db.session.rollback()
        return None
    if (
        attempt.age(now) >= RESEND_WITHIN
        or len(sendings) >= MAX_SENDINGS
        or attempt.secret_fingerprint != gateway.secret_fingerprint
    ):
        attempt.set_aside("unanswered", "Toss knows no such order", now=now)
        leave_to_merchant(attempt, now=now)
        alert_merchant("charge_unanswered", code="", subject=attempt.order_id, now=now)
        db.session.commit()
        return None
    if sendings and sendings[-1].transient:
        attempt.renew_idempotency_key()
    return attempt
