"""Models on both databases, inside an app context."""

from collections.abc import Callable
from datetime import datetime

import pytest

from models import BillingKey, Plan, Quote, Subscription, User, db


@pytest.fixture(autouse=True)
def _in_context(context: None) -> None:
    """Run every test of this folder inside an app context."""


@pytest.fixture
def card(user: User, now: datetime) -> Callable[[str], BillingKey]:
    """Return a function that adds a billing key."""

    def new(name: str) -> BillingKey:
        card = BillingKey(
            user_id=user.id, ciphertext="x", fingerprint=name, method="카드", card_issuer="하나",
            card_number="94100012****789*", key_pair="billing", m_id="x", secret_fingerprint="x",
            issued_at=now,
        )  # fmt: skip
        db.session.add(card)
        return card

    return new


@pytest.fixture
def subscription(
    user: User, plan: Plan, card: Callable[[str], BillingKey], now: datetime
) -> Subscription:
    """Return a paid subscription."""
    quote = Quote.first_charge(user=user, plan=plan, now=now)
    subscription = Subscription.begin(user=user, quote=quote, billing_key=card("first"), now=now)
    subscription.activate(quote.period)
    db.session.commit()
    return subscription
