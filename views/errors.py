"""What a visitor sees when something is refused or breaks."""

import logging

from flask import Flask, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from billing import BillingError
from models import db
from rules.wording import N_
from views import refusals

log = logging.getLogger("shop")

_TITLES = {
    400: N_("요청을 확인해 주세요"),
    403: N_("볼 수 없는 페이지예요"),
    404: N_("페이지를 찾을 수 없어요"),
    405: N_("이 방법으로는 열 수 없는 페이지예요"),
    409: N_("지금은 진행할 수 없어요"),
    413: N_("보내신 내용이 너무 커요"),
    429: N_("잠시 후 다시 시도해 주세요"),
    500: N_("문제가 생겼어요"),
    503: N_("서재를 손보고 있어요"),
}
_TEXTS = {
    400: N_("입력하신 내용을 읽지 못했어요. 이전 화면으로 돌아가 다시 시도해 주세요."),
    403: N_(
        "지금 로그인한 계정에는 열려 있지 않은 페이지예요. 다른 계정으로 가입하셨다면 그 "
        "계정으로 로그인해 주세요."
    ),
    404: N_(
        "책갈피가 빠진 모양이에요. 주소가 바뀌었거나 없는 페이지이니, 주소를 다시 확인하거나 "
        "처음으로 돌아가 찾아 주세요."
    ),
    405: N_("이전 화면으로 돌아가 버튼을 다시 눌러 주세요."),
    409: N_("이전 화면으로 돌아가 다시 확인해 주세요."),
    413: N_("내용을 줄여서 다시 보내 주세요."),
    429: N_("짧은 사이에 요청이 여러 번 들어와 잠깐 멈추었어요. 몇 분 뒤에 다시 시도해 주세요."),
    500: N_(
        "저희 쪽에서 생긴 문제예요. 결제하던 중이었다면 다시 결제하기 전에 내 구독에서 "
        "결과를 먼저 확인해 주세요. 문제가 계속되면 고객센터로 알려 주세요."
    ),
    503: N_(
        "점검하는 동안 잠시 문을 닫았어요. 읽던 글과 결제 내역은 그대로 있으니, 조금 뒤에 "
        "다시 찾아와 주세요."
    ),
}


def register(app: Flask) -> None:
    """Map refusals and failures to pages."""
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(BillingError, _refusal)
    app.register_error_handler(Exception, _bug)


def _expired_form(_error: CSRFError) -> tuple[str, int]:
    return _page(400, _("화면을 연 지 오래되어 보내지 못했어요. 새로고침한 뒤 다시 시도해 주세요."))


def _http_error(error: HTTPException) -> tuple[str, int] | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    return _page(code, getattr(error, "user_message", None))


def _refusal(error: BillingError) -> tuple[str, int]:
    db.session.rollback()
    return _page(409, refusals.text_of(error))


def _bug(error: Exception) -> tuple[str, int]:
    log.exception("unexpected failure", extra={"endpoint": request.endpoint}, exc_info=error)
    db.session.rollback()
    return _page(InternalServerError.code)


def _page(code: int, text: str | None = None) -> tuple[str, int]:
    shown = code if code in _TITLES else (500 if code >= 500 else 400)
    page = render_template(
        "errors/show.html", title=_(_TITLES[shown]), text=text or _(_TEXTS[shown]), code=code
    )
    return page, code
