"""Erase what the law does not ask to be kept any longer."""

from datetime import datetime

from sqlalchemy import delete

from models import Inquiry, Notice, RetainedIdentity, db
from rules.periods import seoul_date


def forget_identity(*, user_id: int, now: datetime) -> None:
    """Erase who a closed account belonged to, once its time is over."""
    kept = db.session.get(RetainedIdentity, user_id)
    if kept is not None and kept.keep_until_on <= seoul_date(now):
        db.session.delete(kept)
    db.session.commit()


def forget_inquiry(*, inquiry_id: int, now: datetime) -> None:
    """Erase an inquiry, its answer and what was mailed of them, once their time is over."""
    inquiry = db.session.get(Inquiry, inquiry_id)
    if inquiry is not None and inquiry.keep_until_on <= seoul_date(now):
        causes = (f"inquiry:{inquiry_id}", f"inquiry_answered:{inquiry_id}")
        db.session.execute(delete(Notice).where(Notice.cause.in_(causes)))
        db.session.delete(inquiry)
    db.session.commit()
