"""Tell a customer of the next renewal before it is charged."""

from datetime import datetime

from models import Notice, Subscription, db
from models.notice import NoticeKind
from rules.periods import seoul_date


def remind(*, subscription_id: int, now: datetime) -> None:
    """Owe the customer the notice of a renewal that is announced today, once for each day.

    What is found only after the charge was begun is not announced any more.
    """
    subscription = Subscription.locked(subscription_id)
    today, due_on = seoul_date(now), subscription.next_charge_on
    if subscription.next_reminder_on is None or subscription.next_reminder_on > today:
        db.session.rollback()
        return
    if due_on is not None and today < due_on:
        Notice.owe(
            NoticeKind.RENEWAL_COMING,
            cause=f"renewal_coming:{subscription_id}:{due_on}:{subscription.next_reminder_on}",
            user_id=subscription.user_id,
            facts={
                "subscription_id": subscription_id,
                "due_on": str(due_on),
                "won": subscription.next_won,
            },
            now=now,
            may_be_known=True,
        )
    subscription.reminded(today)
    db.session.commit()
