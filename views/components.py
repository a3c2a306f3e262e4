"""Every component of the shop's look in every state, for the merchant's developer."""

from flask import Blueprint, render_template
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from views.access import merchant_only

blueprint = Blueprint("components", __name__)


class SampleForm(FlaskForm):
    """Fields as they stand, and with an error."""

    calm = StringField("이름")
    wrong = StringField("이메일")
    choice = BooleanField("혜택·이벤트 소식 받기")
    missed = BooleanField("[필수] 구매에 동의합니다.")


@blueprint.get("/components")
@merchant_only
def show() -> str:
    """Show the components."""
    form = SampleForm()
    form.wrong.errors = ["이메일 주소를 확인해 주세요."]
    form.missed.errors = ["동의가 필요해요."]
    return render_template("components/show.html", form=form)
