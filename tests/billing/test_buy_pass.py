"""Buying a pass: one pass for one payment, whoever comes back how often with what."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from billing import BillingError
from billing.abandon import OPEN_FOR
from billing.audit import audit
from billing.buy_pass import (
    MAX_SENDINGS,
    NeighboursChanged,
    OrderUsed,
    PassAhead,
    PassesNotSold,
    PassInProgress,
    ReturnedTooLate,
    StrangeReturn,
    abandon_pass_order,
    announce_pass_end,
    come_back,
    finish_pass_order,
    neighbours_of,
    quote_pass,
    settle_pass,
    start_pass_order,
)
from billing.export import payments_of
from billing.give_pass_back import quote_pass_refund
from billing.subscribe import QuoteExpired
from gateways.fake import FakeGateway
from gateways.payment import (
    BillingKeyRejected,
    CardDeclined,
    ConfirmRequest,
    OutcomeUnknown,
    PaymentGatewayError,
    RequestRejected,
)
from models import Breaker, Notice, PassOrder, Payment, PaymentRequest, Refund, db
from models.access import access_of
from models.notice import NoticeKind
from models.pass_order import CONFIRM_WITHIN, PassFailure, PassStatus
from models.refund import RefundCause
from rules.refunds import RefundTerms
from tests.conftest import held_connections

A_MINUTE = timedelta(minutes=1)


def confirms(gateway):
    return [request for operation, request in gateway.calls if operation == "confirm"]


def reads(user, now):
    return bool(access_of(user.id, now=now, grace_days=7))


def orders():
    db.session.expire_all()
    return list(db.session.scalars(select(PassOrder).order_by(PassOrder.created_at)))


def only_order():
    [order] = orders()
    return order


def alerts():
    kind = NoticeKind.MERCHANT_ALERT
    return [one.facts["event"] for one in db.session.scalars(select(Notice).filter_by(kind=kind))]


def test_a_paid_order_grants_its_days_and_no_more(pass_buyer, pass_gateway, user, now):
    order = pass_buyer.buy(user, now=now)

    assert (order.status, order.is_ended) == (PassStatus.PAID, False)
    assert (order.starts_on, order.ends_on) == (date(2026, 11, 20), date(2026, 12, 20))
    payment = order.payment
    assert (payment.amount_won, payment.vat_won, payment.key_pair) == (10900, 991, "pass")
    assert (payment.m_id, payment.secret_fingerprint) == ("fake_pass", "fake00000000pass")
    assert reads(user, now)
    last_moment = datetime(2026, 12, 19, 14, 59, tzinfo=UTC)
    assert reads(user, last_moment) and not reads(user, last_moment + A_MINUTE)
    notice = db.session.scalars(select(Notice)).one()
    assert (notice.kind, notice.user_id) == (NoticeKind.PASS_PAID, user.id)


def test_the_payment_key_is_committed_before_it_is_confirmed(
    pass_buyer, pass_gateway, user, now, in_other_session
):
    seen = []

    def look(operation, _request):
        if operation == "confirm":
            seen.append(in_other_session(select(PassOrder.status, PassOrder.payment_key))[0])
            seen.append(in_other_session(select(PaymentRequest.kind, PaymentRequest.code))[0])

    pass_gateway.on_call = look
    pass_buyer.buy(user, now=now)

    [(status, payment_key), (kind, code)] = seen
    assert (status, kind, code) == (PassStatus.CONFIRMING, "confirm", None)
    assert payment_key == confirms(pass_gateway)[0].payment_key


def test_a_wallet_without_a_card_is_a_payment_like_any_other(pass_buyer, pass_gateway, user, now):
    pass_gateway.answer_next("confirm", card=None, method="간편결제")

    order = pass_buyer.buy(user, now=now)

    assert order.is_paid
    assert (order.payment.card_issuer, order.payment.card_number) == ("간편결제", "")


def test_coming_back_twice_confirms_once(pass_buyer, pass_gateway, user, now):
    order = pass_buyer.buy(user, now=now)
    again = {"order_id": order.id, "amount_won": 10900, "user_id": user.id, "now": now}

    come_back(payment_key=order.payment_key, **again)
    finish_pass_order(order_id=order.id, gateway=pass_gateway, now=now)

    assert len(confirms(pass_gateway)) == 1
    with pytest.raises(OrderUsed):
        come_back(payment_key="fake_another", **again)


def test_a_confirm_raced_with_itself_is_sent_once(pass_buyer, pass_gateway, user, now, in_threads):
    order_id = pass_buyer.come_back(user, now=now)

    in_threads(4, lambda: finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now))

    assert len(confirms(pass_gateway)) == 1
    assert only_order().is_paid
    assert db.session.scalars(select(Payment)).one().amount_won == 10900


def test_while_a_confirmation_is_on_its_way_nobody_else_asks(
    pass_buyer, pass_gateway, user, now, in_threads
):
    order_id = pass_buyer.come_back(user, now=now)

    def meanwhile(operation, _request):
        pass_gateway.on_call = None
        in_threads(2, lambda: finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now))

    pass_gateway.on_call = meanwhile
    pass_buyer.finish(order_id, now=now)

    assert [operation for operation, _ in pass_gateway.calls] == ["confirm"]
    assert only_order().is_paid


def test_a_raced_return_keeps_one_payment_key(pass_buyer, pass_gateway, user, now, in_threads):
    order_id = pass_buyer.start(user, now=now)
    keys = iter([pass_gateway.authenticate(order_id, 10900) for _ in range(4)])
    user_id = user.id

    came = in_threads(
        4,
        lambda: come_back(
            order_id=order_id, payment_key=next(keys), amount_won=10900, user_id=user_id, now=now
        ),
    )

    assert sorted(type(one).__name__ for one in came) == ["OrderUsed"] * 3 + ["PassOrder"]


@pytest.mark.parametrize("won", [10899, 10901, 0, 1])
def test_another_amount_is_not_confirmed(pass_buyer, pass_gateway, user, now, won):
    order_id = pass_buyer.start(user, now=now)
    payment_key = pass_gateway.authenticate(order_id, won or 100)

    with pytest.raises(StrangeReturn):
        come_back(
            order_id=order_id, payment_key=payment_key, amount_won=won, user_id=user.id, now=now
        )

    assert only_order().is_open
    assert confirms(pass_gateway) == []


def test_anothers_order_is_not_confirmed(pass_buyer, pass_gateway, user, other_user, now):
    order_id = pass_buyer.start(user, now=now)
    payment_key = pass_gateway.authenticate(order_id, 10900)

    for order in (order_id, "pass-unknown"):
        with pytest.raises(StrangeReturn):
            come_back(
                order_id=order,
                payment_key=payment_key,
                amount_won=10900,
                user_id=other_user.id,
                now=now,
            )
    assert only_order().is_open


def test_a_stolen_payment_key_buys_nothing(pass_buyer, pass_gateway, user, other_user, now):
    theirs = pass_buyer.buy(other_user, now=now)
    order_id = pass_buyer.start(user, now=now)

    with pytest.raises(StrangeReturn):
        come_back(
            order_id=order_id,
            payment_key=theirs.payment_key,
            amount_won=10900,
            user_id=user.id,
            now=now,
        )

    assert not reads(user, now) and reads(other_user, now)


def test_a_payment_key_stolen_before_it_was_used_buys_nothing(
    pass_buyer, pass_gateway, user, other_user, now
):
    victims_id = pass_buyer.start(other_user, now=now)
    payment_key = pass_gateway.authenticate(victims_id, 10900)
    order_id = pass_buyer.start(user, now=now)
    come_back(
        order_id=order_id, payment_key=payment_key, amount_won=10900, user_id=user.id, now=now
    )

    with pytest.raises(RequestRejected):
        finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now)

    stolen = db.session.get_one(PassOrder, order_id)
    assert (stolen.status, stolen.failure_kind) == (PassStatus.FAILED, PassFailure.MERCHANT)
    assert not Breaker.is_open("pass") and alerts() == []
    come_back(
        order_id=victims_id,
        payment_key=payment_key,
        amount_won=10900,
        user_id=other_user.id,
        now=now,
    )
    finish_pass_order(order_id=victims_id, gateway=pass_gateway, now=now)
    assert reads(other_user, now) and not reads(user, now)


def test_a_payment_key_that_paid_elsewhere_is_found_out(pass_buyer, pass_gateway, user, now):
    """Toss says that it was processed before: of whose order, the look-up tells."""
    order_id = pass_buyer.start(user, now=now)
    foreign = pass_gateway.authenticate("order-of-somebody-else", 10900)
    pass_gateway.confirm(confirm_of(foreign, "order-of-somebody-else"))
    come_back(order_id=order_id, payment_key=foreign, amount_won=10900, user_id=user.id, now=now)

    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now)

    order = only_order()
    assert (order.status, order.failure_code) == (PassStatus.FAILED, "payment_of_another_order")
    assert not reads(user, now)


def confirm_of(payment_key, order_id):
    return ConfirmRequest(
        payment_key=payment_key, order_id=order_id, amount_won=10900, idempotency_key="theirs"
    )


def test_who_comes_back_after_the_offer_ended_is_not_charged(pass_buyer, user, now):
    order_id = pass_buyer.start(user, now=now)

    with pytest.raises(ReturnedTooLate):
        come_back(
            order_id=order_id,
            payment_key="fake_late",
            amount_won=10900,
            user_id=user.id,
            now=now + timedelta(minutes=60),
        )


def test_nothing_is_confirmed_for_the_first_time_after_ten_minutes(
    pass_buyer, pass_gateway, user, now
):
    order_id = pass_buyer.come_back(user, now=now)

    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now + CONFIRM_WITHIN)

    assert confirms(pass_gateway) == []
    order = only_order()
    assert (order.status, order.failure_kind) == (PassStatus.EXPIRED, PassFailure.TOO_LATE)


def test_a_session_that_toss_has_closed_is_the_end_of_the_order(
    pass_buyer, pass_gateway, user, now
):
    order_id = pass_buyer.come_back(user, now=now)
    over = BillingKeyRejected("NOT_FOUND_PAYMENT_SESSION", http_status=404)
    pass_gateway.fail_next("confirm", over)

    with pytest.raises(PaymentGatewayError):
        pass_buyer.finish(order_id, now=now)

    order = only_order()
    assert (order.status, order.failure_kind) == (PassStatus.EXPIRED, PassFailure.TOO_LATE)
    assert alerts() == []


@pytest.mark.parametrize(
    ("error", "kind", "event"),
    [
        (CardDeclined("REJECT_CARD_PAYMENT"), PassFailure.CARD, []),
        (BillingKeyRejected("REJECT_CARD_COMPANY"), PassFailure.CARD, []),
        (RequestRejected("FORBIDDEN_REQUEST"), PassFailure.MERCHANT, []),
        (RequestRejected("BELOW_MINIMUM_AMOUNT"), PassFailure.MERCHANT, ["pass_rejected"]),
        (
            RequestRejected("UNAUTHORIZED_KEY", key_pair=True),
            PassFailure.MERCHANT,
            ["pass_rejected"],
        ),
    ],
)
def test_a_definite_no_ends_the_order(pass_buyer, pass_gateway, user, now, error, kind, event):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.fail_next("confirm", error)

    with pytest.raises(type(error)):
        pass_buyer.finish(order_id, now=now)

    order = only_order()
    assert (order.status, order.failure_kind) == (PassStatus.FAILED, kind)
    assert order.failure_code == error.code
    assert alerts() == event
    assert not reads(user, now)
    assert Breaker.is_open("pass") == getattr(error, "key_pair", False)
    assert not Breaker.is_open("billing")


def test_nobody_is_sent_to_the_window_while_toss_refuses_the_keys(pass_buyer, user, now):
    Breaker.open("pass", code="UNAUTHORIZED_KEY", now=now)
    db.session.commit()

    with pytest.raises(PassesNotSold):
        pass_buyer.start(user, now=now)


def test_after_a_refusal_one_may_try_again(pass_buyer, pass_gateway, user, now):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.fail_next("confirm", CardDeclined("REJECT_CARD_PAYMENT"))
    with pytest.raises(CardDeclined):
        pass_buyer.finish(order_id, now=now)

    order = pass_buyer.buy(user, now=now + A_MINUTE)

    assert order.is_paid and order.id != order_id


@pytest.mark.parametrize("lose", ["lose_next", "lose_before"])
def test_a_lost_answer_is_asked_for_and_pays_once(pass_buyer, pass_gateway, user, now, lose):
    order_id = pass_buyer.come_back(user, now=now)
    getattr(pass_gateway, lose)("confirm")
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)
    assert only_order().is_confirming and not reads(user, now)

    for minutes in (1, 2, 3):
        finish_pass_order(
            order_id=order_id, gateway=pass_gateway, now=now + minutes * timedelta(seconds=70)
        )

    assert only_order().is_paid
    assert [payment.total_won for payment in pass_gateway.payments] == [10900]
    keys = {request.idempotency_key for request in confirms(pass_gateway)}
    assert len(keys) == 1


def test_a_lost_answer_is_not_sent_again_before_two_time_outs(pass_buyer, pass_gateway, user, now):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.lose_before("confirm")
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)

    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now + timedelta(seconds=90))

    assert len(confirms(pass_gateway)) == 1
    assert only_order().is_confirming


def test_another_window_of_the_order_that_came_to_nothing_decides_nothing(
    pass_buyer, pass_gateway, user, now
):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.lose_next("confirm")
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)
    pass_gateway.answer_next("find_order", status="EXPIRED", payment_key="of-another-window")

    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now + timedelta(seconds=70))
    assert only_order().is_confirming

    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now + timedelta(seconds=400))
    assert only_order().is_paid


def test_a_passing_refusal_is_asked_again_with_another_key(pass_buyer, pass_gateway, user, now):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.fail_next("confirm", OutcomeUnknown("PROVIDER_ERROR", transient=True))
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)

    pass_buyer.finish(order_id, now=now + timedelta(seconds=140))

    first, second = confirms(pass_gateway)
    assert first.idempotency_key != second.idempotency_key
    assert (first.order_id, first.payment_key) == (second.order_id, second.payment_key)
    assert only_order().is_paid


def test_what_is_never_answered_is_set_aside_and_blocks_the_next(
    pass_buyer, pass_gateway, user, now
):
    order_id = pass_buyer.come_back(user, now=now)
    at = now
    for _ in range(2 * MAX_SENDINGS):
        pass_gateway.lose_before("confirm")
        with suppress(OutcomeUnknown):
            finish_pass_order(order_id=order_id, gateway=pass_gateway, now=at)
        at += timedelta(minutes=11)

    assert only_order().is_set_aside
    assert len(confirms(pass_gateway)) == MAX_SENDINGS
    assert alerts() == ["pass_set_aside"]
    with pytest.raises(PassInProgress):
        pass_buyer.start(user, now=at)


def test_after_a_change_of_keys_a_lost_answer_is_looked_up_and_never_sent(
    pass_buyer, pass_gateway, user, now
):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.lose_before("confirm")
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)
    other = FakeGateway(key_pair="pass", secret_fingerprint="another-one")

    finish_pass_order(order_id=order_id, gateway=other, now=now + timedelta(minutes=5))

    assert confirms(other) == []
    assert only_order().is_set_aside


@pytest.mark.parametrize(
    "changes",
    [
        {"total_won": 1},
        {"order_id": "pass-another"},
        {"currency": "USD"},
        {"type": "BILLING"},
        {"payment_key": "fake_another"},
        {"status": "CANCELED"},
    ],
)
def test_an_answer_that_differs_grants_nothing(pass_buyer, pass_gateway, user, now, changes):
    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.answer_next("confirm", **changes)

    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)

    assert only_order().is_set_aside
    assert not reads(user, now)
    assert alerts() == ["pass_set_aside"]


def test_no_connection_is_held_while_toss_answers(pass_buyer, pass_gateway, user, now):
    seen = []
    pass_gateway.on_call = lambda *_: seen.append(held_connections())

    order_id = pass_buyer.come_back(user, now=now)
    pass_gateway.lose_next("confirm")
    with pytest.raises(OutcomeUnknown):
        pass_buyer.finish(order_id, now=now)
    pass_buyer.finish(order_id, now=now + timedelta(minutes=3))

    assert len(seen) >= 2 and not any(seen)


def test_another_tab_does_not_buy_the_same_days_twice(pass_buyer, pass_gateway, user, now):
    first, second = pass_buyer.start(user, now=now), pass_buyer.start(user, now=now)
    for order_id in (first, second):
        payment_key = pass_gateway.authenticate(order_id, 10900)
        come_back(
            order_id=order_id, payment_key=payment_key, amount_won=10900, user_id=user.id, now=now
        )
        finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now)

    assert [order.status for order in orders()].count(PassStatus.PAID) == 1
    unpaid = next(order for order in orders() if not order.is_paid)
    assert unpaid.failure_kind is PassFailure.OVERLAP
    assert len(confirms(pass_gateway)) == 1


def test_two_tabs_at_the_same_moment_buy_one_pass(pass_buyer, pass_gateway, user, now, in_threads):
    made = [pass_buyer.start(user, now=now) for _ in range(4)]
    tabs = iter([(one, pass_gateway.authenticate(one, 10900)) for one in made])
    user_id = user.id

    def tab():
        order_id, payment_key = next(tabs)
        come_back(
            order_id=order_id, payment_key=payment_key, amount_won=10900, user_id=user_id, now=now
        )
        finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now)

    in_threads(4, tab)

    assert [order.status for order in orders()].count(PassStatus.PAID) == 1
    assert len(pass_gateway.payments) == 1


def test_a_second_pass_begins_when_the_first_is_over_and_a_third_waits(pass_buyer, user, now):
    first = pass_buyer.buy(user, now=now)
    second = pass_buyer.buy(user, now=now + timedelta(days=3))

    assert second.starts_on == first.ends_on
    days = [(one.starts_on, one.ends_on) for one in (first, second)]
    assert all(before[1] <= after[0] for before, after in pairwise(days))
    with pytest.raises(PassAhead):
        pass_buyer.start(user, now=now + timedelta(days=4))
    later = now + timedelta(days=32)
    assert neighbours_of(user.id, now=later).begins_on == second.ends_on


@pytest.fixture
def order_by(user, pass_gateway):
    """Order what a quote says."""

    def order(quote, now):
        return start_pass_order(
            user=user,
            quote=quote,
            agreements=(),
            address="",
            told_of_subscription=False,
            is_domestic=False,
            gateway=pass_gateway,
            now=now,
        )

    return order


def test_a_quote_for_other_days_than_now_is_refused(pass_buyer, order_by, user, now):
    values = {"user": user, "plan": pass_buyer.plan, "now": now}
    of_today = quote_pass(begins_on=date(2026, 11, 20), **values)
    for_later = quote_pass(begins_on=date(2026, 12, 20), **values)
    with pytest.raises(QuoteExpired):
        order_by(for_later, now)

    pass_buyer.buy(user, now=now)

    with pytest.raises(QuoteExpired):
        order_by(of_today, now)
    assert order_by(for_later, now).starts_on == date(2026, 12, 20)


def test_a_quote_from_before_midnight_still_stands(pass_buyer, order_by, user):
    before = datetime(2026, 11, 20, 14, 50, tzinfo=UTC)
    values = {"user": user, "plan": pass_buyer.plan, "begins_on": date(2026, 11, 20)}
    quote = quote_pass(now=before, **values)

    assert order_by(quote, before + timedelta(minutes=30)).starts_on == date(2026, 11, 20)


def test_a_quote_of_another_kind_buys_no_pass(pass_buyer, order_by, user, now):
    order = pass_buyer.buy(user, now=now)
    refund = quote_pass_refund(order_id=order.id, terms=RefundTerms(), now=now)

    with pytest.raises(QuoteExpired):
        order_by(refund, now)


def test_a_pass_beside_a_subscription_is_sold_only_to_whom_it_was_said(
    pass_buyer, subscription, user, now
):
    with pytest.raises(NeighboursChanged):
        pass_buyer.start(user, now=now)

    assert pass_buyer.buy(user, now=now, told=True).is_paid


def test_a_subscription_begun_in_another_tab_stops_the_pass(
    pass_buyer, buyer, pass_gateway, user, now
):
    order_id = pass_buyer.start(user, now=now)
    buyer.subscribe(user, now=now)

    payment_key = pass_gateway.authenticate(order_id, 10900)
    come_back(
        order_id=order_id, payment_key=payment_key, amount_won=10900, user_id=user.id, now=now
    )
    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now)

    assert only_order().failure_kind is PassFailure.OVERLAP
    assert confirms(pass_gateway) == []


def test_who_never_comes_back_is_closed_after_a_while(pass_buyer, user, now):
    order_id = pass_buyer.start(user, now=now)
    late = now + timedelta(minutes=60) + OPEN_FOR + A_MINUTE
    assert list(PassOrder.to_abandon(expired_before=now, limit=9)) == []

    abandon_pass_order(order_id=order_id, now=late, patience=OPEN_FOR)

    order = only_order()
    assert (order.status, order.failure_kind) == (PassStatus.EXPIRED, PassFailure.ABANDONED)
    with pytest.raises(BillingError):
        come_back(
            order_id=order_id, payment_key="fake", amount_won=10900, user_id=user.id, now=late
        )


def test_money_of_an_order_that_came_to_nothing_goes_back_whole(
    pass_buyer, pass_gateway, user, now
):
    order_id = pass_buyer.come_back(user, now=now)
    finish_pass_order(order_id=order_id, gateway=pass_gateway, now=now + CONFIRM_WITHIN)
    payment_key = only_order().payment_key
    answer = pass_gateway.confirm(confirm_of(payment_key, order_id))

    for _ in range(2):
        settle_pass(order_id=order_id, answer=answer, gateway=pass_gateway, now=now)

    refund = db.session.scalars(select(Refund)).one()
    assert (refund.amount_won, refund.cause) == (10900, RefundCause.LATE_SUCCESS)
    assert not reads(user, now)
    assert alerts() == ["late_success"]


def test_its_end_is_announced_three_days_before_once(pass_buyer, user, now):
    order = pass_buyer.buy(user, now=now)
    day = datetime(2026, 12, 17, 2, tzinfo=UTC)
    assert PassOrder.to_announce(date(2026, 12, 16), limit=9) == []
    assert [row[-1] for row in PassOrder.to_announce(date(2026, 12, 17), limit=9)] == [order.id]

    for _ in range(2):
        announce_pass_end(order_id=order.id, now=day)

    kinds = [one.kind for one in db.session.scalars(select(Notice).order_by(Notice.id))]
    assert kinds == [NoticeKind.PASS_PAID, NoticeKind.PASS_ENDING]


def test_each_pair_of_keys_is_compared_with_its_own_list(
    pass_buyer, buyer, gateway, pass_gateway, user, other_user, now
):
    gateway.now = pass_gateway.now = now
    buyer.subscribe(other_user, now=now)
    pass_buyer.buy(user, now=now)
    day = {"start_on": date(2026, 11, 20), "end_on": date(2026, 11, 20)}

    assert audit(gateway=gateway, **day) == []
    assert audit(gateway=pass_gateway, **day) == []

    stranger = pass_gateway.authenticate("nobody-knows", 10900)
    pass_gateway.confirm(confirm_of(stranger, "nobody-knows"))
    [finding] = audit(gateway=pass_gateway, **day)
    assert (finding.order_id, finding.toss_won, finding.our_won) == ("nobody-knows", 10900, 0)


def test_the_accountants_file_has_passes_beside_subscriptions(
    pass_buyer, buyer, gateway, pass_gateway, user, other_user, now
):
    gateway.now = pass_gateway.now = now
    buyer.subscribe(other_user, now=now)
    pass_buyer.buy(user, now=now)

    [rows] = payments_of(date(2026, 11, 20), date(2026, 11, 20))

    found = {(row.plan, row.product, row.period_end_on, row.key_pair, row.m_id) for row in rows}
    assert found == {
        ("프리미엄 월간", "달빛서재", date(2026, 12, 20), "billing", "fake_shop"),
        ("한 달 이용권", "달빛서재", date(2026, 12, 20), "pass", "fake_pass"),
    }
    assert {row.subscription_id is None for row in rows if row.key_pair == "pass"} == {True}
