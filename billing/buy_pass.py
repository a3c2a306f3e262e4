"""Take a customer from a quote through Toss's payment window to a pass, once.

The order is stored before the window opens, the payment key before it is confirmed. A customer who
comes back twice, late, in two tabs, with another amount or with somebody else's payment key gets at
most one pass for one payment: one process at a time confirms, and only Toss says what moved.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.exc import IntegrityError

from billing import BillingError
from billing.agreements import Agreement, keep_agreement
from billing.alert_merchant import alert_merchant
from billing.refund import begin_refund
from billing.subscribe import QuoteExpired
from gateways.payment import (
    AlreadyRequested,
    CardDeclined,
    ConfirmRequest,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGateway,
    PaymentGatewayError,
    RequestRejected,
)
from models import (
    Breaker,
    Notice,
    PassOrder,
    Payment,
    PaymentRequest,
    Plan,
    Quote,
    Subscription,
    User,
    db,
)
from models.notice import NoticeKind
from models.pass_order import PassFailure
from models.payment_request import RequestKind
from models.quote import QuoteKind
from models.refund import RefundCause
from rules.periods import seoul_date
from rules.wording import N_, Language

FIRST_LOOK_UP = timedelta(seconds=10)
RESEND_WITHIN = timedelta(days=14)
MAX_SENDINGS = 6
_SESSION_OVER = {"NOT_FOUND_PAYMENT_SESSION", "PAY_PROCESS_CANCELED", "PAY_PROCESS_ABORTED"}
_NAMED_BY_A_BROWSER = {
    "FORBIDDEN_REQUEST",
    "INVALID_API_KEY",
    "INVALID_PAYMENT_KEY",
    "INVALID_REQUEST",
    "NOT_FOUND_PAYMENT",
    "UNAPPROVED_ORDER_ID",
}
"""What Toss says of a payment key that is none of this order's: no fault of ours or our keys."""


class PassInProgress(BillingError):
    """An earlier payment for a pass is not settled yet."""

    user_message = N_("먼저 한 결제의 결과를 확인하고 있어요. 잠시만 기다려 주세요.")


class PassAhead(BillingError):
    """A pass that was paid for waits for its first day: enough is bought."""

    user_message = N_("이미 다음 이용권을 사 두었어요. 그 이용권을 시작한 뒤에 다시 살 수 있어요.")


class NeighboursChanged(BillingError):
    """What the page said about other access of the customer is not true any more."""

    user_message = N_("그사이 이용 중인 구독이나 이용권이 바뀌었어요. 다시 확인해 주세요.")


class PassesNotSold(BillingError):
    """Toss refuses the keys for passes at present: nobody is sent into its window."""

    user_message = N_("지금은 이용권을 살 수 없어요. 잠시 후 다시 시도해 주세요.")


class StrangeReturn(BillingError):
    """What a browser brought back does not belong together; nothing was confirmed."""

    user_message = N_("결제 정보가 주문과 맞지 않아 진행하지 않았어요. 결제된 금액은 없어요.")


class OrderUsed(BillingError):
    """The order was settled, or is being confirmed, with another payment."""

    user_message = N_("이미 처리한 주문이에요. 새로 결제된 금액은 없어요.")


class ReturnedTooLate(BillingError):
    """The customer came back from the window when the offer was over; nothing was confirmed."""

    user_message = N_("신청한 지 오래되어 진행하지 못했어요. 결제된 금액은 없어요.")


@dataclass(frozen=True)
class Neighbours:
    """What a customer has beside the pass that is to be bought, and when that begins for it."""

    begins_on: date
    last_pass: PassOrder | None
    subscription: Subscription | None


def neighbours_of(user_id: int, *, now: datetime) -> Neighbours:
    """Return what runs already: a pass begins when the one before it is over.

    :raises PassAhead: a pass waits for its first day.
    """
    today = seoul_date(now)
    passes = PassOrder.granted_to(user_id, from_on=today)
    if passes and passes[-1].starts_on > today:
        raise PassAhead
    last = passes[-1] if passes else None
    return Neighbours(last.ends_on if last else today, last, _running(user_id))


def quote_pass(*, user: User, plan: Plan, begins_on: date, now: datetime) -> Quote:
    """Store what a pass costs and which days it gives, or return what was stored today."""
    quote = Quote.open_pass_for(user, plan, begins_on=begins_on, now=now)
    db.session.commit()
    return quote


def start_pass_order(
    *,
    user: User,
    quote: Quote,
    agreements: Sequence[Agreement],
    address: str,
    told_of_subscription: bool,
    is_domestic: bool,
    gateway: PaymentGateway,
    now: datetime,
    language: Language = Language.KOREAN,
) -> PassOrder:
    """Store an order with its consents, before the payment window opens.

    The window and the card statement name it in `language`.

    :raises QuoteExpired: the quote is over, or its first day is another now; show a new one.
    :raises NeighboursChanged: a subscription runs that the page did not speak of.
    :raises PassAhead: a pass waits for its first day.
    :raises PassInProgress: an earlier payment is not settled yet.
    :raises PassesNotSold: Toss refuses the keys for passes.
    """
    if quote.kind is not QuoteKind.PASS or not quote.is_open(now):
        raise QuoteExpired
    if Breaker.is_open(gateway.key_pair):
        raise PassesNotSold
    if PassOrder.in_flight_for(user.id) is not None:
        raise PassInProgress
    neighbours = neighbours_of(user.id, now=now)
    has_other_days = quote.anchor_on != neighbours.begins_on
    if has_other_days and (neighbours.last_pass or quote.anchor_on > neighbours.begins_on):
        raise QuoteExpired
    if neighbours.subscription is not None and not told_of_subscription:
        raise NeighboursChanged
    order = PassOrder.begin(
        quote,
        is_domestic=is_domestic,
        told_of_subscription=told_of_subscription,
        key_pair=gateway.key_pair,
        secret_fingerprint=gateway.secret_fingerprint,
        language=language,
        now=now,
    )
    for agreement in agreements:
        keep_agreement(agreement, user_id=user.id, quote=quote, address=address, now=now)
    db.session.commit()
    return order


def come_back(
    *, order_id: str, payment_key: str, amount_won: int, user_id: int | None, now: datetime
) -> PassOrder:
    """Keep the payment key that a browser brought back, if all of it is as we stored it.

    A repeat changes nothing. An order whose days are taken meanwhile ends here, unconfirmed.

    :raises StrangeReturn: no such order, another's, another amount, or a payment key that paid for
        something else.
    :raises OrderUsed: this order came back before, with another payment key.
    :raises ReturnedTooLate: the offer is over.
    :raises PassInProgress: another order of this customer is being confirmed.
    """
    found = db.session.get(PassOrder, order_id)
    if found is None or (user_id is not None and found.user_id != user_id):
        raise StrangeReturn
    order = PassOrder.locked(order_id)
    try:
        _refuse_unfit(order, payment_key, amount_won, now=now)
    except BillingError:
        db.session.rollback()
        raise
    if order.is_open:
        order.come_back(payment_key, now=now)
        try:
            db.session.flush()
        except IntegrityError:
            db.session.rollback()
            raise PassInProgress from None
        if not _is_as_told(order):
            order.fail(PassFailure.OVERLAP, None, now=now)
    db.session.commit()
    return order


def finish_pass_order(*, order_id: str, gateway: PaymentGateway, now: datetime) -> None:
    """Take an order whose customer came back as far as it will go now: confirm it, or ask about it.

    What was sent before is looked up first. "Not found" never means failed: the same request is
    sent again, with the same idempotency key, once it is older than two time-outs; Toss takes one
    confirmation of one payment key, however often it is asked.

    :raises CardDeclined: no money moved.
    :raises BillingKeyRejected: no money moved; another card, or a new start.
    :raises RequestRejected: no money moved.
    :raises OutcomeUnknown: it stays as it is and is asked about again, or is set aside.
    """
    order = PassOrder.locked(order_id)
    if not order.is_confirming or order.is_leased(now):
        db.session.rollback()
        return
    if not order.requests and order.is_too_late_to_confirm(now):
        order.fail(PassFailure.TOO_LATE, None, now=now)
        db.session.commit()
        return
    if order.requests and not _ask(order, gateway=gateway, now=now):
        return
    order = PassOrder.locked(order_id)
    if not order.is_confirming or order.is_leased(now):
        db.session.rollback()
        return
    try:
        _send(order, gateway=gateway, now=now)
    except AlreadyRequested:
        _ask(PassOrder.locked(order_id), gateway=gateway, now=now)


def settle_pass(
    *,
    order_id: str,
    answer: PaymentAnswer,
    gateway: PaymentGateway,
    now: datetime,
    sending_id: int | None = None,
) -> None:
    """Settle an order by what Toss says of it. What is decided already is left as it is.

    Money that Toss has for an order that came to nothing is booked and given back whole.

    :raises CardDeclined: Toss says that the payment failed.
    :raises OutcomeUnknown: Toss has not decided, or answered something else than was asked; the
        order is then set aside for the merchant.
    """
    order = PassOrder.locked(order_id)
    if sending_id is not None:
        PaymentRequest.answered(
            sending_id, code=answer.status, http_status=200, trace_id=answer.trace_id
        )
    if not order.is_confirming:
        if order.came_to_nothing and answer.is_done and order.payment is None:
            _book_too_late(order, answer, gateway=gateway, now=now)
        db.session.commit()
        return
    differences = _differences(order, answer)
    if answer.is_failed:
        error = CardDeclined(answer.failure_code or answer.status, answer.failure_message or "")
        kind = PassFailure.TOO_LATE if answer.status == "EXPIRED" else PassFailure.CARD
        order.fail(kind, error.code, now=now)
        db.session.commit()
        raise error
    if not answer.is_done and not answer.is_canceled:
        order.look_up_again(at=now + FIRST_LOOK_UP)
        db.session.commit()
        raise OutcomeUnknown(answer.status, "not decided yet", trace_id=answer.trace_id)
    if answer.is_canceled or differences:
        code = "answer_differs" if differences else "canceled_elsewhere"
        _set_aside(order, code, now=now)
        db.session.commit()
        raise OutcomeUnknown("set_aside", "; ".join(differences), trace_id=answer.trace_id)
    _book(order, answer, gateway=gateway, now=now)
    db.session.commit()


def abandon_pass_order(*, order_id: str, now: datetime, patience: timedelta) -> None:
    """Close an order whose customer never came back from the payment window."""
    order = PassOrder.locked(order_id)
    if not order.is_open or order.expires_at >= now - patience:
        db.session.rollback()
        return
    order.fail(PassFailure.ABANDONED, None, now=now)
    db.session.commit()


def announce_pass_end(*, order_id: str, now: datetime) -> None:
    """Owe a customer the mail that a pass ends soon and that nothing is charged then; once."""
    order = PassOrder.locked(order_id)
    if order.announce_end_on is None or order.announce_end_on > seoul_date(now):
        db.session.rollback()
        return
    order.announced()
    if not order.is_over(now):
        Notice.owe(
            NoticeKind.PASS_ENDING,
            cause=f"pass_ending:{order_id}",
            user_id=order.user_id,
            facts={"pass_order_id": order_id},
            now=now,
        )
    db.session.commit()


def _running(user_id: int) -> Subscription | None:
    """Return the subscription that is charged again unless its customer says stop."""
    latest = Subscription.latest_for(user_id)
    if latest is None or latest.is_ended:
        return None
    return latest if latest.is_running or latest.is_collecting else None


def _refuse_unfit(order: PassOrder, payment_key: str, amount_won: int, *, now: datetime) -> None:
    if order.user.is_closed or amount_won != order.amount_won:
        raise StrangeReturn
    if order.payment_key is not None:
        if not hmac.compare_digest(order.payment_key.encode(), payment_key.encode()):
            raise OrderUsed
        return
    if order.came_to_nothing or order.has_expired(now):
        raise ReturnedTooLate
    if Payment.with_key(payment_key) is not None:
        raise StrangeReturn


def _is_as_told(order: PassOrder) -> bool:
    """Test whether what the customer has beside this pass is what the page said before the button.

    The order is in flight by now and no other one of this customer is: what another tab bought is
    in the books.
    """
    others = PassOrder.granted_to(order.user_id, from_on=order.starts_on)
    if any(other.starts_on < order.ends_on for other in others):
        return False
    return order.told_of_subscription or _running(order.user_id) is None


def _ask(order: PassOrder, *, gateway: PaymentGateway, now: datetime) -> bool:
    """Look an order up and settle it; True where the same request is to be sent again."""
    if not order.is_confirming:
        db.session.rollback()
        return False
    order_id, payment_key = order.id, order.payment_key or ""
    order.look_up_again(at=now + _pause(order, gateway))
    db.session.commit()
    answer = gateway.find_order(order_id)
    if answer is not None and _is_decided(answer, of=payment_key):
        settle_pass(order_id=order_id, answer=answer, gateway=gateway, now=now)
        return False
    named = gateway.find_payment(payment_key)
    order = PassOrder.locked(order_id)
    if not order.is_confirming:
        db.session.rollback()
        return False
    if named is not None and named.order_id != order_id:
        order.fail(PassFailure.MERCHANT, "payment_of_another_order", now=now)
        db.session.commit()
        return False
    return _may_send_again(order, gateway=gateway, now=now)


def _is_decided(answer: PaymentAnswer, *, of: str) -> bool:
    """Test whether a look-up by order says what became of the payment `of` this key.

    Another window of the order that came to nothing says nothing about this one.
    """
    return answer.is_done or answer.is_canceled or (answer.is_failed and answer.payment_key == of)


def _pause(order: PassOrder, gateway: PaymentGateway) -> timedelta:
    return timedelta(seconds=min(gateway.timeout_seconds / 3 * 2 ** len(order.requests), 600))


def _may_send_again(order: PassOrder, *, gateway: PaymentGateway, now: datetime) -> bool:
    if order.resend_after is not None and now < order.resend_after:
        db.session.rollback()
        return False
    if (
        order.age(now) >= RESEND_WITHIN
        or len(order.requests) >= MAX_SENDINGS
        or order.secret_fingerprint != gateway.secret_fingerprint
    ):
        _set_aside(order, "unanswered", now=now)
        db.session.commit()
        return False
    if order.requests[-1].transient:
        order.renew_idempotency_key()
        db.session.commit()
    return True


def _send(order: PassOrder, *, gateway: PaymentGateway, now: datetime) -> None:
    time_limit = timedelta(seconds=gateway.timeout_seconds)
    order.note_sending(
        secret_fingerprint=gateway.secret_fingerprint,
        look_up_at=now + time_limit + min(FIRST_LOOK_UP, time_limit),
        resend_after=now + 2 * time_limit,
    )
    order_id = order.id
    request = ConfirmRequest(
        payment_key=order.payment_key or "",
        order_id=order_id,
        amount_won=order.amount_won,
        idempotency_key=order.idempotency_key,
    )
    db.session.flush()
    sending_id = PaymentRequest.send(
        RequestKind.CONFIRM,
        pass_order_id=order_id,
        idempotency_key=request.idempotency_key,
        secret_fingerprint=gateway.secret_fingerprint,
        now=now,
    )
    db.session.commit()

    try:
        answer = gateway.confirm(request)
    except PaymentGatewayError as error:
        _settle_refusal(order_id, sending_id, error, gateway=gateway, now=now)
        raise
    settle_pass(order_id=order_id, answer=answer, gateway=gateway, now=now, sending_id=sending_id)


def _settle_refusal(
    order_id: str,
    sending_id: int,
    error: PaymentGatewayError,
    *,
    gateway: PaymentGateway,
    now: datetime,
) -> None:
    order = PassOrder.locked(order_id)
    PaymentRequest.answered(
        sending_id,
        code=error.code,
        http_status=error.http_status,
        trace_id=error.trace_id,
        transient=isinstance(error, OutcomeUnknown) and error.transient,
    )
    if not order.is_confirming:
        pass
    elif isinstance(error, OutcomeUnknown):
        time_limit = timedelta(seconds=gateway.timeout_seconds)
        order.look_up_again(at=now + min(FIRST_LOOK_UP, time_limit))
    else:
        _refuse(order, error, gateway=gateway, now=now)
    db.session.commit()


def _refuse(
    order: PassOrder, error: PaymentGatewayError, *, gateway: PaymentGateway, now: datetime
) -> None:
    """End an order whose money did not move; what is ours to mend is the merchant's to know."""
    if error.code in _SESSION_OVER:
        order.fail(PassFailure.TOO_LATE, error.code, now=now)
    elif not isinstance(error, RequestRejected):
        order.fail(PassFailure.CARD, error.code, now=now)
    else:
        order.fail(PassFailure.MERCHANT, error.code, now=now)
        if error.code in _NAMED_BY_A_BROWSER:
            return
        if not error.key_pair or Breaker.open(gateway.key_pair, code=error.code, now=now):
            alert_merchant("pass_rejected", code=error.code, subject=order.id, now=now)


def _differences(order: PassOrder, answer: PaymentAnswer) -> tuple[str, ...]:
    found = answer.differences(
        order_id=order.id,
        amount_won=order.amount_won,
        tax_free_won=order.tax_free_won,
        type="NORMAL",
        method=None,
    )
    if answer.payment_key != order.payment_key:
        found = (*found, "paymentKey: another")
    return found


def _book(
    order: PassOrder, answer: PaymentAnswer, *, gateway: PaymentGateway, now: datetime
) -> None:
    _add_payment(order, answer, gateway=gateway, now=now)
    order.pay(now=now)
    Notice.owe(
        NoticeKind.PASS_PAID,
        cause=f"pass_paid:{order.id}",
        user_id=order.user_id,
        facts={"pass_order_id": order.id},
        now=now,
    )


def _book_too_late(
    order: PassOrder, answer: PaymentAnswer, *, gateway: PaymentGateway, now: datetime
) -> None:
    """Book money of an order that came to nothing, and give it back whole."""
    payment = _add_payment(order, answer, gateway=gateway, now=now)
    db.session.flush()
    begin_refund(payment, won=payment.amount_won, cause=RefundCause.LATE_SUCCESS, now=now)
    alert_merchant("late_success", code="", subject=order.id, now=now)


def _add_payment(
    order: PassOrder, answer: PaymentAnswer, *, gateway: PaymentGateway, now: datetime
) -> Payment:
    """Add the payment as Toss has it; a wallet has no card."""
    card = answer.card
    payment = Payment(
        user_id=order.user_id,
        pass_order_id=order.id,
        payment_key=answer.payment_key,
        order_id=answer.order_id,
        amount_won=answer.total_won,
        supplied_won=answer.supplied_won,
        vat_won=answer.vat_won,
        tax_free_won=answer.tax_free_won,
        method=answer.method or "카드",
        card_issuer=card.issuer_name if card else answer.method or "카드",
        card_number=card.number if card else "",
        approve_no=answer.approve_no,
        receipt_url=answer.receipt_url,
        is_partial_cancelable=answer.is_partial_cancelable,
        key_pair=gateway.key_pair,
        m_id=answer.m_id,
        secret_fingerprint=gateway.secret_fingerprint,
        api_version=answer.version,
        approved_at=answer.approved_at or now,
    )
    db.session.add(payment)
    return payment


def _set_aside(order: PassOrder, code: str, *, now: datetime) -> None:
    order.set_aside(code, now=now)
    alert_merchant("pass_set_aside", code=code, subject=order.id, now=now)
