"""Leave the shop for good (탈퇴): personal data goes, contracts and payments stay for the law.

Records of contracts and payments are kept five years (전자상거래법 6조); they stay under the
account's number, and who that was is kept apart, encrypted.
"""

from datetime import datetime

from sqlalchemy import select, update

from billing import BillingError
from models import (
    AuditEntry,
    Notice,
    PassOrder,
    Payment,
    PaymentAttempt,
    Refund,
    RetainedIdentity,
    SignIn,
    Subscription,
    User,
    Vault,
    db,
)
from models.notice import NoticeKind, NoticeStatus
from models.refund import RefundStatus
from rules.periods import seoul_date, years_later
from rules.wording import N_

KEEP_YEARS = 5


class StillSubscribed(BillingError):
    """A subscription runs: its end is to be chosen first."""

    user_message = N_("이용 중인 구독이 있어요. 먼저 구독을 해지해 주세요.")


class StillHasPass(BillingError):
    """Days of a pass are left: its customer gives it back first, or waits for its end."""

    user_message = N_("이용 기간이 남은 이용권이 있어요. 먼저 이용권을 환불해 주세요.")


class MoneyOnItsWay(BillingError):
    """A payment or a refund is not settled yet."""

    user_message = N_("확인하고 있는 결제나 환불이 있어요. 끝난 뒤에 탈퇴할 수 있어요.")


def close_account(*, user_id: int, vault: Vault, now: datetime) -> None:
    """Erase who this customer is, and end every sign-in.

    :raises StillSubscribed: a subscription runs.
    :raises StillHasPass: days of a pass are left.
    :raises MoneyOnItsWay: a payment or a refund is not settled.
    """
    user = db.session.get_one(User, user_id, with_for_update=True, populate_existing=True)
    if user.is_closed:
        db.session.rollback()
        return
    latest = Subscription.latest_for(user_id)
    if latest is not None and not latest.is_ended:
        db.session.rollback()
        raise StillSubscribed
    if PassOrder.granted_to(user_id, from_on=seoul_date(now)):
        db.session.rollback()
        raise StillHasPass
    if _has_money_on_its_way(user_id):
        db.session.rollback()
        raise MoneyOnItsWay
    if latest is not None or PassOrder.paid_by(user_id, limit=1):
        until_on = years_later(seoul_date(now), KEEP_YEARS)
        RetainedIdentity.keep(user, until_on=until_on, vault=vault, now=now)
    _keep_addresses_of_notices(user)
    Notice.owe(
        NoticeKind.ACCOUNT_CLOSED,
        cause=f"account_closed:{user_id}",
        user_id=user_id,
        address=user.email,
        facts={"name": user.name},
        now=now,
    )
    _erase_from_attempts(user_id)
    SignIn.end_all(user, now=now)
    user.close(now=now)
    AuditEntry.write("account.closed", subject_type="user", subject_id=user_id, now=now)
    db.session.commit()


def _has_money_on_its_way(user_id: int) -> bool:
    if PassOrder.in_flight_for(user_id) is not None:
        return True
    refund = (
        select(Refund.id)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.user_id == user_id)
        .where(Refund.status.in_([RefundStatus.PENDING, RefundStatus.BY_HAND]))
    )
    return db.session.scalar(refund.limit(1)) is not None


def _keep_addresses_of_notices(user: User) -> None:
    """Let mails that are still owed find their way."""
    db.session.execute(
        update(Notice)
        .where(Notice.user_id == user.id, Notice.status == NoticeStatus.PENDING)
        .values(address=user.email)
    )


def _erase_from_attempts(user_id: int) -> None:
    mine = select(PaymentAttempt.id).where(
        PaymentAttempt.invoice.has(subscription_id=Subscription.id),
        Subscription.user_id == user_id,
    )
    db.session.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id.in_(mine))
        .values(customer_name="", customer_email="")
        .execution_options(synchronize_session=False)
    )
