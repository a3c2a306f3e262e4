"""The door of the back office: a code from the merchant's phone."""

import pyotp
import segno
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import StringField
from wtforms.validators import DataRequired, Regexp

import clock
from models import AuditEntry, SecondFactor, SignIn, db
from views.access import before_second_factor, client_address
from views.next_page import local_path
from views.security import limiter

blueprint = Blueprint("admin_second_factor", __name__)


class CodeForm(FlaskForm):
    """Six digits."""

    code = StringField(
        "인증 번호 6자리",
        [
            DataRequired("인증 번호를 입력해 주세요."),
            Regexp(r"[0-9]{6}\Z", message="숫자 여섯 자리를 입력해 주세요."),
        ],
        filters=[lambda text: "".join((text or "").split())],
    )


def _account() -> str:
    return f"second-factor:{current_user.id}"


def _was_refused(response: Response) -> bool:
    return response.status_code == 400


@blueprint.get("/admin/second-factor")
@before_second_factor
def new() -> str:
    """Ask for a code; whoever has no second factor yet is shown what the phone needs first."""
    factor = _factor()
    db.session.commit()
    return _page(CodeForm(), factor)


@blueprint.post("/admin/second-factor")
@before_second_factor
@limiter.limit("5 per 15 minutes", key_func=_account, deduct_when=_was_refused)
def create() -> ResponseReturnValue:
    """Open the back office in this browser, if the code is right and was never used."""
    form, factor, now = CodeForm(), _factor(), clock.now()
    was_new = not factor.is_confirmed
    if not form.validate_on_submit():
        db.session.commit()
        return _page(form, factor), 400
    is_right = factor.accept(
        form.code.data or "", vault=current_app.extensions["vault"], moment=clock.real_now()
    )
    AuditEntry.write(
        "back_office.entered" if is_right else "back_office.refused",
        subject_type="user",
        subject_id=current_user.id,
        actor_id=current_user.id,
        address=client_address(),
        facts={"registered": was_new and is_right},
        now=now,
    )
    if is_right:
        sign_in = SignIn.with_token(current_user.sign_in_token, now=now)
        if sign_in is None:
            abort(400)
        sign_in.open_back_office(now=now)
    db.session.commit()
    if is_right:
        return redirect(local_path(request.args.get("next"), url_for("admin.index")), 303)
    return _page(form, factor, refused=True), 400


def _factor() -> SecondFactor:
    return SecondFactor.of(current_user, vault=current_app.extensions["vault"], now=clock.now())


def _page(form: CodeForm, factor: SecondFactor, *, refused: bool = False) -> str:
    secret = None if factor.is_confirmed else factor.secret(current_app.extensions["vault"])
    return render_template(
        "admin/second_factor.html",
        form=form,
        refused=refused,
        secret=secret,
        picture=_picture(secret) if secret else None,
    )


def _picture(secret: str) -> Markup:
    """Return the code that a phone's camera reads, as SVG."""
    address = pyotp.TOTP(secret).provisioning_uri(
        name=current_user.email, issuer_name=current_app.config["SHOP_NAME"]
    )
    drawn = segno.make(address, error="m").svg_inline(
        scale=4, border=4, light="#fff", title="인증 앱으로 찍는 QR 코드"
    )
    return Markup(drawn)
