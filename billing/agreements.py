"""What a customer ticked before money moves, kept word for word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models import Consent, PolicyText, Quote


@dataclass(frozen=True)
class Agreement:
    """A text that the customer ticked, and the policy that it speaks of, word for word."""

    document: str
    version: str
    text: str
    policy: str
    policy_html: str


def keep_agreements(
    agreements: Sequence[Agreement],
    *,
    user_id: int,
    checkout_id: str,
    address: str,
    now: datetime,
) -> None:
    """Store the consents of a checkout, in the caller's commit."""
    for agreement in agreements:
        keep_agreement(
            agreement, user_id=user_id, checkout_id=checkout_id, address=address, now=now
        )


def keep_agreement(
    agreement: Agreement,
    *,
    user_id: int,
    address: str,
    now: datetime,
    checkout_id: str | None = None,
    quote: Quote | None = None,
) -> Consent:
    """Store one consent with the policy that it speaks of, in the caller's commit."""
    return Consent.give(
        user_id=user_id,
        checkout_id=checkout_id,
        quote=quote,
        document=agreement.document,
        version=agreement.version,
        text=agreement.text,
        address=address,
        now=now,
        policy_text=PolicyText.keep(
            name=agreement.policy,
            version=agreement.version,
            html=agreement.policy_html,
            now=now,
        ),
    )
