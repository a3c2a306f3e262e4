"""The whole story of a subscription: every row that speaks of it, read in a handful of queries."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import joinedload, lazyload, raiseload
from sqlalchemy.orm.attributes import set_committed_value

from models.audit_entry import AuditEntry
from models.base import db
from models.checkout import Checkout, CheckoutKind, CheckoutStatus
from models.consent import Consent
from models.invoice import Invoice
from models.notice import Notice
from models.payment import Payment
from models.payment_attempt import PaymentAttempt
from models.payment_request import PaymentRequest
from models.plan import Plan
from models.refund import Refund
from models.subscription import Subscription
from models.webhook_event import WebhookEvent

_WHOLE = [joinedload(Subscription.next_plan).lazyload(Plan.product)]
MAILS = 1000
"""How many of a customer's mails are looked through, the newest first."""


@dataclass(frozen=True)
class StoryCheckout:
    """What of a checkout is told: its auth key and its plan are not."""

    id: str
    kind: CheckoutKind
    status: CheckoutStatus
    failure_code: str | None
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True)
class Story:
    """A subscription with all that happened to it; every list is in the order of its ids."""

    subscription: Subscription
    invoices: list[Invoice]
    attempts: list[PaymentAttempt]
    refunds: list[Refund]
    checkouts: list[StoryCheckout]
    consents: list[Consent]
    requests: list[PaymentRequest]
    notices: list[Notice]
    webhooks: list[WebhookEvent]
    acts: list[AuditEntry]

    @property
    def payments(self) -> list[Payment]:
        """Return the money that came in."""
        return [invoice.payment for invoice in self.invoices if invoice.payment is not None]

    @classmethod
    def of(cls, subscription_id: int) -> "Story | None":
        """Return the story of a subscription; None where there is no such one."""
        subscription = db.session.get(Subscription, subscription_id, options=_WHOLE)
        if subscription is None:
            return None
        invoices = _invoices(subscription_id)
        attempts = _attempts([invoice.id for invoice in invoices])
        refunds = _refunds([one.payment for one in invoices if one.payment is not None])
        checkouts, consents = _checkouts(subscription, [invoice.id for invoice in invoices])
        return cls(
            subscription=subscription,
            invoices=invoices,
            attempts=attempts,
            refunds=refunds,
            checkouts=checkouts,
            consents=consents,
            requests=_requests(attempts, refunds, checkouts),
            notices=_notices(subscription, invoices, refunds),
            webhooks=_webhooks(subscription_id),
            acts=AuditEntry.about(
                [
                    ("subscription", subscription_id),
                    ("billing_key", subscription.billing_key_id),
                    *(("refund", refund.id) for refund in refunds),
                ]
            ),
        )


def _invoices(subscription_id: int) -> list[Invoice]:
    query = select(Invoice).filter_by(subscription_id=subscription_id).order_by(Invoice.id)
    paid = joinedload(Invoice.payment).joinedload(Payment.cash_receipt)
    return list(db.session.scalars(query.options(paid)))


def _attempts(invoice_ids: list[int]) -> list[PaymentAttempt]:
    query = select(PaymentAttempt).where(PaymentAttempt.invoice_id.in_(invoice_ids))
    card = joinedload(PaymentAttempt.billing_key)
    return list(db.session.scalars(query.options(card).order_by(PaymentAttempt.id)))


def _refunds(payments: list[Payment]) -> list[Refund]:
    query = select(Refund).where(Refund.payment_id.in_([payment.id for payment in payments]))
    quote = joinedload(Refund.quote).options(raiseload("*"))
    refunds = list(db.session.scalars(query.options(quote).order_by(Refund.id)))
    for payment in payments:
        own = [refund for refund in refunds if refund.payment_id == payment.id]
        set_committed_value(payment, "refunds", own)
    return refunds


def _checkouts(
    subscription: Subscription, invoice_ids: list[int]
) -> tuple[list[StoryCheckout], list[Consent]]:
    """Return the checkouts of a subscription, and what was agreed to in them or to a price."""
    told = (
        Checkout.id,
        Checkout.kind,
        Checkout.status,
        Checkout.failure_code,
        Checkout.created_at,
        Checkout.settled_at,
    )
    has_ended = subscription.ended_at is not None
    is_of_price = and_(
        Consent.user_id == subscription.user_id,
        Consent.quote_id.is_not(None),
        Consent.given_at >= subscription.created_at,
        Consent.given_at <= subscription.ended_at if has_ended else true(),
    )
    query = (
        select(*told, Consent)
        .outerjoin(Consent, or_(Consent.checkout_id == Checkout.id, is_of_price))
        .where(
            or_(Checkout.subscription_id == subscription.id, Checkout.invoice_id.in_(invoice_ids))
        )
        .options(lazyload(Consent.policy_text))
        .order_by(Checkout.created_at, Consent.id)
    )
    checkouts: dict[str, StoryCheckout] = {}
    consents: dict[int, Consent] = {}
    for row in db.session.execute(query):
        checkouts.setdefault(row.id, StoryCheckout(*row[:-1]))
        if row.Consent is not None:
            consents[row.Consent.id] = row.Consent
    return list(checkouts.values()), list(consents.values())


def _requests(
    attempts: list[PaymentAttempt], refunds: list[Refund], checkouts: list[StoryCheckout]
) -> list[PaymentRequest]:
    query = select(PaymentRequest).where(
        or_(
            PaymentRequest.attempt_id.in_([attempt.id for attempt in attempts]),
            PaymentRequest.refund_id.in_([refund.id for refund in refunds]),
            PaymentRequest.checkout_id.in_([checkout.id for checkout in checkouts]),
        )
    )
    return list(db.session.scalars(query.order_by(PaymentRequest.id)))


def _notices(
    subscription: Subscription, invoices: list[Invoice], refunds: list[Refund]
) -> list[Notice]:
    """Return the customer's mails that speak of this subscription."""
    about = {
        "subscription_id": {subscription.id},
        "invoice_id": {invoice.id for invoice in invoices},
        "refund_id": {refund.id for refund in refunds},
    }
    query = select(Notice).filter_by(user_id=subscription.user_id).order_by(Notice.id.desc())
    mails = db.session.scalars(query.limit(MAILS))
    mine = [
        mail for mail in mails if any(mail.facts.get(name) in ids for name, ids in about.items())
    ]
    return mine[::-1]


def _webhooks(subscription_id: int) -> list[WebhookEvent]:
    query = select(WebhookEvent).filter_by(subscription_id=subscription_id)
    return list(db.session.scalars(query.order_by(WebhookEvent.id)))
