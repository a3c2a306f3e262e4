"""Giving a pass back: what comes back is what the page showed, once, with the pair that took it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from billing import BillingError
from billing.close_account import MoneyOnItsWay, StillHasPass, close_account
from billing.give_pass_back import NothingToGiveBack, give_pass_back, quote_pass_refund
from billing.keep_webhook import keep_webhook
from billing.leave import RefundQuoteExpired
from billing.note_use import note_use
from billing.refund import give_back, sync
from billing.refund_by_merchant import quote_refund, refund_quoted
from billing.settle_webhook import settle_webhook
from gateways.payment import CancelRequest, OutcomeUnknown
from models import AuditEntry, Notice, PassOrder, Refund, WebhookEvent, db
from models.access import access_of
from models.notice import NoticeKind
from models.refund import RefundCause
from models.subscription import EndReason
from rules.periods import seoul_instant
from rules.refunds import RefundTerms
from tests.billing.test_buy_pass import confirm_of

FREE, PENALTY = RefundTerms(), RefundTerms(penalty_percent=10)


@pytest.fixture
def sold(pass_buyer, user, now):
    """Return a paid pass whose contract mail was sent at once."""
    order = pass_buyer.buy(user, now=now)
    notice = Notice.with_cause(f"pass_paid:{order.id}")
    notice.tries = 1
    notice.mark_sent(now=now)
    db.session.commit()
    return order


def leave(order, at, terms=FREE, reason=None):
    """Quote and give back at an instant; return the refund, None where nothing comes back."""
    quote = quote_pass_refund(
        order_id=order.id, terms=terms, now=at, by_merchant=reason is not None
    )
    refund_id = give_pass_back(
        order_id=order.id,
        quote_id=quote.id,
        actor_id=order.user_id,
        terms=terms,
        now=at,
        reason=reason,
    )
    return refund_id and db.session.get_one(Refund, refund_id)


def reads(user, now):
    return bool(access_of(user.id, now=now, grace_days=7))


@pytest.mark.parametrize(
    ("day", "is_used", "terms", "won", "cause"),
    [
        (date(2026, 11, 20), False, FREE, 10900, RefundCause.WITHDRAWAL),
        (date(2026, 11, 27), False, PENALTY, 10900, RefundCause.WITHDRAWAL),
        (date(2026, 11, 27), True, PENALTY, 7994, RefundCause.WITHDRAWAL),
        (date(2026, 11, 28), False, FREE, 7630, RefundCause.TERMINATION),
        (date(2026, 11, 28), True, PENALTY, 6867, RefundCause.TERMINATION),
        (date(2026, 12, 18), True, FREE, 364, RefundCause.TERMINATION),
    ],
)
def test_as_much_comes_back_as_of_a_subscription(sold, user, now, day, is_used, terms, won, cause):
    if is_used:
        note_use(sold, now=now)
        db.session.expire_all()

    refund = leave(sold, seoul_instant(day, 11), terms)

    assert (refund.amount_won, refund.cause) == (won, cause)
    order = db.session.get_one(PassOrder, sold.id)
    ends = {
        RefundCause.WITHDRAWAL: EndReason.WITHDRAWN,
        RefundCause.TERMINATION: EndReason.TERMINATED,
    }
    assert order.end_reason is ends[cause]
    assert not reads(user, seoul_instant(day, 12))
    kinds = [one.kind for one in db.session.scalars(select(Notice).order_by(Notice.id))]
    assert kinds == [NoticeKind.PASS_PAID, NoticeKind.PASS_ENDED]
    [entry] = db.session.scalars(select(AuditEntry)).all()
    assert (entry.subject_type, entry.facts["refund_won"]) == ("pass_order", won)


def test_on_the_last_day_nothing_is_left(sold):
    assert leave(sold, datetime(2026, 12, 19, 2, tzinfo=UTC)) is None


def test_the_days_of_withdrawal_wait_for_the_contract_mail(pass_buyer, user, now):
    order = pass_buyer.buy(user, now=now)

    refund = leave(order, now + timedelta(days=12))

    assert (refund.amount_won, refund.cause) == (10900, RefundCause.WITHDRAWAL)


def test_the_customer_and_the_merchant_at_once_give_back_no_more_than_there_is(
    sold, merchant, now, in_threads
):
    whole = quote_refund(payment_id=sold.payment.id, won=10900, now=now).id
    order_id, user_id, merchant_id = sold.id, sold.user_id, merchant.id
    quote_id = quote_pass_refund(order_id=order_id, terms=FREE, now=now).id
    acts = iter(
        [
            lambda: give_pass_back(
                order_id=order_id, quote_id=quote_id, actor_id=user_id, terms=FREE, now=now
            ),
            lambda: refund_quoted(quote_id=whole, reason="사과", actor_id=merchant_id, now=now),
        ]
    )

    came = in_threads(2, lambda: next(acts)())

    assert sorted(isinstance(one, BillingError) for one in came) == [False, True], came
    assert db.session.scalars(select(Refund)).one().amount_won == 10900


def test_a_pass_that_has_not_begun_comes_back_whole(pass_buyer, sold, user, now):
    second = pass_buyer.buy(user, now=now + timedelta(days=1))

    refund = leave(second, now + timedelta(days=20), PENALTY)

    assert refund.amount_won == 10900
    assert reads(user, now + timedelta(days=20))


def test_it_is_given_back_once(sold, now):
    quote = quote_pass_refund(order_id=sold.id, terms=FREE, now=now)
    values = {"order_id": sold.id, "quote_id": quote.id, "actor_id": sold.user_id, "terms": FREE}
    give_pass_back(**values, now=now)

    with pytest.raises(NothingToGiveBack):
        give_pass_back(**values, now=now)

    assert len(db.session.scalars(select(Refund)).all()) == 1
    assert quote_pass_refund(order_id=sold.id, terms=FREE, now=now) is None


def test_an_amount_that_is_not_true_any_more_moves_nothing(sold, now):
    quote = quote_pass_refund(order_id=sold.id, terms=FREE, now=now)
    values = {"order_id": sold.id, "quote_id": quote.id, "actor_id": sold.user_id, "terms": FREE}

    with pytest.raises(RefundQuoteExpired):
        give_pass_back(**values, now=now + timedelta(minutes=30))
    note_use(sold, now=now)
    with pytest.raises(RefundQuoteExpired):
        give_pass_back(**values, now=now)

    assert db.session.scalars(select(Refund)).all() == []
    assert not db.session.get_one(PassOrder, sold.id).is_ended


def test_days_that_are_over_cannot_be_given_back(sold):
    at = datetime(2026, 12, 20, 2, tzinfo=UTC)

    assert quote_pass_refund(order_id=sold.id, terms=FREE, now=at) is None


def test_toss_is_asked_with_the_pair_that_took_the_money(sold, gateway, pass_gateway, now):
    refund = leave(sold, now)
    assert Refund.key_pair_of(refund.id) == "pass"

    give_back(refund_id=refund.id, gateway=pass_gateway, now=now)

    assert [cancel.amount_won for cancel in pass_gateway.cancels] == [10900]
    assert gateway.calls == []
    assert db.session.get_one(Refund, refund.id).is_done


def test_a_lost_cancel_goes_back_once(sold, pass_gateway, now):
    refund = leave(sold, now)
    pass_gateway.lose_next("cancel")
    with pytest.raises(OutcomeUnknown):
        give_back(refund_id=refund.id, gateway=pass_gateway, now=now)

    give_back(refund_id=refund.id, gateway=pass_gateway, now=now + timedelta(minutes=5))

    assert len(pass_gateway.cancels) == 1
    assert db.session.get_one(Refund, refund.id).is_done


def test_what_the_merchant_cancels_at_toss_ends_the_pass(sold, pass_gateway, user, now):
    _cancel_at_toss(pass_gateway, sold, 10900)

    sync(payment_id=sold.payment.id, gateway=pass_gateway, now=now)

    order = db.session.get_one(PassOrder, sold.id)
    assert order.end_reason is EndReason.REFUNDED
    assert not reads(user, now)


def test_what_is_canceled_in_part_leaves_the_pass(sold, pass_gateway, user, now):
    _cancel_at_toss(pass_gateway, sold, 900)

    sync(payment_id=sold.payment.id, gateway=pass_gateway, now=now)

    assert reads(user, now)
    assert leave(sold, now).amount_won == 10000


def test_the_merchant_may_give_back_any_part(sold, merchant, pass_gateway, user, now):
    quote = quote_refund(payment_id=sold.payment.id, won=900, now=now)
    values = {"quote_id": quote.id, "reason": "사과", "actor_id": merchant.id, "now": now}

    refund_id = refund_quoted(**values)

    assert refund_quoted(**values) == refund_id
    give_back(refund_id=refund_id, gateway=pass_gateway, now=now)
    assert reads(user, now)
    assert leave(sold, now, PENALTY, reason="닫음").cause is RefundCause.MERCHANT


@pytest.mark.parametrize("is_known", [True, False])
def test_a_webhook_makes_the_shop_ask_with_the_right_pair(
    sold, gateway, pass_gateway, vault, user, now, is_known
):
    _cancel_at_toss(pass_gateway, sold, 10900)
    payment_key = sold.payment_key if is_known else "fake_unknown"
    body = (
        '{"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-11-20T11:00:00.000000",'
        f' "data": {{"paymentKey": "{payment_key}", "orderId": "pass-x", "status": "CANCELED"}}}}'
    )
    event_id = _kept(body.encode(), vault, now)

    settle_webhook(
        event_id=event_id, gateway=gateway, pass_gateway=pass_gateway, vault=vault, now=now
    )

    assert gateway.calls == []
    assert db.session.get_one(PassOrder, sold.id).is_ended == is_known
    assert not db.session.get_one(WebhookEvent, event_id).is_pending


def test_a_webhook_of_an_order_that_came_to_nothing_finds_its_money(
    pass_buyer, gateway, pass_gateway, vault, user, now
):
    order_id = pass_buyer.come_back(user, now=now)
    pass_buyer.finish(order_id, now=now + timedelta(minutes=10))
    payment_key = db.session.get_one(PassOrder, order_id).payment_key
    pass_gateway.confirm(confirm_of(payment_key, order_id))
    body = f'{{"eventType": "PAYMENT_STATUS_CHANGED", "data": {{"orderId": "{order_id}"}}}}'

    settle_webhook(
        event_id=_kept(body.encode(), vault, now),
        gateway=gateway,
        pass_gateway=pass_gateway,
        vault=vault,
        now=now,
    )

    refund = db.session.scalars(select(Refund)).one()
    assert refund.cause is RefundCause.LATE_SUCCESS


def test_an_account_with_days_left_or_money_on_its_way_is_not_closed(
    sold, pass_buyer, pass_gateway, user, other_user, vault, now
):
    with pytest.raises(StillHasPass):
        close_account(user_id=user.id, vault=vault, now=now)
    pass_buyer.come_back(other_user, now=now)
    with pytest.raises(MoneyOnItsWay):
        close_account(user_id=other_user.id, vault=vault, now=now)

    refund = leave(sold, now)
    with pytest.raises(MoneyOnItsWay):
        close_account(user_id=user.id, vault=vault, now=now)
    give_back(refund_id=refund.id, gateway=pass_gateway, now=now)
    close_account(user_id=user.id, vault=vault, now=now)


def _cancel_at_toss(gateway, order, won):
    gateway.cancel(
        CancelRequest(
            payment_key=order.payment_key,
            amount_won=won,
            tax_free_won=0,
            refundable_won=10900,
            reason="토스 상점관리자에서 취소",
            idempotency_key="elsewhere",
        )
    )


def _kept(body, vault, now):
    keep_webhook(body=body, transmission_id="whtrans_1", vault=vault, now=now)
    return db.session.scalars(select(WebhookEvent.id)).one()
