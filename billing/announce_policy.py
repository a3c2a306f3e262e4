"""Tell every customer of a policy that will change (전자상거래 표준약관 3조)."""

from datetime import date, datetime, timedelta

from sqlalchemy import select

from billing import BillingError
from models import AuditEntry, Notice, User, db
from models.notice import NoticeKind
from rules.periods import seoul_date

DAYS_AHEAD, DAYS_AHEAD_ADVERSE = 7, 30
BATCH = 500


class TooLate(BillingError):
    """The new version begins before customers could know of it."""

    user_message = "시행일까지 남은 날이 모자라요."


def announce_policy(*, name: str, version: str, is_adverse: bool, now: datetime) -> int:
    """Owe every open account a mail about a version, once; return how many were owed.

    What is cut off is finished by announcing again.

    :raises TooLate: fewer than 7 days are left, or 30 where it is to the customers' disadvantage.
    """
    days = DAYS_AHEAD_ADVERSE if is_adverse else DAYS_AHEAD
    if date.fromisoformat(version) < seoul_date(now) + timedelta(days=days):
        raise TooLate(f"{version} is fewer than {days} days away")
    owed = last = 0
    while True:
        query = select(User.id).where(User.closed_at.is_(None), User.id > last)
        ids = list(db.session.scalars(query.order_by(User.id).limit(BATCH)))
        if not ids:
            return owed
        for user_id in ids:
            cause = f"policy:{name}:{version}:{user_id}"
            if Notice.with_cause(cause) is None:
                facts = {"name": name, "version": version, "is_adverse": is_adverse}
                Notice.owe(
                    NoticeKind.POLICY_CHANGED, cause=cause, user_id=user_id, facts=facts, now=now
                )
                owed += 1
        last = ids[-1]
        AuditEntry.write(
            "policy.announced",
            subject_type="policy",
            subject_id=f"{name} {version}",
            facts={"up_to_user": last},
            now=now,
        )
        db.session.commit()
