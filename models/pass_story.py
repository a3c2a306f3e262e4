"""The whole story of a pass: every row that speaks of its order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from models.audit_entry import AuditEntry
from models.base import db
from models.consent import Consent
from models.notice import Notice
from models.pass_order import PassOrder
from models.payment import Payment
from models.payment_request import PaymentRequest
from models.refund import Refund


@dataclass(frozen=True)
class PassStory:
    """A pass order with all that happened to it; every list is in the order of its ids."""

    order: PassOrder
    payment: Payment | None
    refunds: Sequence[Refund]
    consents: Sequence[Consent]
    requests: Sequence[PaymentRequest]
    notices: Sequence[Notice]
    acts: Sequence[AuditEntry]

    @classmethod
    def of(cls, order_id: str) -> "PassStory | None":
        """Return the story of an order; None where there is no such one."""
        order = db.session.get(PassOrder, order_id)
        if order is None:
            return None
        refunds = order.payment.refunds if order.payment is not None else []
        refund_ids = [refund.id for refund in refunds]
        about: dict[str, list[Any]] = {"pass_order_id": [order_id], "refund_id": refund_ids}
        mails = db.session.scalars(
            select(Notice).filter_by(user_id=order.user_id).order_by(Notice.id)
        )
        requests = select(PaymentRequest).where(
            or_(
                PaymentRequest.pass_order_id == order_id,
                PaymentRequest.refund_id.in_(refund_ids),
            )
        )
        return cls(
            order=order,
            payment=order.payment,
            refunds=refunds,
            consents=Consent.for_quote(order.quote_id),
            requests=db.session.scalars(requests.order_by(PaymentRequest.id)).all(),
            notices=[
                mail
                for mail in mails
                if any(mail.facts.get(name) in ids for name, ids in about.items())
            ],
            acts=AuditEntry.about(
                [
                    ("pass_order", order_id),
                    *(("refund", refund_id) for refund_id in refund_ids),
                ]
            ),
        )
