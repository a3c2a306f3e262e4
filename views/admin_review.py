"""The review preflight for the merchant: what Toss's reviewer will refuse, as a page."""

from threading import Lock

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

import clock
from models import User
from review import KeyAnswer, SignIn, ask_about_key, check
from views.access import merchant_only

blueprint = Blueprint("admin_review", __name__)

SECONDS_EACH, SECONDS_IN_ALL, PAGES = 8.0, 40.0, 300
_BUSY = "다른 점검이 진행되고 있어요. 1분쯤 뒤에 다시 눌러 주세요."

_one_at_a_time = Lock()


class ReviewerForm(FlaskForm):
    """How the reviewer signs in; kept nowhere."""

    email = StringField(
        "심사 계정 이메일", [DataRequired("심사 계정의 이메일을 입력해 주세요."), Length(max=254)]
    )
    password = PasswordField(
        "심사 계정 비밀번호",
        [DataRequired("심사 계정의 비밀번호를 입력해 주세요."), Length(max=128)],
    )


@blueprint.get("/admin/review")
@merchant_only
def show() -> str:
    """Show what is checked and ask for the reviewer's sign-in."""
    reviewer = User.newest_reviewer()
    return _page(ReviewerForm(email=reviewer.email if reviewer else None))


@blueprint.post("/admin/review")
@merchant_only
def create() -> ResponseReturnValue:
    """Check the shop, and show what was found; nothing of it is kept."""
    form = ReviewerForm()
    if not form.validate_on_submit():
        return _page(form), 400
    if not _one_at_a_time.acquire(blocking=False):
        return _page(form, notice=_BUSY), 409
    try:
        report = check(
            settings=current_app.config,
            key_answer=_key_answer(),
            sign_in=SignIn((form.email.data or "").strip(), form.password.data or ""),
            now=clock.now(),
            seconds_each=SECONDS_EACH,
            seconds_in_all=SECONDS_IN_ALL,
            pages_in_all=PAGES,
        )
    finally:
        _one_at_a_time.release()
    return _page(form, report=report)


def _key_answer() -> KeyAnswer:
    """Ask Toss in the room for calls from pages: the page waits no longer than a moment."""
    extensions = current_app.extensions
    answers: list[KeyAnswer] = []
    extensions["toss_room"].run(
        lambda: answers.append(ask_about_key(extensions["payment_gateway"]))
    )
    return answers[0] if answers else KeyAnswer(None, "timeout")


def _page(form: ReviewerForm, *, notice: str = "", report: object = None) -> str:
    return render_template("admin/review.html", form=form, notice=notice, report=report)
