"""Signing in and out."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired

from models import User
from views.access import begin_sign_in, client_address, end_sign_in, public
from views.next_page import local_path
from views.security import limiter
from views.signup import LONGEST_EMAIL, LONGEST_PASSWORD

blueprint = Blueprint("sessions", __name__)


class LogInForm(FlaskForm):
    """An address and its password."""

    email = StringField(_l("이메일"), [DataRequired(_l("이메일을 입력해 주세요.")), LONGEST_EMAIL])
    password = PasswordField(
        _l("비밀번호"), [DataRequired(_l("비밀번호를 입력해 주세요.")), LONGEST_PASSWORD]
    )


def _account() -> str:
    return f"account:{User.normalized_email(request.form.get('email', ''))[:254]}"


def _was_refused(response: Response) -> bool:
    return response.status_code == 400


@blueprint.get("/login")
@public
def new() -> ResponseReturnValue:
    """Show the log-in form."""
    if current_user.is_authenticated:
        return redirect(local_path(request.args.get("next"), url_for("plans.index")), 303)
    return render_template("sessions/new.html", form=LogInForm(), refused=False)


@blueprint.post("/login")
@public
@limiter.limit("10 per 15 minutes", key_func=_account, deduct_when=_was_refused)
@limiter.limit("60 per 15 minutes", key_func=client_address, deduct_when=_was_refused)
def create() -> ResponseReturnValue:
    """Sign in; a wrong address and a wrong password are answered alike."""
    form = LogInForm()
    if form.validate_on_submit():
        user = User.with_credentials(form.email.data or "", form.password.data or "")
        if user is not None:
            begin_sign_in(user)
            return redirect(local_path(request.args.get("next"), url_for("plans.index")), 303)
    return render_template("sessions/new.html", form=form, refused=not form.errors), 400


@blueprint.post("/logout")
def destroy() -> ResponseReturnValue:
    """Sign out of this browser."""
    end_sign_in()
    return redirect(url_for("home.show"), 303)
