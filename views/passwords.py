"""A forgotten password: a link by mail that works once, for an hour."""

import hashlib
from datetime import timedelta

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from wtforms import StringField
from wtforms.validators import DataRequired

import clock
from models import Notice, SignIn, User, db
from models.notice import NoticeKind
from views.access import client_address, public
from views.security import limiter
from views.signup import LONGEST_EMAIL, new_password_field

blueprint = Blueprint("passwords", __name__)

LINK_LIFETIME = timedelta(minutes=60)
_PAUSE_SECONDS = 300


class ResetRequestForm(FlaskForm):
    """Whose password was forgotten."""

    email = StringField(_l("이메일"), [DataRequired(_l("이메일을 입력해 주세요.")), LONGEST_EMAIL])


class NewPasswordForm(FlaskForm):
    """The new password."""

    password = new_password_field(_l("새 비밀번호"))


def reset_link(user: User) -> str:
    """Return an address that lets its reader set this user's password, once, within an hour."""
    token = _serializer().dumps([user.id, _password_mark(user)])
    return url_for("passwords.edit", token=token, _external=True)


@blueprint.get("/password-reset")
@public
def new() -> str:
    """Ask for the address of the account."""
    return render_template("passwords/new.html", form=ResetRequestForm(), sent=False)


@blueprint.post("/password-reset")
@public
@limiter.limit("20 per hour", key_func=client_address)
def create() -> ResponseReturnValue:
    """Owe a mail to the account, if there is one; the answer is the same if there is none."""
    form = ResetRequestForm()
    if not form.validate_on_submit():
        return render_template("passwords/new.html", form=form, sent=False), 400
    user = User.with_email(form.email.data or "")
    now = clock.now()
    if user is not None:
        turn = int(now.timestamp()) // _PAUSE_SECONDS
        cause = f"password_reset:{user.id}:{turn}"
        Notice.owe(
            NoticeKind.PASSWORD_RESET, cause=cause, user_id=user.id, now=now, may_be_known=True
        )
    db.session.commit()
    return render_template("passwords/new.html", form=ResetRequestForm(None), sent=True)


@blueprint.get("/password-reset/<string:token>")
@public
def edit(token: str) -> ResponseReturnValue:
    """Ask for the new password."""
    if _user_of(token) is None:
        return _used_up()
    page = render_template("passwords/edit.html", form=NewPasswordForm())
    return page, {"Referrer-Policy": "no-referrer"}


@blueprint.post("/password-reset/<string:token>")
@public
@limiter.limit("30 per hour", key_func=client_address)
def update(token: str) -> ResponseReturnValue:
    """Set the password and end every sign-in of the account."""
    form, user = NewPasswordForm(), _user_of(token)
    if user is None:
        return _used_up()
    if not form.validate_on_submit():
        return render_template("passwords/edit.html", form=form), 400
    user.set_password(form.password.data or "", now=clock.now())
    SignIn.end_all(user, now=clock.now())
    db.session.commit()
    flash(_("비밀번호를 바꿨어요. 새 비밀번호로 로그인해 주세요."))
    return redirect(url_for("sessions.new"), 303)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="password-reset")


def _password_mark(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


def _user_of(token: str) -> User | None:
    try:
        user_id, mark = _serializer().loads(token, max_age=int(LINK_LIFETIME.total_seconds()))
    except (BadSignature, ValueError, TypeError):
        return None
    user = db.session.get(User, user_id)
    return user if user is not None and _password_mark(user) == mark else None


def _used_up() -> ResponseReturnValue:
    page = render_template("passwords/used_up.html", path=request.path)
    return page, 400, {"Referrer-Policy": "no-referrer"}
