"""A customer's answer to a higher price, and what it is worth on the day (전자상거래법 13조 6항).

Only an explicit yes inside the thirty days before the first charge at the higher price counts;
without one the subscription renews as before. A no is for good, and a yes can be taken back until
the charge begins.
"""

from datetime import date, datetime
from typing import Any

from billing import BillingError
from billing.agreements import Agreement, keep_agreement
from models import AuditEntry, Invoice, Notice, PriceChange, PriceOffer, Quote, Subscription, db
from models.notice import NoticeKind
from rules.periods import seoul_date
from rules.wording import N_


class NothingToAnswer(BillingError):
    """No higher price is offered to this customer now, or it is not the time to answer."""

    user_message = N_("지금은 답할 수 있는 가격 변경이 없어요. 내 구독에서 상태를 확인해 주세요.")


class PriceKept(BillingError):
    """The customer chose to keep the price; that answer is for good."""

    user_message = N_("지금 가격 그대로 이용하기로 하셨어요. 결제 금액은 바뀌지 않아요.")


class PriceQuoteExpired(BillingError):
    """What the page showed is too old, or not true any more; nothing was agreed to."""

    user_message = N_("화면을 연 지 오래되어 금액과 날짜를 새로 불러왔어요. 다시 확인해 주세요.")


def can_answer(change: PriceChange, *, now: datetime) -> bool:
    """Test whether a yes or no is awaited now: its days have come, and nothing is undecided."""
    subscription = change.subscription
    return (
        change.is_open
        and not change.is_agreed
        and not change.is_off
        and change.is_window_open(seoul_date(now))
        and subscription.is_active
        and not subscription.is_canceling
        and not subscription.is_held
        and subscription.next_plan is None
        and subscription.open_invoice is None
    )


def quote_price(*, subscription_id: int, now: datetime) -> Quote:
    """Store what agreeing to the offered price will cost, and from which day.

    :raises NothingToAnswer: nothing is offered, or it is not the time to answer.
    """
    change = PriceChange.open_for(subscription_id)
    if change is None or not can_answer(change, now=now):
        raise NothingToAnswer
    subscription, period = change.subscription, change.period
    assert period is not None
    quote = Quote.price_rise(
        user_id=subscription.user_id,
        plan=change.offer.to_plan,
        anchor_on=subscription.next_place[0],
        period=period,
        now=now,
    )
    db.session.commit()
    return quote


def agree_to_price(
    *, subscription_id: int, quote_id: int, agreement: Agreement, address: str, now: datetime
) -> PriceChange:
    """Take the customer's yes to a higher price from its day on; a repeat changes nothing.

    :raises NothingToAnswer: nothing is offered, or it is not the time to answer.
    :raises PriceKept: the customer had said no.
    :raises PriceQuoteExpired: the page is too old, or shows what is not true any more.
    """
    subscription = Subscription.locked(subscription_id)
    change = PriceChange.latest_for(subscription_id)
    if change is not None and change.stands:
        db.session.rollback()
        return change
    try:
        change, quote = _answerable(change, subscription, quote_id, now=now)
    except BillingError:
        db.session.rollback()
        raise
    consent = keep_agreement(
        agreement, user_id=subscription.user_id, quote=quote, address=address, now=now
    )
    db.session.flush()
    change.agree(quote, consent, now=now)
    tell(NoticeKind.PRICE_AGREED, consent.id, change, quote.period_start_on, now=now)
    note("price.agreed", change, address=address, facts={"quote_id": quote.id}, now=now)
    db.session.commit()
    return change


def keep_price(*, subscription_id: int, address: str, now: datetime) -> PriceChange:
    """Take the customer's no: a refusal, or a yes that is taken back; a repeat changes nothing.

    :raises NothingToAnswer: nothing is offered, or the higher price is being charged already.
    """
    Subscription.locked(subscription_id)
    change = PriceChange.latest_for(subscription_id)
    if change is not None and change.is_kept:
        db.session.rollback()
        return change
    if change is None or not (change.is_agreed or can_answer(change, now=now)):
        db.session.rollback()
        raise NothingToAnswer
    quote = change.quote
    change.keep(now=now)
    if quote is not None:
        tell(NoticeKind.PRICE_KEPT, change.id, change, quote.period_start_on, now=now)
    note(f"price.{change.status}", change, address=address, now=now)
    db.session.commit()
    return change


def forget_consent(subscription: Subscription, *, now: datetime) -> None:
    """Go on without a yes that stands, in the caller's commit: the customer chose otherwise.

    They may agree again while its days last.
    """
    change = PriceChange.open_for(subscription.id)
    if change is not None and change.is_agreed:
        change.forget_consent()
        note("price.consent_forgotten", change, now=now)


def take_up_price(subscription: Subscription, quote: Quote, *, now: datetime) -> None:
    """Owe the higher price from the period that is charged now, or go on as before.

    In the caller's commit. Judged by the day on which the period starts, whenever it is charged.
    """
    change = PriceChange.with_quote(quote.id)
    if change is not None and change.counts_for(subscription.next_period):
        change.apply()
        note("price.applied", change, facts={"quote_id": quote.id}, now=now)
    else:
        subscription.plan_next(None)


def take_price_back(invoice: Invoice, *, now: datetime) -> None:
    """Go by the old price again where the first charge of a higher one never came about.

    In the caller's commit. The consent was to a charge on its day: a later one wants a new one.
    """
    subscription, change = invoice.subscription, PriceChange.with_quote(invoice.quote_id)
    if change is None or change.former_quote is None or _was_paid(subscription, invoice.quote_id):
        return
    is_asked_else = PriceChange.open_for(subscription.id) is not None
    change.take_back(ask_again_on=None if is_asked_else else seoul_date(now))
    note("price.taken_back", change, now=now)


def tell(
    kind: NoticeKind, number: int, change: PriceChange, effective_on: date, *, now: datetime
) -> None:
    """Owe the customer a mail about a price change and its day, in the caller's commit."""
    Notice.owe(
        kind,
        cause=f"{kind}:{number}:{effective_on}",
        user_id=change.subscription.user_id,
        facts={
            "price_change_id": change.id,
            "subscription_id": change.subscription_id,
            "on": str(effective_on),
        },
        now=now,
        may_be_known=True,
    )


def note(
    action: str,
    change: PriceChange,
    *,
    now: datetime,
    address: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Add to the log what came of a price change; with an address, its customer did it."""
    AuditEntry.write(
        action,
        subject_type="subscription",
        subject_id=change.subscription_id,
        actor_id=change.subscription.user_id if address is not None else None,
        address=address,
        facts={"offer_id": change.offer_id, **(facts or {})},
        now=now,
    )


def _answerable(
    change: PriceChange | None, subscription: Subscription, quote_id: int, *, now: datetime
) -> tuple[PriceChange, Quote]:
    if change is not None and change.is_kept:
        raise PriceKept
    if change is None:
        raise NothingToAnswer
    PriceOffer.locked(change.offer_id, read=True)
    if not can_answer(change, now=now):
        raise NothingToAnswer
    quote = Quote.of(subscription.user_id, quote_id, change.offer.to_plan_id)
    if (
        quote is None
        or not quote.is_price_rise
        or not quote.is_open(now)
        or quote.period != change.period
        or quote.anchor_on != subscription.next_place[0]
    ):
        raise PriceQuoteExpired
    return change, quote


def _was_paid(subscription: Subscription, quote_id: int) -> bool:
    return any(one.is_paid and one.quote_id == quote_id for one in subscription.invoices)
