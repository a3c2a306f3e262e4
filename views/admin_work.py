"""What waits for the merchant, and the ways to settle it."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

import clock
from billing import BillingError
from billing.inquire import answer_inquiry
from billing.resolve import Decision, resolve
from billing.send_again import can_send_again, drop_notice
from billing.send_again import send_again as owe_again
from billing.settle_webhook import drop_webhook, take_up_webhook
from gateways.payment import PaymentGatewayError
from models import (
    Breaker,
    Inquiry,
    Invoice,
    Notice,
    PassOrder,
    PaymentAttempt,
    Refund,
    WebhookEvent,
    db,
)
from rules import won
from views.access import merchant_only
from views.acts import ReasonForm, act_page, found
from views.contact import TOPICS
from views.filters import moment
from views.office_words import MAILS

blueprint = Blueprint("admin_work", __name__)

ROWS = 50


class DecisionForm(ReasonForm):
    """What becomes of an order that was set aside."""

    decision = RadioField(
        "어떻게 할까요?",
        [InputRequired("어떻게 할지 골라 주세요.")],
        choices=[
            SelectChoice(Decision.CHARGE_AGAIN.value, "다시 결제해요"),
            SelectChoice(Decision.WAIVE.value, "이번 기간은 받지 않아요"),
        ],
    )


class AgainForm(ReasonForm):
    """What becomes of something that was given up."""

    again = RadioField(
        "어떻게 할까요?",
        [InputRequired("어떻게 할지 골라 주세요.")],
        choices=[SelectChoice("y", "다시 시도해요"), SelectChoice("n", "이대로 둬요")],
    )


class AnswerForm(FlaskForm):
    """What the shop answers."""

    answer = TextAreaField(
        "답변",
        [
            DataRequired("답변을 입력해 주세요."),
            Length(max=4000, message="답변은 4,000자 이하로 입력해 주세요."),
        ],
    )


@blueprint.get("/admin/work")
@merchant_only
def index() -> str:
    """List what waits for the merchant, the oldest first."""
    return render_template(
        "admin/work.html",
        refused_keys=Breaker.all_open(),
        set_aside=Invoice.set_aside_ones(ROWS),
        passes=PassOrder.set_aside_ones(ROWS),
        owed=Refund.owed_by_hand(ROWS),
        notices=Notice.dead_ones(ROWS),
        mails=MAILS,
        webhooks=WebhookEvent.dead_ones(ROWS),
        inquiries=Inquiry.unanswered(ROWS),
        rows=ROWS,
    )


@blueprint.route("/admin/attempts/<int:attempt_id>/decision", methods=["GET", "POST"])
@merchant_only
def decide(attempt_id: int) -> ResponseReturnValue:
    """Go on after the merchant has looked at an order that was set aside; Toss is asked first."""
    attempt, form = found(PaymentAttempt, attempt_id), DecisionForm()
    invoice = attempt.invoice
    refusal = None if invoice.is_set_aside else "이미 정한 주문이에요."
    status = 200
    if form.is_submitted():
        status = 409 if refusal else 400
        if not refusal and form.validate():
            refusal, status = _resolve(attempt.order_id, form), 409
            if refusal is None:
                flash("정한 대로 했어요.")
                return redirect(_story(invoice.subscription_id, attempt.order_id), 303)
            db.session.expire_all()
    page = act_page(
        "결제 확인",
        form,
        facts=[
            ("주문번호", attempt.order_id),
            ("청구한 금액", won.formatted(attempt.amount_won)),
            ("토스페이먼츠 코드", attempt.failure_code or "–"),
            ("토스페이먼츠의 말", attempt.failure_message or "–"),
        ],
        words=[
            "청구한 것과 다른 답이 왔거나 답을 끝내 받지 못한 주문이에요."
            " 토스페이먼츠 상점관리자에서 이 주문을 먼저 확인해 주세요.",
            "정하기 전에 토스페이먼츠에 다시 물어봐요. 청구한 대로 결제되어 있으면 결제로 적어요.",
            "다른 금액이 남아 있으면 상점관리자에서 취소한 뒤 다시 와 주세요.",
        ],
        button="정하기",
        back=_story(invoice.subscription_id, attempt.order_id),
        refusal=refusal,
    )
    return page, status


@blueprint.route("/admin/notices/<int:notice_id>", methods=["GET", "POST"])
@merchant_only
def send_again(notice_id: int) -> ResponseReturnValue:
    """Send a mail again, or leave one that was given up as it is."""
    notice = found(Notice, notice_id)
    form = AgainForm() if notice.is_dead else ReasonForm()
    refusal = None if can_send_again(notice) else "다시 보낼 수 없는 메일이에요."
    back = request.args.get("from") == "story" and notice.facts.get("subscription_id")
    order_id = request.args.get("from") == "story" and notice.facts.get("pass_order_id")
    address = _story(back) if isinstance(back, int) else url_for("admin_work.index")
    if isinstance(order_id, str):
        address = url_for("admin_passes.show", order_id=order_id)
    status = 200
    if form.is_submitted():
        status = 409 if refusal else 400
        if not refusal and form.validate():
            act = drop_notice if notice.is_dead and form.again.data == "n" else owe_again
            act(
                notice_id=notice.id,
                actor_id=current_user.id,
                reason=form.reason.data or "",
                now=clock.now(),
            )
            flash("이대로 두기로 했어요." if act is drop_notice else "곧 다시 보내요.")
            return redirect(address, 303)
    page = act_page(
        "메일 다시 보내기",
        form,
        facts=[
            ("메일", MAILS[notice.kind]),
            ("받는 사람", notice.user.email if notice.user else notice.address or "판매자"),
            ("쓴 때", moment(notice.created_at)),
            ("보낸 때", moment(notice.sent_at) if notice.sent_at else "보내지 못함"),
            *([("메일 서버의 말", notice.last_error)] if notice.last_error else []),
        ],
        words=["같은 내용을 지금의 주소로 한 번 더 보내요."],
        button="확인",
        back=address,
        refusal=refusal,
    )
    return page, status


@blueprint.route("/admin/webhooks/<int:event_id>", methods=["GET", "POST"])
@merchant_only
def webhook(event_id: int) -> ResponseReturnValue:
    """Ask Toss again about an event that was given up, or leave it."""
    event, form = found(WebhookEvent, event_id), AgainForm()
    refusal = None if event.is_dead else "이미 처리한 웹훅이에요."
    status = 200
    if form.is_submitted():
        status = 409 if refusal else 400
        if not refusal and form.validate():
            act = take_up_webhook if form.again.data == "y" else drop_webhook
            act(
                event_id=event.id,
                actor_id=current_user.id,
                reason=form.reason.data or "",
                now=clock.now(),
            )
            flash("처리했어요.")
            return redirect(url_for("admin_work.index"), 303)
    page = act_page(
        "처리하지 못한 웹훅",
        form,
        facts=[
            ("종류", event.event_type),
            ("받은 때", moment(event.received_at)),
            ("전송 ID", event.transmission_id),
        ],
        words=["토스페이먼츠가 답하지 않아 확인을 그만둔 알림이에요. 다시 시도하면 또 물어봐요."],
        button="확인",
        back=url_for("admin_work.index"),
        refusal=refusal,
    )
    return page, status


@blueprint.route("/admin/inquiries/<int:inquiry_id>", methods=["GET", "POST"])
@merchant_only
def answer(inquiry_id: int) -> ResponseReturnValue:
    """Show an inquiry, and answer it once."""
    inquiry, form = found(Inquiry, inquiry_id), AnswerForm()
    status = 200
    if form.is_submitted() and not inquiry.is_answered:
        if form.validate():
            answer_inquiry(
                inquiry_id=inquiry.id,
                answer=form.answer.data or "",
                actor_id=current_user.id,
                now=clock.now(),
            )
            flash("답변을 보내요.")
            return redirect(url_for("admin_work.index"), 303)
        status = 400
    elif form.is_submitted():
        status = 409
    return render_template(
        "admin/inquiry.html", inquiry=inquiry, topic=TOPICS.get(inquiry.topic, "문의"), form=form
    ), status


def _resolve(order_id: str, form: DecisionForm) -> str | None:
    """Decide in the room for calls to Toss; return what stood in the way."""
    refusals: list[str] = []
    extensions = current_app.extensions
    actor_id, decision, reason = current_user.id, Decision(form.decision.data), form.reason.data
    done: list[bool] = []

    def decide_now() -> None:
        try:
            resolve(
                order_id=order_id,
                decision=decision,
                gateway=extensions["payment_gateway"],
                terms=extensions["collection_terms"],
                now=clock.now(),
                actor_id=actor_id,
                reason=reason,
            )
        except BillingError as error:
            refusals.append(error.user_message)
        except PaymentGatewayError as error:
            refusals.append(
                f"토스페이먼츠가 답하지 않았어요 ({error.code}). 잠시 뒤 다시 해 주세요."
            )
        done.append(True)

    db.session.rollback()
    extensions["toss_room"].run(decide_now)
    if refusals:
        return refusals[0]
    return None if done else "토스페이먼츠가 답하는 데 오래 걸려요. 잠시 뒤 결과를 확인해 주세요."


def _story(subscription_id: int, order_id: str | None = None) -> str:
    anchor = f"order-{order_id}" if order_id else None
    return url_for("admin_subscriptions.show", subscription_id=subscription_id, _anchor=anchor)
