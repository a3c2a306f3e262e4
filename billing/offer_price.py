"""A merchant's offer to go on at a higher price: made, taken back, and followed day by day.

A plan's price never changes; the offer is another plan. It ends nobody: who does not agree keeps
the old plan (전자상거래법 13조 6항).
"""

from datetime import date, datetime, timedelta

from billing import BillingError
from billing.agree_to_price import can_answer, note, tell
from models import AuditEntry, Plan, PriceChange, PriceOffer, Subscription, db
from models.notice import NoticeKind
from rules.periods import seoul_date
from rules.price_consent import CONSENT_DAYS, window_opens_on

LATEST = timedelta(days=366)
"""How far ahead an offer may be dated."""
_DAY = timedelta(days=1)


class NotComparable(BillingError):
    """The plans are not two prices of one thing."""

    user_message = (
        "두 플랜은 같은 상품이고 결제 주기가 같아야 하고, 바뀐 플랜이 더 비싸야 해요."
        " 플랜을 다시 골라 주세요."
    )


class WrongDay(BillingError):
    """The customers would not have the whole thirty days to answer, or it is too far ahead."""

    user_message = (
        f"바뀌는 날은 오늘부터 {CONSENT_DAYS}일 뒤에서 1년 뒤 사이로 골라 주세요."
        " 모두에게 동의할 시간 30일을 드려야 해요."
    )


class AlreadyOffered(BillingError):
    """Somebody is still being asked about this plan's price."""

    user_message = (
        "이 플랜의 가격 제안이 아직 진행 중이에요."
        " 그 제안이 끝나거나 철회된 뒤에 다시 제안해 주세요."
    )


class NobodyToAsk(BillingError):
    """Nobody pays for this plan who did not refuse the dearer one before."""

    user_message = "제안을 받을 구독자가 없어요. 지난번에 거절한 분께는 다시 묻지 않아요."


class OfferOver(BillingError):
    """Nobody is being asked any more: there is nothing to take back."""

    user_message = "이미 끝났거나 철회한 제안이에요."


def check_offer(*, from_plan: Plan, to_plan: Plan, change_on: date, now: datetime) -> None:
    """Test an offer before it is made.

    :raises NotComparable: the plans differ in more than the price, or it does not rise.
    :raises WrongDay: too soon or too late.
    :raises AlreadyOffered: an offer for this plan is still open.
    """
    if not to_plan.is_dearer_than(from_plan):
        raise NotComparable
    today = seoul_date(now)
    if not today + timedelta(days=CONSENT_DAYS) <= change_on <= today + LATEST:
        raise WrongDay
    if PriceChange.any_open(from_plan.id):
        raise AlreadyOffered


def offer_price(
    *,
    from_plan: Plan,
    to_plan: Plan,
    change_on: date,
    reason: str,
    actor_id: int,
    address: str | None = None,
    now: datetime,
) -> PriceOffer:
    """Offer a dearer plan to everybody who pays for `from_plan` now; nobody is mailed yet.

    Who subscribes later is not asked. Each is asked thirty days before their own day.

    :raises NotComparable: as `check_offer`.
    :raises WrongDay: as `check_offer`.
    :raises AlreadyOffered: as `check_offer`.
    :raises NobodyToAsk: there is no such customer.
    """
    Plan.locked(from_plan.id)
    offer = PriceOffer(
        from_plan_id=from_plan.id,
        to_plan_id=to_plan.id,
        change_on=change_on,
        reason=reason,
        created_by_id=actor_id,
        created_at=now,
    )
    try:
        check_offer(from_plan=from_plan, to_plan=to_plan, change_on=change_on, now=now)
        db.session.add(offer)
        db.session.flush()
        asked = PriceChange.open_to_all(offer, now=now)
        if not asked:
            raise NobodyToAsk
    except BillingError:
        db.session.rollback()
        raise
    AuditEntry.write(
        "price_offer.made",
        subject_type="price_offer",
        subject_id=offer.id,
        actor_id=actor_id,
        address=address,
        facts={
            "from": from_plan.slug,
            "to": to_plan.slug,
            "on": str(change_on),
            "subscriptions": asked,
        },
        now=now,
    )
    db.session.commit()
    return offer


def withdraw_offer(
    *, offer_id: int, actor_id: int, address: str | None = None, now: datetime
) -> None:
    """Take an offer back: from now on no yes counts; `follow_price_change` tells who gave one.

    :raises OfferOver: it was taken back, or nobody is being asked any more.
    """
    offer = PriceOffer.locked(offer_id)
    if offer.is_withdrawn or not PriceChange.is_any_left(offer_id):
        db.session.rollback()
        raise OfferOver
    offer.withdraw(now=now)
    PriceChange.follow_all(offer_id, on=seoul_date(now))
    AuditEntry.write(
        "price_offer.withdrawn",
        subject_type="price_offer",
        subject_id=offer_id,
        actor_id=actor_id,
        address=address,
        now=now,
    )
    db.session.commit()


def follow_price_change(*, price_change_id: int, now: datetime) -> None:
    """Bring one customer's price change to where it belongs today: asked, over, or left waiting.

    Who is asked is mailed once for their day. While something about the subscription is undecided
    nobody is asked; it is looked at again the next day.
    """
    subscription_id = db.session.get_one(PriceChange, price_change_id).subscription_id
    Subscription.locked(subscription_id)
    change = db.session.get_one(PriceChange, price_change_id)
    today = seoul_date(now)
    if change.look_on is None or change.look_on > today:
        db.session.rollback()
        return
    period = change.period
    if change.is_off:
        _drop(change, now=now)
    elif period is None:
        change.lapse()
        note("price.lapsed", change, now=now)
    else:
        _follow(change, period.start_on, now=now)
    db.session.commit()


def _follow(change: PriceChange, effective_on: date, *, now: datetime) -> None:
    today = seoul_date(now)
    if change.is_agreed and change.quote and change.quote.period_start_on != effective_on:
        change.ask_anew(on=today)
        note("price.day_moved", change, now=now)
    if change.is_waiting and can_answer(change, now=now):
        change.ask(now=now, look_on=effective_on)
        tell(NoticeKind.PRICE_ASKED, change.id, change, effective_on, now=now)
        note("price.asked", change, now=now)
    elif change.is_waiting:
        change.look_again(max(window_opens_on(effective_on), today + _DAY))
    else:
        change.look_again(max(effective_on, today + _DAY))


def _drop(change: PriceChange, *, now: datetime) -> None:
    agreed = change.quote if change.is_agreed else None
    change.drop()
    note("price.dropped", change, now=now)
    if agreed is not None and change.offer.is_withdrawn and change.subscription.is_running:
        tell(NoticeKind.PRICE_DROPPED, change.id, change, agreed.period_start_on, now=now)
