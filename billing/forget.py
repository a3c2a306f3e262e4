"""Erase what the law does not ask to be kept any longer."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from models import AuditEntry, Inquiry, Notice, RetainedIdentity, SignIn, WebhookEvent, db
from models.sign_in import LIFETIME
from rules.periods import seoul_date

KEEP_WEBHOOKS = timedelta(days=90)
KEEP_VISITS = timedelta(days=2 * 365 + 1)
KEEP_SIGN_INS = timedelta(days=90) - LIFETIME
"""How long after it ran out a sign-in is kept: three months since it began."""


def forget_identity(*, user_id: int, now: datetime) -> None:
    """Erase who a closed account belonged to, once its time is over."""
    kept = db.session.get(RetainedIdentity, user_id)
    if kept is not None and kept.keep_until_on <= seoul_date(now):
        db.session.delete(kept)
    db.session.commit()


def forget_sign_in(*, sign_in_id: int, now: datetime) -> None:
    """Erase where somebody was signed in, three months after they signed in."""
    sign_in = db.session.get(SignIn, sign_in_id)
    if sign_in is not None and sign_in.expires_at < now - KEEP_SIGN_INS:
        db.session.delete(sign_in)
    db.session.commit()


def forget_visit(*, entry_id: int, now: datetime) -> None:
    """Erase what was seen in the back office, two years after; `now` is the real time.

    The rules on access logs ask for one year, and for two in a shop with 50,000 customers.
    """
    entry = db.session.get(AuditEntry, entry_id)
    if entry is not None and entry.is_visit and entry.at < now - KEEP_VISITS:
        db.session.delete(entry)
    db.session.commit()


def forget_webhook(*, event_id: int, now: datetime) -> None:
    """Erase what was posted as a webhook, once nobody will ask about it any more."""
    event = db.session.get(WebhookEvent, event_id)
    if event is not None and event.received_at < now - KEEP_WEBHOOKS and not event.is_pending:
        db.session.delete(event)
    db.session.commit()


def forget_inquiry(*, inquiry_id: int, now: datetime) -> None:
    """Erase an inquiry, its answer and what was mailed of them, once their time is over."""
    inquiry = db.session.get(Inquiry, inquiry_id)
    if inquiry is not None and inquiry.keep_until_on <= seoul_date(now):
        causes = (f"inquiry:{inquiry_id}", f"inquiry_answered:{inquiry_id}")
        db.session.execute(delete(Notice).where(Notice.cause.in_(causes)))
        db.session.delete(inquiry)
    db.session.commit()
