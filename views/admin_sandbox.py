"""What the merchant may turn while the shop runs on the sandbox: the clock, and Toss's faults."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

import clock
from billing.steer_sandbox import note_steering
from models import db
from views.access import merchant_only
from views.filters import moment

blueprint = Blueprint("admin_sandbox", __name__)

DISTANCES = {"1": "하루", "7": "한 주", "31": "31일", "92": "석 달(92일)"}
OPERATIONS = {
    "charge": "결제",
    "confirm": "이용권 결제 승인",
    "issue": "카드 등록",
    "cancel": "결제 취소",
    "lookup": "조회",
    "delete": "카드 삭제",
    "receipt": "현금영수증",
    "any": "모든 요청",
}
KINDS = {
    "code": "아래 코드로 거절",
    "lost": "처리하고 답을 잃음",
    "lost_before": "요청이 닿지 않음",
    "hang": "30초 동안 답하지 않음",
    "status": "HTTP 503",
    "mismatch": "다른 금액으로 답함",
    "garbage": "깨진 답",
}


def _choices(words: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words.items()]


class ClockForm(FlaskForm):
    """How far the shop's time moves."""

    days = SelectField("얼마나", choices=_choices(DISTANCES))


class FaultForm(FlaskForm):
    """One kind of trouble, and how often it strikes."""

    operation = SelectField("어떤 요청에", choices=_choices(OPERATIONS))
    kind = SelectField("어떻게", choices=_choices(KINDS))
    code = StringField("거절 코드", [Length(max=100)], default="REJECT_CARD_PAYMENT")
    times = IntegerField(
        "몇 번",
        [
            InputRequired("1부터 1000까지의 숫자를 입력해 주세요."),
            NumberRange(1, 1000, message="1부터 1000까지의 숫자를 입력해 주세요."),
        ],
        default=1,
    )


@blueprint.get("/admin/sandbox")
@merchant_only
def show() -> str:
    """Show the shop's time and the faults in force."""
    return _page(ClockForm(), FaultForm())


@blueprint.post("/admin/sandbox/clock")
@merchant_only
def advance() -> ResponseReturnValue:
    """Move the shop's time on, with a billing run each day."""
    form = ClockForm()
    if not form.validate_on_submit():
        return _page(form, FaultForm()), 400
    days = int(form.days.data)
    actor_id = current_user.id
    note_steering("clock.advanced", {"days": days}, actor_id=actor_id, now=clock.now())
    db.session.rollback()
    runs = list(_controls().advance(timedelta(days=days)))
    if runs:
        flash(f"가게의 시간을 {moment(clock.now())}로 옮겼어요.")
    else:
        flash("다른 화면에서 시간을 옮기고 있어요. 끝난 뒤에 다시 시도해 주세요.")
    return redirect(url_for("admin_sandbox.show"), 303)


@blueprint.post("/admin/sandbox/clock/reset")
@merchant_only
def reset() -> ResponseReturnValue:
    """Let the shop's time be the real one again."""
    note_steering("clock.reset", {}, actor_id=current_user.id, now=clock.now())
    _controls().reset()
    flash("가게의 시간을 실제 시각으로 되돌렸어요.")
    return redirect(url_for("admin_sandbox.show"), 303)


@blueprint.post("/admin/sandbox/faults")
@merchant_only
def plant() -> ResponseReturnValue:
    """Add a fault to those in force."""
    form = FaultForm()
    if not form.validate_on_submit():
        return _page(ClockForm(), form), 400
    fault: dict[str, Any] = {
        "operation": form.operation.data,
        "kind": form.kind.data,
        "times": form.times.data,
    }
    if form.kind.data == "code":
        fault["code"] = form.code.data or ""
    if form.kind.data == "hang":
        fault["seconds"] = 30
    faults, problem = _faults()
    if problem is None:
        problem = _plant([*faults, fault])
    if problem is not None:
        form.code.errors = [*form.code.errors, problem]
        return _page(ClockForm(), form), 400
    note_steering("faults.planted", fault, actor_id=current_user.id, now=clock.now())
    flash("장애를 만들었어요. 다음 요청부터 일어나요.")
    return redirect(url_for("admin_sandbox.show"), 303)


@blueprint.post("/admin/sandbox/faults/removal")
@merchant_only
def clear() -> ResponseReturnValue:
    """Let the sandbox behave again."""
    flash(_plant([]) or "장애를 모두 없앴어요.")
    note_steering("faults.removed", {}, actor_id=current_user.id, now=clock.now())
    return redirect(url_for("admin_sandbox.show"), 303)


def _page(clock_form: ClockForm, fault_form: FaultForm) -> str:
    faults, problem = _faults()
    return render_template(
        "admin/sandbox.html",
        now=clock.now(),
        ahead_days=(clock.now() - clock.real_now()).days,
        clock_form=clock_form,
        fault_form=fault_form,
        faults=faults,
        problem=problem,
        operations=OPERATIONS,
        kinds=KINDS,
    )


def _faults() -> tuple[list[dict[str, Any]], str | None]:
    controls = _controls()
    if not controls.has_sandbox:
        return [], "SANDBOX_CONTROL_URL이 비어 있어 장애를 만들 수 없어요."
    try:
        return controls.faults(), None
    except controls.Unwilling:
        return [], "모의 토스페이먼츠가 답하지 않아요. 켜져 있는지 확인해 주세요."


def _plant(faults: list[dict[str, Any]]) -> str | None:
    controls = _controls()
    try:
        controls.plant(faults)
    except controls.Unwilling:
        return "모의 토스페이먼츠가 받지 않았어요. 토스페이먼츠의 거절 코드인지 확인해 주세요."
    return None


def _controls() -> Any:
    if "sandbox_controls" not in current_app.extensions:
        abort(404)
    return current_app.extensions["sandbox_controls"]
