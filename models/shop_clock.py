"""The test clock: how far the shop's time is ahead of the real one."""

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Engine, select
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
        _carry(WebhookEvent, WebhookEvent.next_try_at, jump, waiting)
        _carry(Checkout, Checkout.leased_until, jump)
        _carry(Checkout, Checkout.next_issue_at, jump)
        pending = PaymentAttempt.status == AttemptStatus.PENDING
        _carry(PaymentAttempt, PaymentAttempt.next_look_up_at, jump, pending)
        _carry(PaymentAttempt, PaymentAttempt.resend_after, jump, pending)
        confirming = PassOrder.status == PassStatus.CONFIRMING
        _carry(PassOrder, PassOrder.leased_until, jump, confirming)
        _carry(PassOrder, PassOrder.next_look_up_at, jump, confirming)
        _carry(PassOrder, PassOrder.resend_after, jump, confirming)
        under_way = Refund.status == RefundStatus.PENDING
        _carry(Refund, Refund.next_look_up_at, jump, under_way)
        _carry(Refund, Refund.resend_after, jump, under_way)
        _carry(CashReceipt, CashReceipt.next_try_at, jump, CashReceipt.status == ReceiptStatus.DUE)
        _carry(BillingKey, BillingKey.next_revocation_at, jump)
        in_back_office = SignIn.second_factor_at.is_not(None)
        _carry(SignIn, SignIn.expires_at, jump, in_back_office)
        _carry(SignIn, SignIn.back_office_until, jump, in_back_office)
        _carry(SignIn, SignIn.second_factor_at, jump)
        retried = (Notice.status == NoticeStatus.PENDING) & (Notice.tries > 0)
        _carry(Notice, Notice.due_at, jump, retried)

    @staticmethod
    def read_ahead(engine: Engine) -> timedelta:
        """Return how far ahead the shop's time is."""
        return timedelta(seconds=read_aside(engine, select(ShopClock.ahead_seconds)) or 0)


def _carry(table: Any, column: Any, jump: timedelta, *where: Any) -> None:
    # Locked and read anew: a worker may be settling one of these rows at this moment.
    found = select(table).where(column.is_not(None), *where).with_for_update(of=table)
    for row in db.session.scalars(found.execution_options(populate_existing=True)):
        setattr(row, column.key, getattr(row, column.key) + jump)
