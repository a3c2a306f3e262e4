"""How the merchant acts: a page that says what will happen, a reason, a yes, and back."""

from collections.abc import Sequence
from typing import Any

from flask import abort, render_template
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import DataRequired, Length

from models import db


class ReasonForm(FlaskForm):
    """Why, for the log; and that what the page says was read."""

    reason = StringField(
        "이유",
        [
            DataRequired("이유를 적어 주세요. 기록에 남아요."),
            Length(max=200, message="이유는 200자 이하로 적어 주세요."),
        ],
        filters=[lambda text: text.strip() if text else text],
    )
    confirmed = BooleanField("위 내용을 확인했어요", [DataRequired("확인하고 표시해 주세요.")])


def act_page(
    title: str,
    form: FlaskForm,
    *,
    words: Sequence[str],
    facts: Sequence[tuple[str, str]] = (),
    button: str,
    back: str,
    refusal: str | None = None,
) -> str:
    """Return the page that asks whether to act; `back` leads to where the merchant came from."""
    return render_template(
        "admin/act.html",
        title=title,
        form=form,
        words=words,
        facts=facts,
        button=button,
        back=back,
        refusal=refusal,
    )


def found(model: Any, record_id: int) -> Any:
    """Return the record of this id, or answer 404."""
    record = db.session.get(model, record_id) if record_id < 2**31 else None
    if record is None:
        abort(404)
    return record
