"""Charge another card from now on (카드 변경), and collect at once what is past due."""

from datetime import datetime

from billing import BillingError
from billing.renew import renew
from gateways.payment import PaymentGateway
from models import AuditEntry, BillingKey, Checkout, Notice, Subscription, User, Vault, db
from models.checkout import CheckoutKind, FailureKind, WayToPay
from models.notice import NoticeKind
from models.quote import CHECKOUT_LIFETIME
from rules.collection_terms import CollectionTerms
from rules.wording import N_


class NothingToChange(BillingError):
    """No running subscription is there to change the card of."""

    user_message = N_("카드를 바꿀 구독이 없어요. 내 구독에서 확인해 주세요.")


def start_card_change(
    *, user: User, subscription_id: int, now: datetime, way: WayToPay = WayToPay.CARD
) -> Checkout:
    """Keep what the card window is opened for, before it opens.

    :raises NothingToChange: the subscription is not this customer's, or does not run.
    """
    subscription = db.session.get(Subscription, subscription_id)
    if subscription is None or subscription.user_id != user.id or not subscription.is_running:
        raise NothingToChange
    checkout = Checkout(
        kind=CheckoutKind.CARD_CHANGE,
        user_id=user.id,
        plan_id=subscription.plan_id,
        subscription_id=subscription_id,
        way=way,
        created_at=now,
        expires_at=now + CHECKOUT_LIFETIME,
    )
    db.session.add(checkout)
    db.session.commit()
    return checkout


def replace_card(
    checkout: Checkout, billing_key: BillingKey, *, terms: CollectionTerms, now: datetime
) -> None:
    """Put an issued key in the place of the old one, in the caller's commit.

    The old key goes: it is never charged again, and is deleted at Toss. Where the subscription
    ended meanwhile, the new key goes instead.
    """
    assert checkout.subscription_id is not None
    db.session.flush()
    subscription = Subscription.locked(checkout.subscription_id)
    if not subscription.is_running:
        billing_key.begin_revocation()
        checkout.fail(FailureKind.ENDED, None, now=now)
        return
    old = subscription.billing_key
    if old.id != billing_key.id:
        subscription.replace_billing_key(billing_key, today=terms.charging_day(now))
        old.begin_revocation()
    elif subscription.needs_card:
        subscription.charge_on(terms.charging_day(now))
    checkout.complete_card_change(now=now)
    Notice.owe(
        NoticeKind.CARD_CHANGED,
        cause=f"card_changed:{checkout.id}",
        user_id=subscription.user_id,
        facts={"subscription_id": subscription.id, "card": billing_key.card_number},
        now=now,
    )
    AuditEntry.write(
        "card.changed",
        subject_type="subscription",
        subject_id=subscription.id,
        actor_id=subscription.user_id,
        now=now,
    )


def collect_after_card_change(
    *,
    subscription_id: int,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    """Charge what is past due with the new card now, whatever the retry days say.

    :raises PaymentGatewayError: as `renew` does; the dunning goes on as it was.
    """
    subscription = db.session.get_one(Subscription, subscription_id)
    if subscription.is_past_due and subscription.next_charge_on is not None:
        renew(subscription_id=subscription_id, gateway=gateway, vault=vault, terms=terms, now=now)
