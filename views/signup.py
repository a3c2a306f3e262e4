"""Signing up: an account for somebody who is 14 or older."""

from email_validator import EmailNotValidError, validate_email
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.exc import IntegrityError
from wtforms import BooleanField, Field, Form, PasswordField, StringField
from wtforms.validators import DataRequired, Length, Regexp, ValidationError

import clock
from models import Consent, PolicyText, User, db
from views import policies
from views.access import begin_sign_in, client_address, public
from views.agreed_words import kept
from views.languages import current
from views.next_page import local_path
from views.security import limiter

blueprint = Blueprint("signup", __name__)

MIN_PASSWORD, MAX_PASSWORD = 10, 128
_COMMON = {"1234567890", "password12", "qwertyuiop", "0123456789", "passw0rd123", "1q2w3e4r5t"}
_TAKEN = _l("이미 가입한 이메일이에요. 로그인하거나 비밀번호를 다시 설정해 주세요.")
CONSENT_TEXTS = {
    "terms": _l("이용약관에 동의합니다"),
    "age": _l("만 14세 이상입니다"),
    "marketing": _l("혜택·이벤트 소식을 이메일로 받기"),
}


LONGEST_EMAIL = Length(max=254, message=_l("이메일은 254자 이하로 입력해 주세요."))
LONGEST_PASSWORD = Length(max=128, message=_l("비밀번호는 128자 이하로 입력해 주세요."))


def strong_password(form: Form, field: Field) -> None:
    """Refuse a password that anybody would try first."""
    password = field.data or ""
    email = getattr(form, "email", None)
    if len(set(password)) < 4 or password.lower() in _COMMON:
        raise ValidationError(_("너무 쉬운 비밀번호예요. 다른 비밀번호를 입력해 주세요."))
    if email is not None and password.lower() == (email.data or "").lower():
        raise ValidationError(_("이메일과 다른 비밀번호를 입력해 주세요."))


def new_password_field(label: str) -> PasswordField:
    """Return a field for a password that somebody chooses now."""
    return PasswordField(
        label,
        [
            DataRequired(_l("비밀번호를 입력해 주세요.")),
            Length(
                MIN_PASSWORD, MAX_PASSWORD, _l("비밀번호는 10자 이상 128자 이하로 입력해 주세요.")
            ),
            strong_password,
        ],
    )


def name_field() -> StringField:
    """Return a field for the name of a person."""
    return StringField(
        _l("이름"),
        [
            DataRequired(_l("이름을 입력해 주세요.")),
            Length(max=50, message=_l("이름은 50자 이하로 입력해 주세요.")),
            Regexp(r"^[^\x00-\x1f\x7f<>]+$", message=_l("이름에 쓸 수 없는 문자가 있어요.")),
        ],
    )


def email_field(label: str) -> StringField:
    """Return a field for an address; `normalize_email` or `refuse_taken_email` check it."""
    return StringField(label, [DataRequired(_l("이메일을 입력해 주세요."))])


def normalize_email(field: StringField) -> None:
    """Write an address as it is stored, and refuse what is none."""
    try:
        found = validate_email((field.data or "").strip(), check_deliverability=False)
    except EmailNotValidError:
        raise ValidationError(_("이메일 주소를 확인해 주세요.")) from None
    if len(found.normalized) > 100:
        raise ValidationError(_("이메일은 100자 이하로 입력해 주세요."))
    field.data = User.normalized_email(found.normalized)


def refuse_taken_email(field: StringField) -> None:
    """Refuse what is no address, or one that has an account."""
    normalize_email(field)
    if User.with_email(field.data or "") is not None:
        raise ValidationError(_TAKEN)


class SignUpForm(FlaskForm):
    """Who somebody is, and what they agree to; nothing is ticked beforehand."""

    email = email_field(_l("이메일"))
    name = name_field()
    password = new_password_field(_l("비밀번호"))
    age = BooleanField(
        _l("[필수] %(text)s", text=CONSENT_TEXTS["age"]),
        [DataRequired(_l("만 14세 이상만 가입할 수 있어요."))],
    )
    terms = BooleanField(
        _l("[필수] %(text)s", text=CONSENT_TEXTS["terms"]),
        [DataRequired(_l("이용약관에 동의해 주세요."))],
    )
    marketing = BooleanField(_l("[선택] %(text)s", text=CONSENT_TEXTS["marketing"]))

    def validate_email(self, field: StringField) -> None:
        """Refuse what is no address, or one that has an account."""
        refuse_taken_email(field)


@blueprint.get("/signup")
@public
def new() -> ResponseReturnValue:
    """Show the sign-up form."""
    if current_user.is_authenticated:
        return redirect(url_for("plans.index"), 303)
    return _page(SignUpForm())


@blueprint.post("/signup")
@public
@limiter.limit("60 per hour", key_func=client_address)
def create() -> ResponseReturnValue:
    """Make the account with its consents, and sign in."""
    form = SignUpForm()
    if not form.validate_on_submit():
        return _page(form), 400
    user = _new_user(form)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        form.email.errors = [_TAKEN]
        return _page(form), 400
    _keep_consents(user, form)
    begin_sign_in(user)
    return redirect(local_path(request.args.get("next"), url_for("plans.index")), 303)


def _page(form: SignUpForm) -> str:
    return render_template("signup/new.html", form=form, texts=_kept_texts())


def _kept_texts() -> dict[str, str]:
    return kept(lambda: {document: str(text) for document, text in CONSENT_TEXTS.items()})


def _new_user(form: SignUpForm) -> User:
    now = clock.now()
    user = User(
        email=form.email.data,
        name=(form.name.data or "").strip(),
        language=current(),
        created_at=now,
    )
    user.set_password(form.password.data or "", now=now)
    return user


def _keep_consents(user: User, form: SignUpForm) -> None:
    now, version = clock.now(), policies.current_version("terms")
    shown = PolicyText.keep(name="terms", version=version, html=policies.text_of("terms"), now=now)
    for document, text in _kept_texts().items():
        if form[document].data:
            Consent.give(
                user_id=user.id,
                document=document,
                version=version,
                text=text,
                address=client_address(),
                now=now,
                policy_text=shown if document == "terms" else None,
            )
