"""The customer's account."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import DataRequired, Length

import clock
from models import SignIn, User, db
from views.access import begin_sign_in
from views.security import limiter
from views.signup import new_password_field

blueprint = Blueprint("account", __name__)


class PasswordForm(FlaskForm):
    """The password that is, and the one that shall be."""

    current = PasswordField(
        "지금 비밀번호", [DataRequired("지금 비밀번호를 입력해 주세요."), Length(max=128)]
    )
    password = new_password_field("새 비밀번호")


@blueprint.get("/account")
def show() -> str:
    """Show who is signed in, and how to change the password."""
    return render_template("account/show.html", form=PasswordForm())


@blueprint.post("/account/password")
@limiter.limit("20 per hour", key_func=lambda: f"password:{current_user.get_id()}")
def update_password() -> ResponseReturnValue:
    """Change the password; every other browser is signed out."""
    form = PasswordForm()
    user = db.session.get_one(User, current_user.id)
    if form.validate_on_submit() and not user.has_password(form.current.data or ""):
        form.current.errors = ["지금 비밀번호가 맞지 않아요."]
    if form.errors:
        return render_template("account/show.html", form=form), 400
    user.set_password(form.password.data or "", now=clock.now())
    SignIn.end_all(user, now=clock.now())
    begin_sign_in(user)
    flash("비밀번호를 바꿨어요. 다른 기기에서는 모두 로그아웃했어요.")
    return redirect(url_for("account.show"), 303)
