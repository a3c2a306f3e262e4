"""The test clock: how far the shop's time is ahead of the real one."""

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Engine, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db, read_aside
from models.billing_key import BillingKey
from models.cash_receipt import CashReceipt, ReceiptStatus
from models.checkout import Checkout
from models.notice import Notice, NoticeStatus
from models.pass_order import PassOrder, PassStatus
from models.payment_attempt import AttemptStatus, PaymentAttempt
from models.refund import Refund, RefundStatus
from models.sign_in import SignIn
from models.webhook_event import WebhookEvent, WebhookStatus


class ShopClock(Model):
    """One row at most; without it, or with 0, the shop's time is the real one."""

    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ahead_seconds: Mapped[int] = mapped_column(BigInteger)

    @classmethod
    def set_ahead(cls, by: timedelta) -> None:
        """Let the shop's time run `by` ahead of the real one.

        What runs on the wire's time goes along: leases, look-ups and retries of mails and calls
        are as far away after the jump as before it. So does the back office, from which the
        merchant may have moved the clock.
        """
        row = db.session.get(cls, 1, with_for_update=True)
        if row is None:
            row = cls(id=1, ahead_seconds=0)
            db.session.add(row)
        jump = by - timedelta(seconds=row.ahead_seconds)
        row.ahead_seconds = int(by.total_seconds())
        # In the order in which a worker locks them: a webhook, what it is about, what that moves.
        waiting = WebhookEvent.status == WebhookStatus.PENDING
        _carry(jump, WebhookEvent.next_try_at, where=waiting)
        pending = PaymentAttempt.status == AttemptStatus.PENDING
        _carry(jump, PaymentAttempt.next_look_up_at, PaymentAttempt.resend_after, where=pending)
        _carry(jump, Checkout.leased_until, Checkout.next_issue_at)
        _carry(
            jump,
            PassOrder.leased_until,
            PassOrder.next_look_up_at,
            PassOrder.resend_after,
            where=PassOrder.status == PassStatus.CONFIRMING,
        )
        under_way = Refund.status == RefundStatus.PENDING
        _carry(jump, Refund.next_look_up_at, Refund.resend_after, where=under_way)
        _carry(jump, CashReceipt.next_try_at, where=CashReceipt.status == ReceiptStatus.DUE)
        _carry(jump, BillingKey.next_revocation_at)
        _carry(
            jump,
            SignIn.expires_at,
            SignIn.back_office_until,
            SignIn.second_factor_at,
            where=SignIn.second_factor_at.is_not(None),
        )
        retried = (Notice.status == NoticeStatus.PENDING) & (Notice.tries > 0)
        _carry(jump, Notice.due_at, where=retried)

    @staticmethod
    def read_ahead(engine: Engine) -> timedelta:
        """Return how far ahead the shop's time is."""
        return timedelta(seconds=read_aside(engine, select(ShopClock.ahead_seconds)) or 0)


_ALL = true()


def _carry(jump: timedelta, *columns: Any, where: Any = _ALL) -> None:
    """Move these columns of one table; each row is written once.

    Rows are locked and read anew: a worker may be settling one of them at this moment. Where there
    is nothing left to carry once a row's lock was got, PostgreSQL passes the row over and keeps the
    lock.
    """
    is_set = or_(*[column.is_not(None) for column in columns])
    found = select(columns[0].class_).where(is_set, where)
    found = found.with_for_update(of=columns[0].class_, key_share=True)
    for row in db.session.scalars(found.execution_options(populate_existing=True)):
        for column in columns:
            moment = getattr(row, column.key)
            setattr(row, column.key, moment and moment + jump)
