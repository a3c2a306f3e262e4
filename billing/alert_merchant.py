"""Tell the merchant by mail that something needs a person."""

import logging
from datetime import datetime

from models import Notice
from models.notice import NoticeKind

log = logging.getLogger("shop.billing")


def alert_merchant(event: str, *, code: str, subject: str, now: datetime) -> None:
    """Owe the merchant a mail about `event`, in the caller's commit; one a subject."""
    log.error("needs a person: %s code=%s subject=%s", event, code, subject)
    Notice.owe(
        NoticeKind.MERCHANT_ALERT,
        cause=f"alert:{event}:{subject}"[:150],
        facts={"event": event, "code": code, "subject": subject},
        now=now,
        may_be_known=True,
    )
