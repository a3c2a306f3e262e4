"""Money that goes back: once, whatever is lost, repeated or done by others meanwhile."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billing.refund import ask_again, begin_refund, give_back, settle_by_hand, sync
from gateways.payment import (
    AlreadyRequested,
    CancelRequest,
    OutcomeUnknown,
    PaymentGatewayError,
    RequestRejected,
)
from models import BillingKey, Notice, Payment, PaymentRequest, Refund, Subscription, db
from models.billing_key import BillingKeyStatus
from models.notice import NoticeKind
from models.refund import RefundCause, RefundStatus
from models.subscription import EndReason

LATER = timedelta(minutes=5)


@pytest.fixture
def payment(subscription):
    return subscription.current_payment


@pytest.fixture
def owe(payment, now):
    """Owe an amount of the payment, and return the refund's id."""

    def begin(won=9900, cause=RefundCause.TERMINATION):
        refund = begin_refund(payment, won=won, cause=cause, now=now)
        db.session.commit()
        return refund.id

    return begin


@pytest.fixture
def go(gateway, now):
    """Take a refund as far as it goes, so much later; what Toss refuses is swallowed."""

    def give(refund_id, after=timedelta(0)):
        with suppress(PaymentGatewayError):
            give_back(refund_id=refund_id, gateway=gateway, now=now + after)
        return db.session.get_one(Refund, refund_id)

    return give


@pytest.fixture
def cancel_at_toss(gateway, payment):
    """Give money back as the merchant does in Toss's own back office."""

    def cancel(won, reason="고객 요청", left=9900):
        gateway.cancel(
            CancelRequest(
                payment_key=payment.payment_key,
                amount_won=won,
                tax_free_won=0,
                refundable_won=left,
                reason=reason,
                idempotency_key=f"elsewhere-{won}-{left}",
            )
        )

    return cancel


def given_back(gateway):
    """Return the won of every cancel that the gateway made."""
    return [cancel.amount_won for cancel in gateway.cancels]


def alerts():
    """Return the events that the merchant was told of."""
    query = select(Notice).filter_by(kind=NoticeKind.MERCHANT_ALERT)
    return [notice.facts["event"] for notice in db.session.scalars(query)]


def test_a_refund_goes_back_once_and_is_booked(gateway, payment, owe, go):
    refund = go(owe(6600))

    assert given_back(gateway) == [6600]
    assert refund.status is RefundStatus.SUCCEEDED
    assert refund.transaction_key == gateway.cancels[0].transaction_key
    assert db.session.get_one(Payment, payment.id).refunded_won == 6600
    assert Notice.with_cause(f"refunded:{refund.id}") is not None


def test_asking_again_for_what_went_back_changes_nothing(gateway, owe, go):
    refund_id = owe(6600)
    go(refund_id)
    go(refund_id, LATER)

    assert given_back(gateway) == [6600]
    assert db.session.scalar(select(func.count(PaymentRequest.refund_id))) == 1


def test_the_row_and_its_sending_are_committed_before_toss_is_asked(
    gateway, owe, go, in_other_session
):
    seen = []

    def look(operation, request):
        if operation == "cancel":
            seen.extend(
                in_other_session(
                    select(PaymentRequest.idempotency_key, Refund.id).join(
                        Refund, PaymentRequest.refund_id == Refund.id
                    )
                )
            )
            assert [row[0] for row in seen] == [request.idempotency_key]

    gateway.on_call = look
    go(owe())

    assert len(seen) == 1


def test_nothing_is_owed_for_nothing(payment, now):
    assert begin_refund(payment, won=0, cause=RefundCause.TERMINATION, now=now) is None


def test_a_lost_answer_is_looked_up_and_not_sent_again(gateway, owe, go):
    gateway.lose_next("cancel")
    refund_id = owe(6600)

    assert go(refund_id).is_pending
    assert go(refund_id, LATER).status is RefundStatus.SUCCEEDED
    assert given_back(gateway) == [6600]
    assert [name for name, _ in gateway.calls].count("cancel") == 1


def test_a_lost_request_is_sent_again_with_the_same_key_after_two_time_outs(gateway, owe, go):
    gateway.lose_before("cancel")
    refund_id = owe(6600)
    go(refund_id)

    assert go(refund_id, timedelta(seconds=80)).is_pending, "not before two time-outs"
    assert given_back(gateway) == []
    assert go(refund_id, LATER).status is RefundStatus.SUCCEEDED
    keys = [request.idempotency_key for name, request in gateway.calls if name == "cancel"]
    assert len(keys) == 2 and len(set(keys)) == 1


def test_a_passing_refusal_takes_a_new_key(gateway, owe, go):
    gateway.fail_next("cancel", OutcomeUnknown("NOT_AVAILABLE_BANK", transient=True))
    refund_id = owe(6600)
    go(refund_id)

    assert go(refund_id, LATER).status is RefundStatus.SUCCEEDED
    keys = {request.idempotency_key for name, request in gateway.calls if name == "cancel"}
    assert len(keys) == 2


def test_ours_is_told_from_anothers_after_a_lost_answer(gateway, owe, go, cancel_at_toss, payment):
    refund_id = owe(3000)
    gateway.lose_before("cancel")
    go(refund_id)
    cancel_at_toss(3000, reason="고객이 전화로 요청 (r999)")

    refund = go(refund_id, LATER)

    assert refund.status is RefundStatus.SUCCEEDED
    assert given_back(gateway) == [3000, 3000]
    assert db.session.get_one(Payment, payment.id).refunded_won == 6000


def test_another_balance_at_toss_means_only_what_is_left_goes_back(
    gateway, owe, go, cancel_at_toss, payment
):
    cancel_at_toss(3000)
    refund = go(owe(9900))

    assert refund.status is RefundStatus.SUCCEEDED
    assert refund.amount_won == 6900
    assert given_back(gateway) == [3000, 6900]
    assert db.session.get_one(Payment, payment.id).is_refunded_whole


def test_nothing_left_at_toss_voids_the_refund(gateway, owe, go, cancel_at_toss, payment):
    cancel_at_toss(9900)
    refund_id = owe(9900)
    go(refund_id)
    refund = go(refund_id, LATER)

    assert refund.is_void
    assert given_back(gateway) == [9900]
    assert db.session.get_one(Payment, payment.id).refunded_won == 9900


@pytest.mark.parametrize("code", ["NOT_CANCELABLE_PAYMENT", "EXCEED_CANCEL_LIMIT"])
def test_what_toss_refuses_for_good_becomes_the_merchants_work(gateway, owe, go, code):
    gateway.fail_next("cancel", RequestRejected(code, http_status=403))

    refund = go(owe(6600))

    assert refund.is_by_hand
    assert refund.failure_code == code
    assert alerts() == ["refund_by_hand"]
    assert Refund.owed_by_hand() == [refund]


def test_the_merchant_settles_by_hand_once(gateway, owe, go, now, payment):
    gateway.fail_next("cancel", RequestRejected("NOT_CANCELABLE_PAYMENT", http_status=403))
    refund = go(owe(6600))

    assert settle_by_hand(refund_id=refund.id, actor_id=None, now=now)
    assert not settle_by_hand(refund_id=refund.id, actor_id=None, now=now)
    assert db.session.get_one(Payment, payment.id).refunded_won == 6600
    assert Notice.with_cause(f"refunded:{refund.id}") is not None


def test_the_merchant_can_let_toss_try_again(gateway, owe, go, now):
    gateway.fail_next("cancel", RequestRejected("EXCEED_CANCEL_LIMIT", http_status=403))
    refund = go(owe(6600))

    assert ask_again(refund_id=refund.id, actor_id=None, now=now)
    assert go(refund.id, LATER).status is RefundStatus.SUCCEEDED
    assert given_back(gateway) == [6600]


def test_what_was_owed_by_hand_and_canceled_at_toss_is_settled(
    gateway, owe, go, now, cancel_at_toss, payment
):
    gateway.fail_next("cancel", RequestRejected("EXCEED_CANCEL_LIMIT", http_status=403))
    refund = go(owe(6600))
    cancel_at_toss(6600)

    sync(payment_id=payment.id, gateway=gateway, now=now)

    assert db.session.get_one(Refund, refund.id).status is RefundStatus.SUCCEEDED
    assert db.session.get_one(Payment, payment.id).refunded_won == 6600


def test_refused_keys_leave_it_pending_and_ask_again(gateway, owe, go):
    gateway.fail_next("cancel", RequestRejected("UNAUTHORIZED_KEY", http_status=401, key_pair=True))
    refund_id = owe(6600)

    assert go(refund_id).is_pending
    assert alerts() == ["keys_refused"]
    assert go(refund_id, timedelta(minutes=11)).status is RefundStatus.SUCCEEDED


def test_not_cancelable_with_money_left_is_the_merchants(gateway, owe, go):
    gateway.fail_next("cancel", AlreadyRequested("NOT_CANCELABLE_AMOUNT", http_status=403))
    refund_id = owe(6600)
    go(refund_id)

    assert go(refund_id, LATER).is_by_hand


def test_fourteen_days_later_it_is_never_sent_again(gateway, owe, go):
    gateway.lose_before("cancel")
    refund_id = owe(6600)
    go(refund_id)

    assert go(refund_id, timedelta(days=14)).is_by_hand
    assert given_back(gateway) == []


def test_after_a_change_of_keys_an_unanswered_request_is_not_sent_again(gateway, owe, go):
    gateway.lose_before("cancel")
    refund_id = owe(6600)
    go(refund_id)
    gateway.secret_fingerprint = "another000000000"

    assert go(refund_id, LATER).is_by_hand
    assert given_back(gateway) == []


def test_a_payment_that_cannot_be_canceled_in_part_is_the_merchants_work(gateway, payment, owe, go):
    payment.is_partial_cancelable = False
    refund = go(owe(6600))

    assert refund.is_by_hand
    assert alerts() == ["refund_by_hand"]
    assert gateway.cancels == []


def test_all_of_it_can_be_canceled_even_so(gateway, payment, owe, go):
    payment.is_partial_cancelable = False

    assert go(owe(9900)).status is RefundStatus.SUCCEEDED


def test_sixteen_at_once_give_back_once(gateway, owe, in_threads, now):
    refund_id = owe(6600)

    in_threads(16, lambda: give_back(refund_id=refund_id, gateway=gateway, now=now))
    db.session.expire_all()

    assert given_back(gateway) == [6600]
    assert db.session.get_one(Refund, refund_id).status is RefundStatus.SUCCEEDED


def test_customer_and_merchant_at_once_never_give_back_more_than_was_paid(
    gateway, owe, go, cancel_at_toss, payment
):
    """While our request is on its way, the merchant cancels all of it at Toss."""

    def merchant_is_faster(operation, request):
        if operation == "cancel" and request.reason.startswith("중도해지"):
            gateway.on_call = None
            cancel_at_toss(9900)

    gateway.on_call = merchant_is_faster
    refund_id = owe(6600)
    go(refund_id)
    refund = go(refund_id, LATER)

    assert given_back(gateway) == [9900]
    assert refund.is_void
    assert db.session.get_one(Payment, payment.id).refunded_won == 9900


def test_the_tax_free_part_goes_back_in_proportion(gateway, payment, owe, go):
    payment.tax_free_won = 990
    gateway._payments[payment.payment_key] = replace(
        gateway._payments[payment.payment_key], tax_free_won=990
    )

    refund = go(owe(5000))

    assert refund.tax_free_won == 500
    assert gateway.cancels[0].tax_free_won == 500


def test_a_whole_cancel_at_toss_ends_what_it_paid_for(
    gateway, subscription, payment, cancel_at_toss, now
):
    cancel_at_toss(9900)

    sync(payment_id=payment.id, gateway=gateway, now=now)

    ended = db.session.get_one(Subscription, subscription.id)
    assert ended.end_reason is EndReason.REFUNDED
    assert not ended.grants_access(now, grace_days=7)
    key = db.session.get_one(BillingKey, subscription.billing_key_id)
    assert key.status is BillingKeyStatus.REVOKING
    [refund] = db.session.get_one(Payment, payment.id).refunds
    assert refund.cause is RefundCause.ELSEWHERE


def test_a_cancel_at_toss_in_part_is_booked_and_ends_nothing(
    gateway, subscription, payment, cancel_at_toss, now
):
    cancel_at_toss(1000)

    sync(payment_id=payment.id, gateway=gateway, now=now)
    sync(payment_id=payment.id, gateway=gateway, now=now)

    assert db.session.get_one(Subscription, subscription.id).is_active
    assert db.session.get_one(Payment, payment.id).refunded_won == 1000
