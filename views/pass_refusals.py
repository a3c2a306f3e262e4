"""What a customer reads when a pass is not paid for: what happened, and what to do."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from models import PassOrder
from models.pass_order import PassFailure
from views import refusals
from views.refusals import Refusal

_NOT_CHARGED = _l("결제된 금액은 없어요.")
_AGAIN = _l("다시 시도해 주세요. 계속되면 고객센터로 알려 주세요.")

_REPORTED = {
    "PAY_PROCESS_CANCELED": (
        _l("결제를 취소했어요"),
        _l("결제창을 닫으셨어요."),
        _l("준비가 되면 언제든 다시 시작할 수 있어요."),
    ),
    "PAY_PROCESS_ABORTED": (
        _l("결제를 마치지 못했어요"),
        _l("결제가 중간에 멈췄어요."),
        _AGAIN,
    ),
    "REJECT_CARD_COMPANY": (
        _l("카드사에서 결제를 거절했어요"),
        _l("입력한 카드를 카드사가 받아들이지 않았어요."),
        _l("카드 정보를 확인하거나 다른 카드로 다시 시도해 주세요."),
    ),
}
_OTHERWISE = (_l("결제를 마치지 못했어요"), _l("결제가 끝나지 않았어요."), _AGAIN)

_BY_KIND = {
    PassFailure.MERCHANT: (
        _l("지금은 결제를 받을 수 없어요"),
        _l("결제를 확인하지 못해 이용권을 드리지 못했어요."),
        _l("잠시 후 다시 시도해 주세요. 계속되면 고객센터로 알려 주세요."),
    ),
    PassFailure.OVERLAP: (
        _l("이미 이용권이나 구독이 있어요"),
        _l("다른 창이나 기기에서 먼저 시작한 이용권이나 구독과 기간이 겹쳐 결제하지 않았어요."),
        _l("이용권에서 이용 기간을 확인해 주세요."),
    ),
    PassFailure.TOO_LATE: (
        _l("결제 시간이 지났어요"),
        _l("결제창에서 인증한 뒤 10분이 지나 결제하지 못했어요."),
        _l("처음부터 다시 시작해 주세요."),
    ),
    PassFailure.ABANDONED: (
        _l("신청한 지 오래되었어요"),
        _l("결제를 마치지 않아 신청을 닫았어요."),
        _l("처음부터 다시 시작해 주세요."),
    ),
    PassFailure.RESOLVED: (
        _l("결제되지 않았어요"),
        _l("확인해 보니 이 주문으로 결제된 금액이 없었어요."),
        _l("처음부터 다시 시작해 주세요."),
    ),
}


def reported(code: str | None) -> Refusal:
    """Return the words for a code that came in a redirect."""
    return _refusal(*_REPORTED.get(code or "", _OTHERWISE))


def failed(order: PassOrder) -> Refusal:
    """Return the words for an order that came to nothing."""
    if order.failure_kind in _BY_KIND:
        return _refusal(*_BY_KIND[order.failure_kind])
    happened, advice = refusals.declined(order.failure_code)
    return _refusal(_("결제하지 못했어요"), happened, advice)


def _refusal(title: object, happened: object, advice: object) -> Refusal:
    told = refusals.one_after_another(str(happened), str(_NOT_CHARGED))
    return Refusal(str(title), told, str(advice))
