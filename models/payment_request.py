"""A payment request: one sending to Toss, committed before it leaves, completed by its answer."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, bindparam, insert, update
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Model, db


class RequestKind(StrEnum):
    """What was asked of Toss."""

    ISSUE = "issue"
    CHARGE = "charge"
    CONFIRM = "confirm"
    CANCEL = "cancel"


class PaymentRequest(Model):
    """A sending: its idempotency key, its time, and Toss's status, code and trace id."""

    __table_args__ = (
        CheckConstraint(
            "(kind = 'issue') = (checkout_id IS NOT NULL)"
            " AND (kind = 'charge') = (attempt_id IS NOT NULL)"
            " AND (kind = 'confirm') = (pass_order_id IS NOT NULL)"
            " AND (kind = 'cancel') = (refund_id IS NOT NULL)",
            name="one_subject",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RequestKind]
    checkout_id: Mapped[str | None] = mapped_column(ForeignKey("checkout.id"), index=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("payment_attempt.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"), index=True)
    pass_order_id: Mapped[str | None] = mapped_column(ForeignKey("pass_order.id"), index=True)
    idempotency_key: Mapped[str] = mapped_column(String(36))
    secret_fingerprint: Mapped[str] = mapped_column(String(16))
    sent_at: Mapped[datetime]
    http_status: Mapped[int | None]
    code: Mapped[str | None] = mapped_column(String(100))
    trace_id: Mapped[str | None] = mapped_column(String(100))
    transient: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def send(
        cls,
        kind: RequestKind,
        *,
        idempotency_key: str,
        secret_fingerprint: str,
        now: datetime,
        checkout_id: str | None = None,
        attempt_id: int | None = None,
        refund_id: int | None = None,
        pass_order_id: str | None = None,
    ) -> int:
        """Add a sending that is about to leave, and return its id."""
        values = {
            "kind": kind,
            "checkout_id": checkout_id,
            "attempt_id": attempt_id,
            "refund_id": refund_id,
            "pass_order_id": pass_order_id,
            "idempotency_key": idempotency_key,
            "secret_fingerprint": secret_fingerprint,
            "sent_at": now,
        }
        connection = db.session.connection()
        return int(connection.execute(_SEND, values).scalar_one())

    @classmethod
    def answered(
        cls,
        request_id: int,
        *,
        code: str,
        http_status: int | None,
        trace_id: str | None,
        transient: bool = False,
    ) -> None:
        """Keep what came back. A sending without a code was cut off with its process."""
        values = {
            "request_id": request_id,
            "code": code[:100],
            "http_status": http_status,
            "trace_id": trace_id and trace_id[:100],
            "transient": transient,
        }
        db.session.connection().execute(_ANSWER, values)


_SEND = insert(PaymentRequest).returning(PaymentRequest.id)
_ANSWER = update(PaymentRequest.__table__).where(  # type: ignore[arg-type]
    PaymentRequest.id == bindparam("request_id")
)
