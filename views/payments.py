"""What a customer paid and got back, why, and a statement of a period to print."""

from datetime import date, timedelta
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectChoice, SelectField, StringField
from wtforms.validators import AnyOf, DataRequired, Length, ValidationError

import clock
from billing.cash_receipts import ask_for_receipt, stop_receipts
from models import Consent, Notice, Payment, db
from models.cash_receipt import ReceiptKind
from rules import receipt_number
from rules.periods import seoul_date, seoul_instant
from views.filters import long_day
from views.paid_words import ordered
from views.security import limiter

blueprint = Blueprint("payments", __name__)

_NOTICES = {
    "contract": _l("계약 내용"),
    "renewal_paid": _l("결제 완료"),
    "renewal_failed": _l("결제 실패"),
    "plan_changed": _l("플랜 변경"),
    "pass_paid": _l("계약 내용"),
}
LONGEST = timedelta(days=366 * 2)


@blueprint.get("/payments")
def index() -> str:
    """Show every payment, newest first."""
    return render_template("payments/index.html", payments=Payment.of_user(current_user.id))


class ReceiptForm(FlaskForm):
    """What a cash receipt is for, and the number that it is issued to."""

    kind = SelectField(
        _l("현금영수증 종류"),
        [AnyOf(("income", "expense"), _l("현금영수증 종류를 골라 주세요."))],
        choices=[
            SelectChoice("income", _l("소득공제 (개인)")),
            SelectChoice("expense", _l("지출증빙 (사업자)")),
        ],
        validate_choice=False,
    )
    number = StringField(
        _l("번호"),
        [
            DataRequired(_l("휴대전화 번호나 사업자등록번호를 입력해 주세요.")),
            Length(max=30, message=_l("번호는 30자 이하로 입력해 주세요.")),
        ],
    )
    every = BooleanField(_l("다음 결제에도 같은 번호로 발급하기"))

    def validate_number(self, field: StringField) -> None:
        """Refuse a number that the tax office would not know."""
        field.data = receipt_number.digits_of(field.data or "")
        if self.kind.data == "income" and not receipt_number.is_for_income(field.data):
            raise ValidationError(_("휴대전화 번호나 현금영수증 카드 번호를 확인해 주세요."))
        if self.kind.data == "expense" and not receipt_number.is_for_expense(field.data):
            raise ValidationError(_("사업자등록번호 열 자리를 확인해 주세요."))


@blueprint.get("/payments/<int:payment_id>")
def show(payment_id: int) -> str:
    """Show one payment: why this amount, how it was taxed, with which card, what came back."""
    return _page(_own(payment_id), ReceiptForm())


@blueprint.post("/payments/<int:payment_id>/cash-receipt")
@limiter.limit("20 per hour", key_func=lambda: f"receipt:{current_user.get_id()}")
def ask_for_cash_receipt(payment_id: int) -> ResponseReturnValue:
    """Ask for the cash receipt of a transfer."""
    payment, form = _own(payment_id), ReceiptForm()
    if not form.validate_on_submit():
        return _page(payment, form), 400
    ask_for_receipt(
        payment_id=payment.id,
        user_id=current_user.id,
        kind=ReceiptKind(form.kind.data),
        identity_number=form.number.data or "",
        every_payment=form.every.data,
        vault=current_app.extensions["vault"],
        now=clock.now(),
    )
    flash(_("현금영수증을 신청했어요. 발급되면 이 화면에 보여요."))
    return redirect(url_for("payments.show", payment_id=payment_id), 303)


@blueprint.post("/payments/<int:payment_id>/cash-receipt/stop")
def stop_cash_receipts(payment_id: int) -> ResponseReturnValue:
    """Issue no more cash receipts of payments to come."""
    payment = _own(payment_id)
    stop_receipts(payment_id=payment.id, user_id=current_user.id, now=clock.now())
    flash(_("다음 결제부터 현금영수증을 발급하지 않아요."))
    return redirect(url_for("payments.show", payment_id=payment_id), 303)


def _own(payment_id: int) -> Payment:
    payment = db.session.get(Payment, payment_id) if payment_id < 2**31 else None
    if payment is None or payment.user_id != current_user.id:
        abort(404)
    return payment


def _page(payment: Payment, form: ReceiptForm) -> str:
    subscription = payment.subscription
    return render_template(
        "payments/show.html",
        payment=payment,
        quote=payment.quote,
        refunds=[refund for refund in payment.refunds if not refund.is_void],
        consents=Consent.for_quote(payment.quote.id),
        mails=_mails(payment),
        receipt=payment.cash_receipt,
        wants_more=subscription is not None and bool(subscription.billing_key.receipt_kind),
        form=form,
    )


@blueprint.get("/payments/statement")
def statement() -> ResponseReturnValue:
    """Show what was paid and given back from one day to another, to be printed."""
    today = seoul_date(clock.now())
    start_on = _day("from", today.replace(day=1))
    end_on = _day("to", today)
    mistake = None
    if start_on is None or end_on is None:
        mistake = _("날짜를 2026-11-20처럼 입력해 주세요.")
    elif end_on < start_on:
        mistake = _("끝 날짜가 시작 날짜보다 빨라요.")
    elif end_on - start_on > LONGEST:
        mistake = _("한 번에 2년까지 볼 수 있어요.")
    if mistake or start_on is None or end_on is None:
        period = today.replace(day=1), today
        return _statement(*period, lines=[], mistake=mistake), 400
    return _statement(start_on, end_on, lines=_lines(start_on, end_on))


def _day(name: str, default: date) -> date | None:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _statement(
    start_on: date, end_on: date, *, lines: list[dict[str, Any]], mistake: str | None = None
) -> str:
    return render_template(
        "payments/statement.html",
        start_on=start_on,
        end_on=end_on,
        lines=lines,
        mistake=mistake,
        paid_won=sum(line["won"] for line in lines if line["won"] > 0),
        refunded_won=-sum(line["won"] for line in lines if line["won"] < 0),
        made_on=clock.now(),
    )


def _lines(start_on: date, end_on: date) -> list[dict[str, Any]]:
    """Return a line for each time that money moved, the oldest first."""
    start, end = seoul_instant(start_on), seoul_instant(end_on + timedelta(days=1))
    lines = []
    for payment in Payment.of_user(current_user.id):
        name = ordered(payment)
        if start <= payment.approved_at < end:
            lines.append({"at": payment.approved_at, "name": name, "won": payment.amount_won,
                          "vat": payment.vat_won, "order_id": payment.order_id})  # fmt: skip
        for refund in payment.refunds:
            if refund.is_done and refund.settled_at and start <= refund.settled_at < end:
                lines.append({"at": refund.settled_at, "name": _("%(plan)s 환불", plan=name),
                              "won": -refund.amount_won, "vat": None,
                              "order_id": payment.order_id})  # fmt: skip
    return sorted(lines, key=lambda line: line["at"])


def _mails(payment: Payment) -> list[str]:
    """Return what was mailed about what was paid, in words."""
    said = []
    for notice in Notice.about_payment(payment):
        mail = _NOTICES.get(str(notice.kind), _("알림"))
        if notice.sent_at:
            day = long_day(notice.sent_at)
            said.append(_("%(mail)s 메일을 %(day)s에 보냈어요.", mail=mail, day=day))
        else:
            said.append(_("%(mail)s 메일을 보내는 중이에요.", mail=mail))
    return said
