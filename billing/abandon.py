"""Close what a customer began and never finished, so that nothing waits for them for ever."""

from datetime import datetime, timedelta

from models import AuditEntry, Checkout, Subscription, db
from models.subscription import EndReason

OPEN_FOR = timedelta(hours=1)
"""How long after its quote ended a checkout waits for a customer who is still in the window."""
INCOMPLETE_FOR = timedelta(days=1)
"""How long a subscription that was never paid keeps its place."""


def abandon_checkout(*, checkout_id: str, now: datetime) -> None:
    """Close a checkout whose customer never came back from the card window."""
    checkout = Checkout.locked(checkout_id)
    if not checkout.is_open or checkout.expires_at >= now - OPEN_FOR:
        db.session.rollback()
        return
    checkout.abandon(now=now)
    db.session.commit()


def abandon_subscription(*, subscription_id: int, now: datetime) -> None:
    """End a subscription whose first payment never came; a payment under way holds this back."""
    subscription = Subscription.locked(subscription_id)
    if (
        not subscription.is_incomplete
        or subscription.is_collecting
        or subscription.last_invoiced_at >= now - INCOMPLETE_FOR
    ):
        db.session.rollback()
        return
    invoice = subscription.open_invoice
    if invoice is not None:
        invoice.void()
    subscription.end(EndReason.ABANDONED, now=now)
    subscription.billing_key.begin_revocation()
    AuditEntry.write(
        "subscription.abandoned", subject_type="subscription", subject_id=subscription_id, now=now
    )
    db.session.commit()
