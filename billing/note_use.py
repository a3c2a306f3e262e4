"""Remember that what a payment paid for was used: it decides what a withdrawal gives back."""

from datetime import datetime

from models import PassOrder, Subscription, db


def note_use(of: Subscription | PassOrder, *, now: datetime) -> None:
    """Note the first visit to the library after the current payment; later ones change nothing."""
    payment = of.current_payment
    if payment is None or payment.used_at is not None:
        return
    payment.note_use(now=now)
    db.session.commit()
