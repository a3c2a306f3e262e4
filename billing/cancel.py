"""End a subscription at the end of what was paid for, and undo that until it happens."""

from datetime import datetime

from billing import BillingError
from billing.agree_to_price import forget_consent
from models import AuditEntry, Notice, Subscription, db
from models.notice import NoticeKind
from models.subscription import EndReason
from rules.wording import N_


class NotCancelable(BillingError):
    """There is nothing to cancel, or it is canceled already."""

    user_message = N_("해지할 구독이 없거나 이미 해지했어요. 내 구독에서 확인해 주세요.")


class NotResumable(BillingError):
    """No scheduled end is left to undo."""

    user_message = N_("되돌릴 해지 예약이 없어요. 내 구독에서 확인해 주세요.")


def schedule_cancellation(*, subscription_id: int, actor_id: int, now: datetime) -> Subscription:
    """End at the end of the paid period (일반해지); one that is not paid now ends at once.

    While an attempt is in flight the end waits for it: a payment that comes after all is served
    to its period's end, and without one nothing more is tried.

    :raises NotCancelable: its end is scheduled, it is over, or its first payment is under way.
    """
    subscription = Subscription.locked(subscription_id)
    is_unpaid = subscription.is_incomplete or (
        subscription.is_past_due and not subscription.is_held
    )
    if is_unpaid and not subscription.is_collecting:
        _end(subscription, now=now)
    elif subscription.is_running and not subscription.is_canceling:
        forget_consent(subscription, now=now)
        subscription.schedule_cancellation(now=now)
        Notice.owe(
            NoticeKind.END_SCHEDULED,
            cause=f"end_scheduled:{subscription.id}:{now:%Y%m%d%H%M%S%f}",
            user_id=subscription.user_id,
            facts={"subscription_id": subscription.id},
            now=now,
            may_be_known=True,
        )
    else:
        db.session.rollback()
        raise NotCancelable
    _log("subscription.canceled", subscription, actor_id=actor_id, now=now)
    db.session.commit()
    return subscription


def resume(*, subscription_id: int, actor_id: int, now: datetime) -> Subscription:
    """Undo a scheduled cancellation before its end has come (해지 예약 취소).

    :raises NotResumable: nothing is scheduled, or the end has come.
    """
    subscription = Subscription.locked(subscription_id)
    if not subscription.is_canceling or not subscription.grants_access(now, grace_days=0):
        db.session.rollback()
        raise NotResumable
    subscription.resume(now=now)
    _log("subscription.resumed", subscription, actor_id=actor_id, now=now)
    db.session.commit()
    return subscription


def end_due(*, subscription_id: int, now: datetime) -> None:
    """Close a subscription whose scheduled end has come; one that was resumed is left alone.

    An attempt in flight, or a decision of the merchant, holds the end back.
    """
    subscription = Subscription.locked(subscription_id)
    ends_at, invoice = subscription.ends_at, subscription.open_invoice
    is_due = subscription.is_running and ends_at is not None and now >= ends_at
    if not is_due or subscription.is_held or (invoice and invoice.has_attempt_in_flight):
        db.session.rollback()
        return
    _end(subscription, now=now)
    _log("subscription.ended", subscription, actor_id=None, now=now)
    db.session.commit()


def _end(subscription: Subscription, *, now: datetime) -> None:
    invoice = subscription.open_invoice
    if invoice is not None:
        invoice.void()
    subscription.end(EndReason.CANCELED, now=now)
    subscription.billing_key.begin_revocation()
    if subscription.was_paid:
        Notice.owe(
            NoticeKind.ENDED,
            cause=f"ended:{subscription.id}",
            user_id=subscription.user_id,
            facts={"subscription_id": subscription.id, "refund_id": None},
            now=now,
        )


def _log(action: str, subscription: Subscription, *, actor_id: int | None, now: datetime) -> None:
    AuditEntry.write(
        action,
        subject_type="subscription",
        subject_id=subscription.id,
        actor_id=actor_id,
        now=now,
    )
