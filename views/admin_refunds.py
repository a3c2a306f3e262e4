"""How the merchant gives money back: whole or in part, and what Toss would not send."""

from flask import Blueprint, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, StringField
from wtforms.validators import InputRequired, Regexp

import clock
from billing.refund import ask_again, settle_by_hand
from billing.refund_by_merchant import NotRefundable, quote_refund, refund_quoted
from models import Payment, Quote, Refund
from models.quote import QuoteKind
from rules import won
from views.access import merchant_only
from views.acts import ReasonForm, act_page, found
from views.admin_subscriptions import give_back_soon
from views.filters import moment

blueprint = Blueprint("admin_refunds", __name__)


class AmountForm(FlaskForm):
    """How much goes back."""

    amount = StringField(
        "환불할 금액(원)",
        [Regexp(r"[0-9]{1,9}\Z", message="환불할 금액을 숫자로 입력해 주세요.")],
        filters=[lambda text: text.replace(",", "").strip() if isinstance(text, str) else text],
    )


class SettlementForm(ReasonForm):
    """What became of a refund that Toss would not send."""

    how = RadioField(
        "어떻게 되었나요?",
        [InputRequired("어떻게 되었는지 골라 주세요.")],
        choices=[
            SelectChoice("paid", "계좌이체 등으로 직접 돌려드렸어요"),
            SelectChoice("again", "토스페이먼츠에 다시 요청할게요"),
        ],
    )


@blueprint.route("/admin/payments/<int:payment_id>/refund", methods=["GET", "POST"])
@merchant_only
def new(payment_id: int) -> ResponseReturnValue:
    """Ask how much goes back; the next page says what that means."""
    payment = found(Payment, payment_id)
    form = AmountForm(amount=str(payment.refundable_won))
    refusal, status = None, 200
    if form.is_submitted():
        status = 400
        if form.validate():
            try:
                quote = quote_refund(
                    payment_id=payment.id, won=int(form.amount.data or 0), now=clock.now()
                )
            except NotRefundable:
                status = 409
                refusal = (
                    f"1원부터 {won.formatted(payment.refundable_won)}까지 환불할 수 있어요."
                    if not payment.refund_in_flight
                    else "이 결제의 다른 환불이 끝난 뒤에 다시 시도해 주세요."
                )
            else:
                return redirect(url_for("admin_refunds.confirm", quote_id=quote.id), 303)
    page = act_page(
        "환불",
        form,
        facts=_facts(payment),
        words=["일부만 환불할 수도 있어요. 구독은 계속되고, 끝내려면 구독 화면에서 따로 끝내요."],
        button="다음",
        back=_address(payment),
        refusal=refusal,
    )
    return page, status


@blueprint.route("/admin/refund-quotes/<int:quote_id>", methods=["GET", "POST"])
@merchant_only
def confirm(quote_id: int) -> ResponseReturnValue:
    """Show what goes back, and give it back for a reason."""
    quote = found(Quote, quote_id)
    if quote.kind is not QuoteKind.REFUND or not quote.is_by_merchant:
        abort(404)
    payment, form = found(Payment, quote.payment_id), ReasonForm()
    refusal, status = None, 200
    if not quote.is_open(clock.now()):
        refusal = "확인하는 시간이 지났어요. 금액을 다시 입력해 주세요."
    if form.is_submitted():
        status = 409 if refusal else 400
        if not refusal and form.validate():
            try:
                refund_id = refund_quoted(
                    quote_id=quote.id,
                    reason=form.reason.data or "",
                    actor_id=current_user.id,
                    now=clock.now(),
                )
            except NotRefundable as error:
                refusal, status = error.user_message, 409
            else:
                give_back_soon(refund_id)
                flash(f"{won.formatted(quote.refund_won)} 환불을 시작했어요. 결과가 여기에 보여요.")
                return redirect(f"{_address(payment)}#refund-{refund_id}", 303)
    lines = [(str(line["name"]), won.signed(int(line["won"]))) for line in quote.lines]
    page = act_page(
        f"{won.formatted(quote.refund_won)} 환불",
        form,
        facts=[
            *_facts(payment)[:3],
            *lines,
            ("돌려드릴 금액", won.formatted(quote.refund_won)),
        ],
        words=_words(payment, quote),
        button=f"{won.formatted(quote.refund_won)} 환불",
        back=url_for("admin_refunds.new", payment_id=payment.id),
        refusal=refusal,
    )
    return page, status


@blueprint.route("/admin/refunds/<int:refund_id>/settlement", methods=["GET", "POST"])
@merchant_only
def settle(refund_id: int) -> ResponseReturnValue:
    """Take the merchant's word for a refund that Toss would not send."""
    refund, form = found(Refund, refund_id), SettlementForm()
    refusal = None if refund.is_by_hand else "이미 처리한 환불이에요."
    status = 200
    if form.is_submitted():
        status = 409 if refusal else 400
        if not refusal and form.validate():
            act = settle_by_hand if form.how.data == "paid" else ask_again
            if act(
                refund_id=refund.id,
                actor_id=current_user.id,
                reason=form.reason.data,
                now=clock.now(),
            ):
                flash("처리했어요. 고객에게는 끝난 뒤 메일로 알려요.")
                return redirect(f"{_address(refund.payment)}#refund-{refund_id}", 303)
            refusal, status = "이미 처리한 환불이에요.", 409
    page = act_page(
        "직접 돌려드릴 환불",
        form,
        facts=[
            *_facts(refund.payment)[:3],
            ("돌려드릴 금액", won.formatted(refund.amount_won)),
            ("토스페이먼츠 코드", refund.failure_code or "부분 취소를 할 수 없는 결제"),
        ],
        words=["직접 돌려드렸다고 하면 장부에 환불로 적고 고객에게 환불 완료 메일을 보내요."],
        button="처리",
        back=_address(refund.payment),
        refusal=refusal,
    )
    return page, status


def _words(payment: Payment, quote: Quote) -> list[str]:
    words = ["카드사에 취소를 요청하면 되돌릴 수 없어요. 고객에게 환불 완료 메일을 보내요."]
    if quote.refund_won != payment.amount_won and not payment.is_partial_cancelable:
        words.append(
            "이 결제는 토스페이먼츠에서 부분 취소를 할 수 없어요."
            " 확인하면 직접 돌려드릴 환불로 할 일에 남아요."
        )
    return words


def _facts(payment: Payment) -> list[tuple[str, str]]:
    return [
        ("주문번호", payment.order_id),
        ("결제한 때", moment(payment.approved_at)),
        ("결제 수단", f"{payment.method} {payment.card_issuer} {payment.card_number}"),
        ("결제한 금액", won.formatted(payment.amount_won)),
        ("환불할 수 있는 금액", won.formatted(payment.refundable_won)),
    ]


def _address(payment: Payment) -> str:
    if payment.subscription is None:
        return url_for("admin_passes.show", order_id=payment.pass_order_id)
    return url_for("admin_subscriptions.show", subscription_id=payment.subscription.id)
