"""Give a customer more days than were paid for: the next charge comes so many days later."""

from datetime import datetime

from billing import BillingError
from models import AuditEntry, Notice, Subscription, db
from models.notice import NoticeKind

LONGEST_DAYS = 60


class NotExtendable(BillingError):
    """Nothing paid for runs, a payment is under way, or another plan is set for afterwards."""

    user_message = (
        "지금은 늘릴 수 없어요. 이용 중이고 결제가 끝난 구독만 늘리고,"
        " 예약된 플랜 변경이 있으면 그것을 먼저 취소해야 해요."
    )


def can_extend(subscription: Subscription) -> bool:
    """Test whether the end of the paid days can be moved without touching an agreed amount."""
    return (
        subscription.is_active
        and subscription.period_no > 0
        and subscription.next_plan_id is None
        and not subscription.is_held
        and not subscription.is_collecting
        and subscription.open_invoice is None
    )


def extend(
    *, subscription_id: int, days: int, actor_id: int, reason: str, now: datetime
) -> Subscription:
    """Serve `days` more, from 1 to 60; the period that follows, and its charge, begin after them.

    What leaving gives back is worked out from the days that were paid for, as before.

    :raises NotExtendable: nothing that was paid for runs, or something about it is undecided.
    """
    subscription = Subscription.locked(subscription_id)
    if not can_extend(subscription) or not 1 <= days <= LONGEST_DAYS:
        db.session.rollback()
        raise NotExtendable
    subscription.extend(days, now=now)
    Notice.owe(
        NoticeKind.EXTENDED,
        cause=f"extended:{subscription_id}:{subscription.paid_until_on}",
        user_id=subscription.user_id,
        facts={"subscription_id": subscription_id, "days": days},
        now=now,
    )
    AuditEntry.write(
        "subscription.extended",
        subject_type="subscription",
        subject_id=subscription_id,
        actor_id=actor_id,
        facts={"days": days, "reason": reason},
        now=now,
    )
    db.session.commit()
    return subscription
