"""What the shop keeps of a customer, in the customer's hands."""

from typing import Any

from sqlalchemy import select

from models import Consent, Inquiry, Notice, PassOrder, Payment, SignIn, Subscription, User, db


def of(user: User) -> dict[str, Any]:
    """Return all that is kept of a user, without what is secret even to them."""
    return {
        "account": {
            "email": user.email,
            "name": user.name,
            "since": user.created_at.isoformat(),
            "password_changed_at": user.password_changed_at.isoformat(),
        },
        "consents": [
            {
                "document": consent.document,
                "version": consent.version,
                "text": consent.text,
                "given_at": consent.given_at.isoformat(),
                "address": consent.address,
            }
            for consent in Consent.of_user(user.id)
        ],
        "subscriptions": [_subscription(one) for one in _all(Subscription, user)],
        "passes": [_pass(one) for one in PassOrder.paid_by(user.id)],
        "payments": [_payment(one) for one in Payment.of_user(user.id)],
        "inquiries": [
            {
                "topic": one.topic,
                "body": one.body,
                "asked_at": one.created_at.isoformat(),
                "answer": one.answer,
            }
            for one in Inquiry.of_user(user.id)
        ],
        "mails": [
            {
                "kind": str(one.kind),
                "written_at": one.created_at.isoformat(),
                "sent_at": one.sent_at.isoformat() if one.sent_at else None,
            }
            for one in _all(Notice, user)
        ],
        "sign_ins": [
            {
                "at": one.created_at.isoformat(),
                "address": one.address,
                "browser": one.user_agent,
            }
            for one in _all(SignIn, user)
        ],
    }


def _all(model: Any, user: User) -> list[Any]:
    return list(db.session.scalars(select(model).filter_by(user_id=user.id).order_by(model.id)))


def _subscription(one: Subscription) -> dict[str, Any]:
    return {
        "plan": one.plan.name,
        "status": str(one.status),
        "since": one.created_at.isoformat(),
        "paid_until": str(one.paid_until_on) if one.paid_until_on else None,
        "card": f"{one.billing_key.card_issuer} {one.billing_key.card_number}",
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
    }


def _pass(one: PassOrder) -> dict[str, Any]:
    return {
        "order": one.id,
        "plan": one.plan.name,
        "from": one.starts_on.isoformat(),
        "until": one.period.last_on.isoformat(),
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
    }


def _payment(one: Payment) -> dict[str, Any]:
    return {
        "order": one.order_id,
        "won": one.amount_won,
        "vat_won": one.vat_won,
        "paid_at": one.approved_at.isoformat(),
        "card": f"{one.card_issuer} {one.card_number}",
        "period": f"{one.period.start_on}/{one.period.last_on}",
        "refunds": [
            {"won": refund.amount_won, "status": str(refund.status)} for refund in one.refunds
        ],
    }
