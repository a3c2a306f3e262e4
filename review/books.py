"""What the shop's books say that its pages must agree with; read at once, and let go."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from models import (
    BillingKey,
    Checkout,
    Consent,
    Inquiry,
    Payment,
    Product,
    Quote,
    User,
    WebhookEvent,
    db,
)
from models.plan import TaxKind

MOST_ADDRESSES = 500


@dataclass(frozen=True)
class Offer:
    """A plan on sale, as its pages must show it."""

    slug: str
    name: str
    product: str
    price_won: int
    months: int
    tax_note: str

    @property
    def path(self) -> str:
        """Return the address of its own page."""
        return f"/plans/{self.slug}"

    @property
    def order_path(self) -> str:
        """Return the address of its order page."""
        return f"/checkout/{self.slug}"


@dataclass(frozen=True)
class QuotedAmount:
    """What an order page's quote would charge, and when it is charged again."""

    slug: str
    amount_won: int
    next_charge_on: date


@dataclass(frozen=True)
class Books:
    """The offers, what is others' than the reviewer's, and whether Toss ever posted a webhook."""

    offers: tuple[Offer, ...]
    others_paths: tuple[str, ...] = ()
    webhook_came_at: datetime | None = None
    m_id: str | None = None


def read_books(reviewer_email: str) -> Books:
    """Read what the check compares with; the connection is given back before anything is asked."""
    reviewer = User.with_email(reviewer_email) if reviewer_email else None
    books = Books(
        offers=tuple(
            _offer(plan) for product in Product.on_sale() for plan in product.plans_on_sale
        ),
        others_paths=tuple(_others_paths(reviewer.id)) if reviewer else (),
        webhook_came_at=db.session.scalar(
            select(WebhookEvent.received_at).order_by(WebhookEvent.received_at.desc()).limit(1)
        ),
        m_id=db.session.scalar(select(BillingKey.m_id).order_by(BillingKey.id.desc()).limit(1)),
    )
    db.session.rollback()
    return books


def read_quotes(ids: dict[str, int]) -> dict[str, QuotedAmount]:
    """Return what the quotes with these ids would charge, by the address of their order page."""
    found = {
        path: QuotedAmount(quote.plan.slug, quote.amount_won, quote.period_end_on)
        for path, number in ids.items()
        if (quote := db.session.get(Quote, number)) is not None
    }
    db.session.rollback()
    return found


def owners_of(emails: set[str], *, but: str) -> set[str]:
    """Return which of these addresses belong to another account."""
    asked = sorted(emails)[:MOST_ADDRESSES]
    query = select(User.email).where(
        User.email.in_(asked), User.email != User.normalized_email(but)
    )
    found = set(db.session.scalars(query))
    db.session.rollback()
    return found


def _offer(plan: Any) -> Offer:
    return Offer(
        slug=plan.slug,
        name=plan.name,
        product=plan.product.name,
        price_won=plan.price_won,
        months=plan.months,
        tax_note="면세" if plan.tax_kind is TaxKind.TAX_FREE else "부가세 포함",
    )


def _others_paths(user_id: int) -> list[str]:
    """Return the address of one thing of each kind that belongs to somebody else."""
    kinds: list[tuple[Any, str]] = [
        (Payment, "/payments/{}"),
        (Checkout, "/checkouts/{}"),
        (Consent, "/account/consents/{}"),
        (Inquiry, "/contact/inquiries/{}"),
    ]
    found = []
    for kind, path in kinds:
        number = db.session.scalar(select(kind.id).where(kind.user_id != user_id).limit(1))
        if number is not None:
            found.append(path.format(number))
    return found
