"""A subscription's story in the merchant's words: one event for each thing that happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask import url_for

from billing.send_again import can_send_again
from models import (
    AuditEntry,
    Consent,
    Invoice,
    Notice,
    PassOrder,
    Payment,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    WebhookEvent,
)
from models.pass_story import PassStory
from models.story import Story, StoryCheckout
from rules import won
from views import refusals
from views.filters import moment, refund_reason, span
from views.office_words import (
    ACTS,
    ATTEMPTS,
    CHECKOUT_STATES,
    CHECKOUTS,
    END_REASONS,
    INVOICES,
    MAILS,
    NOTICES,
    PASS_FAILURES,
    PASSES,
    REFUNDS,
    WEBHOOKS,
)


@dataclass(frozen=True)
class Event:
    """What happened at one moment; `anchor` is its place on the page, `acts` are (label, path)."""

    at: datetime
    title: str
    tone: str = ""
    state: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    acts: list[tuple[str, str]] = field(default_factory=list)
    anchor: str | None = None


def events_of(story: Story) -> list[Event]:
    """Return what happened to a subscription, newest first."""
    events = [
        *(_checkout(one, story) for one in story.checkouts),
        *(_consent(one) for one in story.consents),
        *(_invoice(one) for one in story.invoices),
        *(_attempt(one, story) for one in story.attempts),
        *(_payment(one) for one in story.payments),
        *(_refund(one, story) for one in story.refunds),
        *(_notice(one) for one in story.notices),
        *(_webhook(one) for one in story.webhooks),
        *(_act(one) for one in story.acts),
        *_end(story),
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)


def events_of_pass(story: PassStory) -> list[Event]:
    """Return what happened to an order for a pass, newest first."""
    events = [
        _order(story),
        *(_consent(one) for one in story.consents),
        *([_payment(story.payment)] if story.payment is not None else []),
        *(_refund(one, story) for one in story.refunds),
        *(_notice(one) for one in story.notices),
        *(_act(one) for one in story.acts),
        *_end_of_pass(story.order),
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _checkout(checkout: StoryCheckout, story: Story) -> Event:
    state, tone = CHECKOUT_STATES[checkout.status]
    facts = [("토스페이먼츠 코드", checkout.failure_code)] if checkout.failure_code else []
    sent = [one for one in story.requests if one.checkout_id == checkout.id]
    return Event(
        checkout.created_at,
        CHECKOUTS[checkout.kind],
        tone=tone,
        state=state,
        facts=[*facts, *_sendings(sent)],
    )


def _consent(consent: Consent) -> Event:
    return Event(
        consent.given_at,
        "동의",
        facts=[
            ("내용", consent.text),
            ("문서", f"{consent.document} {consent.version}"),
            ("접속 주소", consent.address),
        ],
    )


def _invoice(invoice: Invoice) -> Event:
    facts = [("이용 기간", span(invoice.period)), ("상품", invoice.order_name)]
    if not invoice.amount_won:
        return Event(invoice.created_at, "결제하지 않는 기간", facts=facts)
    return Event(
        invoice.created_at,
        f"청구 {won.formatted(invoice.amount_won)}",
        tone="bad" if invoice.is_set_aside else "",
        state=INVOICES[invoice.status],
        facts=facts,
    )


def _attempt(attempt: PaymentAttempt, story: Story) -> Event:
    state, tone = ATTEMPTS[attempt.status]
    facts = [
        ("주문번호", attempt.order_id),
        ("결제 수단", f"{attempt.billing_key.card_issuer} {attempt.billing_key.card_number}"),
    ]
    if attempt.failure_code:
        happened, advice = refusals.declined(attempt.failure_code)
        facts += [
            ("토스페이먼츠 코드", attempt.failure_code),
            ("토스페이먼츠의 말", attempt.failure_message or "–"),
        ]
        if not attempt.is_set_aside:
            facts.append(("고객에게 알린 말", f"{happened} {advice}"))
    if attempt.settled_at:
        facts.append(("결과를 안 때", moment(attempt.settled_at)))
    acts = []
    if attempt.is_set_aside and attempt.invoice.is_set_aside:
        acts = [("확인하고 정하기", url_for("admin_work.decide", attempt_id=attempt.id))]
    return Event(
        attempt.created_at,
        f"결제 시도 {won.formatted(attempt.amount_won)}",
        tone=tone,
        state=state,
        facts=[*facts, *_sendings([one for one in story.requests if one.attempt_id == attempt.id])],
        acts=acts,
        anchor=f"order-{attempt.order_id}",
    )


def _payment(payment: Payment) -> Event:
    facts = [
        ("결제 키", payment.payment_key),
        ("주문번호", payment.order_id),
        ("결제 수단", f"{payment.method} {payment.card_issuer} {payment.card_number}"),
        ("승인", f"{moment(payment.approved_at)}, 승인 번호 {payment.approve_no or '–'}"),
        (
            "공급가액·부가세",
            f"{won.formatted(payment.supplied_won)}, {won.formatted(payment.vat_won)}",
        ),
        ("처음 이용한 때", moment(payment.used_at) if payment.used_at else "아직 이용하지 않음"),
    ]
    if payment.refunded_won:
        facts.append(("환불한 금액", won.formatted(payment.refunded_won)))
    acts = []
    if payment.refundable_won and not payment.refund_in_flight:
        acts = [("환불", url_for("admin_refunds.new", payment_id=payment.id))]
    return Event(
        (payment.invoice and payment.invoice.paid_at) or payment.approved_at,
        f"결제 {won.formatted(payment.amount_won)}",
        tone="good",
        state="결제됨",
        facts=facts,
        acts=acts,
        anchor=f"payment-{payment.id}",
    )


def _refund(refund: Refund, story: Story | PassStory) -> Event:
    state, tone = REFUNDS[refund.status]
    facts = [("이유", refund_reason(refund))]
    if refund.quote is not None:
        lines = [f"{line['name']} {won.signed(line['won'])}" for line in refund.quote.lines]
        facts.append(("계산", " · ".join(lines)))
    if refund.transaction_key:
        facts.append(("거래 키", refund.transaction_key))
    if refund.failure_code:
        facts.append(("토스페이먼츠 코드", refund.failure_code))
    if refund.settled_at:
        facts.append(("끝난 때", moment(refund.settled_at)))
    acts = []
    if refund.is_by_hand:
        acts = [("처리하기", url_for("admin_refunds.settle", refund_id=refund.id))]
    return Event(
        refund.created_at,
        f"환불 {won.formatted(refund.amount_won)}",
        tone=tone,
        state=state,
        facts=[*facts, *_sendings([one for one in story.requests if one.refund_id == refund.id])],
        acts=acts,
        anchor=f"refund-{refund.id}",
    )


def _notice(notice: Notice) -> Event:
    state, tone = NOTICES[notice.status]
    facts = [("보낸 때", moment(notice.sent_at))] if notice.sent_at else []
    if notice.last_error:
        facts.append(("메일 서버의 말", notice.last_error))
    acts = []
    if can_send_again(notice):
        acts = [("다시 보내기", url_for("admin_work.send_again", notice_id=notice.id))]
    return Event(
        notice.created_at,
        f"메일 “{MAILS[notice.kind]}”",
        tone=tone,
        state=state,
        facts=facts,
        acts=acts,
    )


def _webhook(event: WebhookEvent) -> Event:
    state, tone = WEBHOOKS[event.status]
    return Event(event.received_at, f"웹훅 {event.event_type}", tone=tone, state=state)


def _act(entry: AuditEntry) -> Event:
    facts = [("누가", entry.actor.email if entry.actor else "가게")]
    facts += [
        ("이유" if name == "reason" else name, str(entry.facts[name])) for name in entry.facts
    ]
    return Event(entry.at, ACTS.get(entry.action, entry.action), facts=facts)


def _end(story: Story) -> list[Event]:
    subscription = story.subscription
    if subscription.ended_at is None or subscription.end_reason is None:
        return []
    reason = END_REASONS[subscription.end_reason]
    return [Event(subscription.ended_at, "구독이 끝남", facts=[("까닭", reason)])]


def _order(story: PassStory) -> Event:
    order = story.order
    state, tone = PASSES[order.status]
    facts = [("주문번호", order.id), ("이용 기간", span(order.period))]
    if order.failure_kind:
        facts.append(("까닭", PASS_FAILURES[order.failure_kind]))
    if order.failure_code:
        facts.append(("토스페이먼츠 코드", order.failure_code))
    if order.reported_code:
        facts.append(("결제창이 전한 코드(확인되지 않음)", order.reported_code))
    if order.payment_key:
        facts.append(("손님이 가져온 결제 키", order.payment_key))
    if order.settled_at:
        facts.append(("결과를 안 때", moment(order.settled_at)))
    sent = [one for one in story.requests if one.pass_order_id == order.id]
    acts = []
    if order.is_set_aside:
        acts = [("확인하고 정하기", url_for("admin_passes.decide", order_id=order.id))]
    return Event(
        order.created_at,
        f"이용권 주문 {won.formatted(order.amount_won)}",
        tone=tone,
        state=state,
        facts=[*facts, *_sendings(sent)],
        acts=acts,
        anchor=f"order-{order.id}",
    )


def _end_of_pass(order: PassOrder) -> list[Event]:
    if order.ended_at is None or order.end_reason is None:
        return []
    return [Event(order.ended_at, "이용권이 끝남", facts=[("까닭", END_REASONS[order.end_reason])])]


def _sendings(requests: Sequence[PaymentRequest]) -> list[tuple[str, str]]:
    """Return a line for each time that Toss was asked: when, and what came back."""
    return [("토스페이먼츠에 요청", _sending(request)) for request in requests]


def _sending(request: PaymentRequest) -> str:
    sent = moment(request.sent_at)
    if request.code is None:
        return f"{sent}, 답을 받지 못함"
    status = f"HTTP {request.http_status}" if request.http_status else "답 없음"
    trace = f", 추적 ID {request.trace_id}" if request.trace_id else ""
    return f"{sent}, {status} {request.code}{trace}"
