"""What a customer reads when Toss, a bank or the card window says no: what happened, what to do."""

from dataclasses import dataclass

from flask_babel import gettext as _

from billing import BillingError
from models import Checkout
from models.checkout import FailureKind
from rules.wording import N_


@dataclass(frozen=True)
class Refusal:
    """A page's words: a heading, what happened, and what the customer can do.

    In the tables below nothing was charged, which the page says after what happened.
    """

    title: str
    happened: str
    advice: str


_NOT_CHARGED = N_("결제된 금액은 없어요.")

_ANOTHER_CARD = N_("다른 카드로 다시 시도해 주세요. 계속되면 카드사에 문의해 주세요.")

_NOT_APPROVED = (N_("카드사에서 승인하지 않았어요."), _ANOTHER_CARD)
_BY_CODE = {
    "INVALID_CARD_EXPIRATION": (
        N_("유효기간이 지났거나 잘못 입력한 카드예요."),
        N_("카드의 유효기간을 확인해 주세요."),
    ),
    "INVALID_CARD_NUMBER": (
        N_("카드 번호가 맞지 않아요."),
        N_("카드 번호를 확인하고 다시 등록해 주세요."),
    ),
    "INVALID_CARD_LOST_OR_STOLEN": (N_("분실이나 도난으로 신고된 카드예요."), _ANOTHER_CARD),
    "INVALID_STOPPED_CARD": (N_("사용이 정지된 카드예요."), _ANOTHER_CARD),
    "INVALID_REJECT_CARD": (N_("카드사에서 사용을 거절한 카드예요."), _ANOTHER_CARD),
    "NOT_SUPPORTED_CARD_TYPE": (
        N_("정기결제에 쓸 수 없는 카드예요."),
        N_("국내에서 발급한 다른 카드로 다시 시도해 주세요."),
    ),
    "NOT_REGISTERED_CARD_COMPANY": (
        N_("카드사에서 아직 사용 등록을 하지 않은 카드예요."),
        N_("카드사에서 사용 등록을 한 뒤 다시 시도해 주세요."),
    ),
    "REJECT_CARD_PAYMENT": (
        N_("한도를 넘었거나 잔액이 모자라요."),
        N_("한도나 잔액을 확인하거나 다른 카드로 다시 시도해 주세요."),
    ),
    "EXCEED_MAX_DAILY_PAYMENT_COUNT": (
        N_("하루에 결제할 수 있는 횟수를 넘었어요."),
        N_("내일 다시 시도하거나 다른 카드를 써 주세요."),
    ),
    "EXCEED_MAX_PAYMENT_AMOUNT": (
        N_("하루에 결제할 수 있는 금액을 넘었어요."),
        N_("내일 다시 시도하거나 다른 카드를 써 주세요."),
    ),
    "EXCEED_MAX_AMOUNT": (
        N_("카드의 결제 한도를 넘었어요."),
        N_("한도를 확인하거나 다른 카드로 다시 시도해 주세요."),
    ),
    "EXCEED_MAX_ONE_DAY_AMOUNT": (
        N_("카드의 하루 한도를 넘었어요."),
        N_("내일 다시 시도하거나 다른 카드를 써 주세요."),
    ),
    "EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT": (
        N_("카드의 한 달 한도를 넘었어요."),
        N_("한도를 확인하거나 다른 카드로 다시 시도해 주세요."),
    ),
    "EXCEED_MAX_AUTH_COUNT": (
        N_("인증을 여러 번 틀려 카드가 잠시 잠겼어요."),
        N_("카드사에 문의하거나 다른 카드로 다시 시도해 주세요."),
    ),
    "ALREADY_REMOVED_BILLING_KEY": (
        N_("등록한 카드가 결제사에서 지워졌어요."),
        N_("카드를 다시 등록해 주세요."),
    ),
    "NOT_FOUND_BILLING": (
        N_("카드 등록 시간이 지났거나 이미 쓴 등록이에요."),
        N_("카드 등록부터 다시 시작해 주세요."),
    ),
}

_REPORTED = {
    "PAY_PROCESS_CANCELED": Refusal(
        N_("카드 등록을 취소했어요"),
        N_("결제창에서 등록을 취소하셨어요."),
        N_("준비가 되면 언제든 다시 시작할 수 있어요."),
    ),
    "PAY_PROCESS_ABORTED": Refusal(
        N_("카드 등록을 마치지 못했어요"),
        N_("카드 등록이 중간에 멈췄어요."),
        N_("잠시 후 다시 시도해 주세요. 계속되면 고객센터로 알려 주세요."),
    ),
    "REJECT_CARD_COMPANY": Refusal(
        N_("카드사에서 등록을 거절했어요"),
        N_("입력한 카드 정보를 카드사가 받아들이지 않았어요."),
        N_("카드 번호와 유효기간, 비밀번호를 확인하거나 다른 카드로 다시 시도해 주세요."),
    ),
    "NOT_SUPPORTED_METHOD": Refusal(
        N_("지금은 카드를 등록할 수 없어요"),
        N_("저희 쪽 결제 설정에 문제가 있어요."),
        N_("불편을 드려 죄송해요. 고객센터로 알려 주시면 바로 살펴볼게요."),
    ),
    "UNAUTHORIZED_KEY": Refusal(
        N_("지금은 카드를 등록할 수 없어요"),
        N_("저희 쪽 결제 설정에 문제가 있어요."),
        N_("불편을 드려 죄송해요. 고객센터로 알려 주시면 바로 살펴볼게요."),
    ),
}

_REPORTED_OTHERWISE = Refusal(
    N_("카드 등록을 마치지 못했어요"),
    N_("카드 등록이 끝나지 않았어요."),
    N_("다시 시도해 주세요. 계속되면 고객센터로 알려 주세요."),
)

_BY_KIND = {
    FailureKind.MERCHANT: Refusal(
        N_("지금은 결제를 받을 수 없어요"),
        N_("저희 쪽 결제 설정에 문제가 있어 구독을 시작하지 못했어요."),
        N_(
            "불편을 드려 죄송해요. 바로 확인하고 있으니 "
            "나중에 다시 시도하거나 고객센터로 알려 주세요."
        ),
    ),
    FailureKind.DUPLICATE: Refusal(
        N_("이미 진행한 구독이 있어요"),
        N_("다른 창이나 기기에서 먼저 구독을 시작했어요."),
        N_("내 구독에서 이용 중인 구독을 확인해 주세요."),
    ),
    FailureKind.ENDED: Refusal(
        N_("카드를 바꿀 구독이 끝났어요"),
        N_("카드를 등록하는 사이에 구독이 끝났어요."),
        N_("다시 이용하려면 플랜을 골라 새로 시작해 주세요."),
    ),
    FailureKind.ABANDONED: Refusal(
        N_("신청한 지 오래되었어요"),
        N_("카드 등록을 마치지 않아 신청을 닫았어요."),
        N_("처음부터 다시 시작해 주세요."),
    ),
    FailureKind.UNANSWERED: Refusal(
        N_("카드 등록을 확인하지 못했어요"),
        N_("결제사에서 답을 받지 못해 구독을 시작하지 못했어요."),
        N_("잠시 후 다시 시작해 주세요."),
    ),
}


def text_of(refusal: BillingError | type[BillingError]) -> str:
    """Return what a customer reads of an anticipated refusal, in the language of the page."""
    return _(refusal.user_message)


def reported(code: str | None) -> Refusal:
    """Return the words for a code that came in a redirect."""
    return _translated(_REPORTED.get(code or "", _REPORTED_OTHERWISE))


def declined(code: str | None) -> tuple[str, str]:
    """Return what happened and what to do, for a code that Toss answered a charge with."""
    happened, advice = _BY_CODE.get(code or "", _NOT_APPROVED)
    return _(happened), _(advice)


def one_after_another(first: str, then: str) -> str:
    """Return two sentences in a row, as the language of the page sets them."""
    return _("%(first)s %(then)s", first=first, then=then)


def failed(checkout: Checkout) -> Refusal:
    """Return the words for a checkout that Toss refused."""
    kind = checkout.failure_kind
    if kind in _BY_KIND:
        return _translated(_BY_KIND[kind])
    happened, advice = declined(checkout.failure_code)
    title = (
        _("카드를 등록하지 못했어요")
        if kind is FailureKind.REGISTRATION
        else _("결제하지 못했어요")
    )
    if checkout.is_plan_change:
        title = _("플랜을 바꾸지 못했어요")
        happened = one_after_another(happened, _("지금 플랜을 그대로 이용해요."))
    return Refusal(title, one_after_another(happened, _(_NOT_CHARGED)), advice)


def _translated(words: Refusal) -> Refusal:
    happened = one_after_another(_(words.happened), _(_NOT_CHARGED))
    return Refusal(_(words.title), happened, _(words.advice))
