"""Send a mail again, or leave one that was given up as it is: the merchant decides."""

from datetime import datetime

from models import AuditEntry, Notice, db
from models.notice import NoticeKind

ONCE = frozenset(
    {
        NoticeKind.PASSWORD_RESET,
        NoticeKind.EMAIL_CHANGE,
        NoticeKind.EMAIL_CHANGED,
        NoticeKind.ACCOUNT_CLOSED,
        NoticeKind.INQUIRY_ANSWERED,
        NoticeKind.PRICE_ASKED,
    }
)
"""Mails that went to another address than an account's, or whose link lets its reader in; and the
request to agree to a higher price, which the law wants made once (전자상거래법 21조의2)."""


def can_send_again(notice: Notice) -> bool:
    """Test whether this mail may be owed once more."""
    return notice.is_dead or (not notice.is_pending and notice.kind not in ONCE)


def send_again(*, notice_id: int, actor_id: int, reason: str, now: datetime) -> bool:
    """Owe a mail that left once more, or try one again that was given up; False where neither."""
    notice = _locked(notice_id)
    if not can_send_again(notice):
        db.session.rollback()
        return False
    if notice.is_dead:
        notice.revive(now=now)
    else:
        notice.repeat(cause=f"again:{notice_id}:{now:%Y%m%d%H%M%S}", now=now)
    _log("notice.sent_again", notice, actor_id=actor_id, reason=reason, now=now)
    db.session.commit()
    return True


def drop_notice(*, notice_id: int, actor_id: int, reason: str, now: datetime) -> bool:
    """Leave a mail that was given up as it is; False where it was not."""
    notice = _locked(notice_id)
    if not notice.is_dead:
        db.session.rollback()
        return False
    notice.drop()
    _log("notice.dropped", notice, actor_id=actor_id, reason=reason, now=now)
    db.session.commit()
    return True


def _locked(notice_id: int) -> Notice:
    return db.session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)


def _log(action: str, notice: Notice, *, actor_id: int, reason: str, now: datetime) -> None:
    AuditEntry.write(
        action,
        subject_type="notice",
        subject_id=notice.id,
        actor_id=actor_id,
        facts={"kind": notice.kind, "reason": reason},
        now=now,
    )
