"""Who may read: the one answer to it, whatever was paid for."""

from collections.abc import Sequence
from datetime import datetime

from models.pass_order import PassOrder
from models.subscription import Subscription
from rules.periods import seoul_date


def access_of(
    user_id: int, *, now: datetime, grace_days: int
) -> Sequence[Subscription | PassOrder]:
    """Return what lets a customer in now, a subscription first; nothing where nothing does."""
    subscription = Subscription.latest_for(user_id)
    lets_in = subscription is not None and subscription.grants_access(now, grace_days=grace_days)
    passes = PassOrder.granted_to(user_id, from_on=seoul_date(now))
    return [
        *([subscription] if subscription is not None and lets_in else []),
        *(one for one in passes if one.grants_access(now)),
    ]
