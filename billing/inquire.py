"""Ask the shop something, and answer it: by mail, and on the customer's own page."""

from datetime import datetime

from models import AuditEntry, Inquiry, Notice, User, db
from models.notice import NoticeKind
from rules.periods import seoul_date, years_later
from rules.wording import Language

KEEP_YEARS = 3


def inquire(
    *,
    user: User | None,
    name: str,
    email: str,
    topic: str,
    body: str,
    language: Language,
    now: datetime,
) -> Inquiry:
    """Keep a question, and owe the merchant a mail about it."""
    inquiry = Inquiry(
        user_id=user.id if user else None,
        name=name,
        email=email,
        topic=topic,
        body=body,
        language=language,
        created_at=now,
        keep_until_on=years_later(seoul_date(now), KEEP_YEARS),
    )
    db.session.add(inquiry)
    db.session.flush()
    Notice.owe(
        NoticeKind.INQUIRY,
        cause=f"inquiry:{inquiry.id}",
        facts={"inquiry_id": inquiry.id},
        now=now,
    )
    db.session.commit()
    return inquiry


def answer_inquiry(
    *, inquiry_id: int, answer: str, now: datetime, actor_id: int | None = None
) -> bool:
    """Keep the answer and owe it to who asked; False where it was answered before."""
    inquiry = db.session.get_one(Inquiry, inquiry_id, with_for_update=True, populate_existing=True)
    if inquiry.is_answered:
        db.session.rollback()
        return False
    inquiry.reply(answer, now=now)
    Notice.owe(
        NoticeKind.INQUIRY_ANSWERED,
        cause=f"inquiry_answered:{inquiry_id}",
        user_id=inquiry.user_id,
        address=inquiry.email,
        facts={"inquiry_id": inquiry_id},
        now=now,
    )
    AuditEntry.write(
        "inquiry.answered",
        subject_type="inquiry",
        subject_id=inquiry_id,
        actor_id=actor_id,
        now=now,
    )
    db.session.commit()
    return True
