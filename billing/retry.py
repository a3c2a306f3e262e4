"""Charge what is past due now, outside the retry days, because the merchant says so."""

from datetime import datetime

from billing import BillingError
from models import AuditEntry, Subscription, db
from rules.periods import seoul_date


class NothingToRetry(BillingError):
    """Nothing is past due, or its payment is under way already."""

    user_message = "지금 다시 결제할 것이 없어요. 상태를 확인해 주세요."


def can_retry(subscription: Subscription) -> bool:
    """Test whether an invoice is past due and nobody is collecting it."""
    return (
        subscription.is_past_due
        and not subscription.is_canceling
        and not subscription.is_held
        and not subscription.is_collecting
        and not subscription.billing_key.is_suspect
        and subscription.open_invoice is not None
    )


def retry_now(*, subscription_id: int, actor_id: int, reason: str, now: datetime) -> None:
    """Have the next run collect the open invoice; the retry days and the grace stay as they are.

    :raises NothingToRetry: nothing is past due, or an attempt is in flight.
    """
    subscription = Subscription.locked(subscription_id)
    if not can_retry(subscription):
        db.session.rollback()
        raise NothingToRetry
    subscription.charge_on(seoul_date(now))
    AuditEntry.write(
        "subscription.retried",
        subject_type="subscription",
        subject_id=subscription_id,
        actor_id=actor_id,
        facts={"reason": reason},
        now=now,
    )
    db.session.commit()
