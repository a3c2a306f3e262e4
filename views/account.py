"""The customer's account: who they are, where they are signed in, what is known, and leaving."""

import json
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import IntegrityError
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired

import clock
from billing import BillingError
from billing.close_account import close_account
from models import Notice, PassOrder, SignIn, Subscription, User, db
from models.notice import NoticeKind
from rules.periods import seoul_date
from views import own_data
from views.access import begin_sign_in, end_sign_in
from views.refusals import text_of
from views.security import limiter
from views.signup import (
    LONGEST_PASSWORD,
    email_field,
    name_field,
    new_password_field,
    refuse_taken_email,
)

blueprint = Blueprint("account", __name__)

EMAIL_LINK_LIFETIME = timedelta(hours=24)
_WRONG = _l("지금 비밀번호가 맞지 않아요.")


def _password_field() -> PasswordField:
    return PasswordField(
        _l("지금 비밀번호"), [DataRequired(_l("지금 비밀번호를 입력해 주세요.")), LONGEST_PASSWORD]
    )


class NameForm(FlaskForm):
    """The name on contracts and mails."""

    name = name_field()


class EmailForm(FlaskForm):
    """The address to use from now on; the old one holds until the new one is confirmed."""

    email = email_field(_l("새 이메일"))
    email_password = _password_field()

    def validate_email(self, field: StringField) -> None:
        """Refuse what is no address, or one that has an account."""
        refuse_taken_email(field)


class PasswordForm(FlaskForm):
    """The password that is, and the one that shall be."""

    current = _password_field()
    password = new_password_field(_l("새 비밀번호"))


class LeavingForm(FlaskForm):
    """The password once more, before everything goes."""

    password = _password_field()


def email_link(user: User, email: str) -> str:
    """Return an address that lets its reader take `email` as this user's, within a day."""
    token = _serializer().dumps([user.id, user.email, email])
    return url_for("account.confirm_email", token=token, _external=True)


@blueprint.get("/account")
def show() -> str:
    """Show who is signed in, where, and what can be changed."""
    return _page()


@blueprint.post("/account/name")
def update_name() -> ResponseReturnValue:
    """Change the name."""
    form = NameForm()
    if not form.validate_on_submit():
        return _page(name_form=form), 400
    _me().name = (form.name.data or "").strip()
    db.session.commit()
    flash(_("이름을 바꿨어요."))
    return redirect(url_for("account.show"), 303)


def _by_user() -> str:
    return f"password:{current_user.id}"


@blueprint.post("/account/email")
@limiter.limit("10 per hour", key_func=_by_user)
def update_email() -> ResponseReturnValue:
    """Send a link to the new address; nothing changes until it is opened."""
    form = EmailForm()
    if form.validate_on_submit() and not _me().has_password(form.email_password.data or ""):
        form.email_password.errors = [_WRONG]
    if form.errors:
        return _page(email_form=form), 400
    now = clock.now()
    Notice.owe(
        NoticeKind.EMAIL_CHANGE,
        cause=f"email_change:{current_user.id}:{now:%Y%m%d%H%M%S%f}",
        user_id=current_user.id,
        address=form.email.data,
        now=now,
        may_be_known=True,
    )
    db.session.commit()
    flash(
        _(
            "%(email)s로 확인 메일을 보냈어요. 메일의 주소를 열면 이메일이 바뀌어요.",
            email=form.email.data,
        )
    )
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/email/<string:token>")
def confirm_email(token: str) -> ResponseReturnValue:
    """Ask for the last click before the address changes."""
    email = _new_email(token)
    page = render_template("account/email.html", email=email, form=FlaskForm())
    return page, 200 if email else 400, {"Referrer-Policy": "no-referrer"}


@blueprint.post("/account/email/<string:token>")
def change_email(token: str) -> ResponseReturnValue:
    """Take the confirmed address, and tell the old one."""
    email, user, now = _new_email(token), _me(), clock.now()
    if email is None:
        return confirm_email(token)
    old, user.email = user.email, email
    Notice.owe(
        NoticeKind.EMAIL_CHANGED,
        cause=f"email_changed:{user.id}:{now:%Y%m%d%H%M%S%f}",
        user_id=user.id,
        address=old,
        facts={"email": email},
        now=now,
        may_be_known=True,
    )
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return render_template("account/email.html", email=None, form=FlaskForm()), 400
    flash(_("이메일을 바꿨어요."))
    return redirect(url_for("account.show"), 303)


@blueprint.post("/account/password")
@limiter.limit("20 per hour", key_func=_by_user)
def update_password() -> ResponseReturnValue:
    """Change the password; every other browser is signed out."""
    form, user = PasswordForm(), _me()
    if form.validate_on_submit() and not user.has_password(form.current.data or ""):
        form.current.errors = [_WRONG]
    if form.errors:
        return _page(password_form=form), 400
    user.set_password(form.password.data or "", now=clock.now())
    SignIn.end_all(user, now=clock.now())
    begin_sign_in(user)
    flash(_("비밀번호를 바꿨어요. 다른 기기에서는 모두 로그아웃했어요."))
    return redirect(url_for("account.show"), 303)


@blueprint.post("/account/sign-ins/<int:sign_in_id>/end")
def end_other_sign_in(sign_in_id: int) -> ResponseReturnValue:
    """Sign out of another browser."""
    found = next((one for one in _sign_ins() if one.id == sign_in_id), None) or abort(404)
    found.end(now=clock.now())
    db.session.commit()
    flash(_("그 기기에서 로그아웃했어요."))
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/data")
@limiter.limit("20 per hour", key_func=_by_user)
def download() -> Response:
    """Hand the customer all that is kept of them, as JSON (개인정보보호법 35조)."""
    content = json.dumps(own_data.of(_me()), ensure_ascii=False, indent=2)
    name = f"dalbit-{clock.now():%Y%m%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, mimetype="application/json", headers=headers)


@blueprint.get("/account/closure")
def new_closure() -> str:
    """Show what goes and what stays, before the button."""
    return _closure_page(LeavingForm())


@blueprint.post("/account/closure")
@limiter.limit("10 per hour", key_func=_by_user)
def close() -> ResponseReturnValue:
    """Leave for good."""
    form, user_id = LeavingForm(), current_user.id
    if form.validate_on_submit() and not _me().has_password(form.password.data or ""):
        form.password.errors = [_WRONG]
    if form.errors:
        return _closure_page(form), 400
    try:
        close_account(user_id=user_id, vault=current_app.extensions["vault"], now=clock.now())
    except BillingError as refusal:
        return _closure_page(form, text_of(refusal)), 409
    end_sign_in()
    flash(_("탈퇴했어요. 그동안 함께해 주셔서 고맙습니다."))
    return redirect(url_for("home.show"), 303)


def _me() -> User:
    return db.session.get_one(User, current_user.id)


def _sign_ins() -> list[SignIn]:
    return SignIn.of_user(current_user.id, now=clock.now())


def _page(**forms: FlaskForm) -> str:
    filled: dict[str, Any] = {
        "name_form": NameForm(None, name=current_user.name),
        "email_form": EmailForm(None),
        "password_form": PasswordForm(None),
        **forms,
    }
    mine = current_user.sign_in_token
    sign_ins = [(one, one.is_of(mine)) for one in _sign_ins()]
    return render_template("account/show.html", sign_ins=sign_ins, **filled)


def _closure_page(form: LeavingForm, notice: str | None = None) -> str:
    latest = Subscription.latest_for(current_user.id)
    running = latest if latest is not None and not latest.is_ended else None
    passes = PassOrder.granted_to(current_user.id, from_on=seoul_date(clock.now()))
    return render_template(
        "account/closure.html", form=form, notice=notice, subscription=running, passes=passes
    )


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="email-change")


def _new_email(token: str) -> str | None:
    """Return the address that a link confirms, if it is for who is signed in, and still new."""
    seconds = int(EMAIL_LINK_LIFETIME.total_seconds())
    try:
        user_id, old, new = _serializer().loads(token, max_age=seconds)
    except (BadSignature, ValueError, TypeError):
        return None
    if user_id != current_user.id or old != current_user.email or not isinstance(new, str):
        return None
    return None if User.with_email(new) else new
