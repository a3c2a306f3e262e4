"""Go on with another plan (플랜 변경): a dearer or longer one today, others after the paid period.

Today means a new term at the full new price; what is left of the old payment comes back once that
is paid. Both amounts are one quote. Nobody pays a penalty for staying.
"""

from collections.abc import Sequence
from datetime import datetime

from billing import BillingError
from billing.agree_to_price import forget_consent
from billing.agreements import Agreement, keep_agreements
from models import AuditEntry, Checkout, Invoice, Notice, Payment, Plan, Quote, Subscription, db
from models.notice import NoticeKind
from models.quote import line
from rules import refunds
from rules.periods import seoul_date
from rules.refunds import RefundTerms
from rules.wording import N_


class NotChangeable(BillingError):
    """This subscription cannot be changed to this plan now."""

    user_message = N_("지금은 이 플랜으로 바꿀 수 없어요. 내 구독에서 상태를 확인해 주세요.")


class ChangeQuoteExpired(BillingError):
    """The amounts on the page are not true any more; nothing moved."""

    user_message = N_("금액을 새로 계산했어요. 다시 확인해 주세요.")


def can_change(subscription: Subscription) -> bool:
    """Test whether the plan can be changed: it runs, is paid, and nothing is undecided."""
    return (
        subscription.is_active
        and subscription.period_no > 0
        and not subscription.is_canceling
        and not subscription.is_held
        and not subscription.billing_key.is_suspect
        and subscription.open_invoice is None
    )


def quote_change(*, subscription_id: int, plan: Plan, terms: RefundTerms, now: datetime) -> Quote:
    """Store what changing to `plan` costs and gives back, and from when.

    :raises NotChangeable: the subscription or the plan does not allow it.
    """
    subscription = db.session.get_one(Subscription, subscription_id)
    _refuse_unfit(subscription, plan, now=now)
    quote = _quote(subscription, plan, terms=terms, now=now)
    db.session.commit()
    return quote


def change_plan(
    *,
    subscription_id: int,
    quote_id: int,
    agreements: Sequence[Agreement],
    address: str,
    terms: RefundTerms,
    now: datetime,
) -> Checkout:
    """Take the customer's yes: owe the new plan's first period now, or set it for later.

    What is owed now is collected by `finish_checkout`, by the page or by a worker.

    :raises NotChangeable: the subscription or the plan does not allow it.
    :raises ChangeQuoteExpired: the quote is too old, or the amounts are others now.
    """
    subscription = Subscription.locked(subscription_id)
    quote = Quote.of_user(subscription.user_id, quote_id)
    if quote is None or not quote.is_open(now):
        db.session.rollback()
        raise ChangeQuoteExpired
    try:
        _refuse_unfit(subscription, quote.plan, now=now)
        if not _is_still(quote, _figures(subscription, quote.plan, terms=terms, now=now)):
            raise ChangeQuoteExpired
    except BillingError:
        db.session.rollback()
        raise
    if quote.begins_now:
        invoice = Invoice.plan_change(subscription, quote, now=now)
        subscription.begin_collecting()
    else:
        invoice = None
        forget_consent(subscription, now=now)
        subscription.plan_next(quote)
    checkout = Checkout.plan_change(subscription, quote, invoice=invoice, now=now)
    db.session.flush()
    keep_agreements(
        agreements, user_id=checkout.user_id, checkout_id=checkout.id, address=address, now=now
    )
    if invoice is None:
        Notice.owe(
            NoticeKind.PLAN_CHANGE_SET,
            cause=f"plan_change_set:{checkout.id}",
            user_id=checkout.user_id,
            facts={"quote_id": quote.id},
            now=now,
        )
    _log("plan.change_begun", subscription, quote.plan, now=now)
    db.session.commit()
    return checkout


def undo_change(*, subscription_id: int, now: datetime) -> None:
    """Keep the plan after all, until the other one begins.

    :raises NotChangeable: no other plan waits.
    """
    subscription = Subscription.locked(subscription_id)
    if subscription.next_quote is None or subscription.next_quote.is_price_rise:
        db.session.rollback()
        raise NotChangeable
    _log("plan.change_undone", subscription, subscription.next_quote.plan, now=now)
    subscription.plan_next(None)
    db.session.commit()


def _refuse_unfit(subscription: Subscription, plan: Plan, *, now: datetime) -> None:
    paid_period = subscription.paid_period
    if (
        not can_change(subscription)
        or paid_period is None
        or seoul_date(now) >= paid_period.end_on
        or not plan.is_on_sale
        or plan.product_id != subscription.product_id
        or plan.id == subscription.plan_id
    ):
        raise NotChangeable


def _quote(subscription: Subscription, plan: Plan, *, terms: RefundTerms, now: datetime) -> Quote:
    if not plan.is_step_up_from(subscription.plan):
        assert subscription.paid_until_on is not None
        return Quote.change_later(
            user_id=subscription.user_id, plan=plan, anchor_on=subscription.paid_until_on, now=now
        )
    payment, refund_won = _left_of_payment(subscription, terms=terms, now=now)
    lines = [line(N_("%(plan)s 결제"), plan.price_won, plan=plan)]
    if refund_won:
        left = N_("%(plan)s 남은 금액 환불")
        lines.append(line(left, -refund_won, plan=subscription.plan))
    return Quote.change_now(
        user_id=subscription.user_id,
        plan=plan,
        payment=payment,
        refund_won=refund_won,
        lines=lines,
        now=now,
    )


def _left_of_payment(
    subscription: Subscription, *, terms: RefundTerms, now: datetime
) -> tuple[Payment | None, int]:
    payment = subscription.current_payment
    if payment is None:
        return None, 0
    unused = refunds.refund(
        amount_won=payment.amount_won,
        period=payment.period,
        requested_on=seoul_date(now),
        was_used=payment.used_at is not None,
        terms=RefundTerms(terms.withdraw_days),
        paid_on=seoul_date(payment.approved_at),
        balance_won=payment.refundable_won,
    )
    return payment, unused.won


def _figures(
    subscription: Subscription, plan: Plan, *, terms: RefundTerms, now: datetime
) -> tuple[object, ...]:
    """Return what must not have changed since the quote: kind, first day, payment, refund."""
    if not plan.is_step_up_from(subscription.plan):
        return False, subscription.paid_until_on, None, 0
    payment, refund_won = _left_of_payment(subscription, terms=terms, now=now)
    return True, seoul_date(now), payment.id if payment else None, refund_won


def _is_still(quote: Quote, figures: tuple[object, ...]) -> bool:
    return (quote.begins_now, quote.anchor_on, quote.payment_id, quote.refund_won) == figures


def _log(action: str, subscription: Subscription, plan: Plan, *, now: datetime) -> None:
    AuditEntry.write(
        action,
        subject_type="subscription",
        subject_id=subscription.id,
        actor_id=subscription.user_id,
        facts={"plan": plan.slug},
        now=now,
    )
