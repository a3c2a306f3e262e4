"""The customer centre: what is asked often, how to ask, and what was answered."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, Length

import clock
from billing.inquire import inquire
from models import Inquiry
from views.access import client_address, public
from views.languages import current
from views.page_cache import same_for_strangers
from views.security import limiter
from views.signup import email_field, name_field, normalize_email

blueprint = Blueprint("contact", __name__)

TOPICS = {
    "payment": _l("결제·환불"),
    "leaving": _l("해지"),
    "service": _l("이용 방법"),
    "other": _l("그 밖의 문의"),
}


class InquiryForm(FlaskForm):
    """A question, and where its answer goes."""

    name = name_field()
    email = email_field(_l("답변받을 이메일"))
    topic = SelectField(
        _l("문의 종류"),
        [AnyOf(TOPICS, _l("문의 종류를 골라 주세요."))],
        choices=[SelectChoice(value, label) for value, label in TOPICS.items()],
        validate_choice=False,
    )
    body = TextAreaField(
        _l("내용"),
        [
            DataRequired(_l("문의 내용을 입력해 주세요.")),
            Length(max=4000, message=_l("내용은 4,000자 이하로 입력해 주세요.")),
        ],
    )

    def validate_email(self, field: StringField) -> None:
        """Refuse what is no address."""
        normalize_email(field)


@blueprint.get("/contact")
@public
@same_for_strangers
def show() -> str:
    """Show how to reach the shop, and what is asked often."""
    days = current_app.config["REFUND_WITHDRAW_DAYS"]
    return render_template("contact/show.html", withdraw_days=days)


@blueprint.get("/contact/inquiry")
@public
def new() -> str:
    """Show the form of an inquiry; who is signed in need not say who they are."""
    return render_template("contact/new.html", form=_form())


@blueprint.post("/contact/inquiry")
@public
@limiter.limit("20 per hour", key_func=client_address)
def create() -> ResponseReturnValue:
    """Keep the question."""
    form = _form()
    if not form.validate_on_submit():
        return render_template("contact/new.html", form=form), 400
    user = current_user if current_user.is_authenticated else None
    inquiry = inquire(
        user=user,
        name=(form.name.data or "").strip(),
        email=form.email.data or "",
        topic=form.topic.data,
        body=(form.body.data or "").strip(),
        language=current(),
        now=clock.now(),
    )
    flash(_("문의를 받았어요. 답변은 %(email)s로 보내드려요.", email=inquiry.email))
    return redirect(url_for("contact.index" if user else "contact.show"), 303)


@blueprint.get("/contact/inquiries")
def index() -> str:
    """Show what the customer asked."""
    inquiries = Inquiry.of_user(current_user.id)
    return render_template("contact/index.html", inquiries=inquiries, topics=TOPICS)


@blueprint.get("/contact/inquiries/<int:inquiry_id>")
def show_inquiry(inquiry_id: int) -> str:
    """Show one question with its answer."""
    found = inquiry_id < 2**31 and Inquiry.of_user_with(inquiry_id, user_id=current_user.id)
    inquiry = found or abort(404)
    return render_template("contact/inquiry.html", inquiry=inquiry, topics=TOPICS)


def _form() -> InquiryForm:
    form = InquiryForm()
    if current_user.is_authenticated and not form.is_submitted():
        form.name.data, form.email.data = current_user.name, current_user.email
    return form
