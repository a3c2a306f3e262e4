"""How pages write won, days and states; and the merchant's facts that every page shows."""

from datetime import date, datetime
from typing import Any

from flask import Flask, current_app
from flask_login import current_user

from config import ROOT
from models import Plan, Refund, Subscription
from models.plan import TaxKind
from models.refund import REASONS
from models.subscription import SubscriptionStatus
from rules import business_number, won
from rules.periods import SEOUL, Interval, Period, seoul_date

_STATUS_LABELS = {
    SubscriptionStatus.INCOMPLETE: "결제 대기",
    SubscriptionStatus.ACTIVE: "이용 중",
    SubscriptionStatus.PAST_DUE: "결제 실패",
    SubscriptionStatus.ENDED: "이용 종료",
}

_STATUS_TONES = {
    SubscriptionStatus.INCOMPLETE: "warn",
    SubscriptionStatus.ACTIVE: "good",
    SubscriptionStatus.PAST_DUE: "bad",
    SubscriptionStatus.ENDED: "",
}
_STRANGERS_MENU = [
    ("plans.index", "플랜"),
    ("sessions.new", "로그인"),
    ("signup.new", "회원가입"),
]
_MENU = [
    ("plans.index", "플랜"),
    ("library.index", "서재"),
    ("subscription.show", "내 구독"),
    ("account.show", "계정"),
]


def register(app: Flask) -> None:
    """Teach the templates the shop's formats and facts."""
    app.add_template_filter(won.formatted, "won")
    app.add_template_filter(won.signed, "signed_won")
    app.add_template_filter(long_day, "long_day")
    app.add_template_filter(short_day, "short_day")
    app.add_template_filter(moment, "moment")
    app.add_template_filter(span, "span")
    app.add_template_filter(cycle, "cycle")
    app.add_template_filter(charge_day, "charge_day")
    app.add_template_filter(service_period, "service_period")
    app.add_template_filter(tax_note, "tax_note")
    app.add_template_filter(picture, "picture")
    app.add_template_filter(status_label, "status_label")
    app.add_template_filter(status_tone, "status_tone")
    app.add_template_filter(refund_reason, "refund_reason")
    app.add_template_filter(refund_state, "refund_state")
    app.context_processor(_facts)
    app.add_template_global(menu, "menu")


def long_day(value: date | datetime) -> str:
    """Return a day as text writes it: `2026년 11월 20일`, in Seoul."""
    day = seoul_date(value) if isinstance(value, datetime) else value
    return f"{day.year}년 {day.month}월 {day.day}일"


def short_day(value: date | datetime) -> str:
    """Return a day as tables write it: `2026. 11. 20.`, in Seoul."""
    day = seoul_date(value) if isinstance(value, datetime) else value
    return f"{day.year}. {day.month}. {day.day}."


def moment(value: datetime) -> str:
    """Return an instant in Seoul: `2026. 11. 20. 14:05`."""
    local = value.astimezone(SEOUL)
    return f"{short_day(local.date())} {local:%H:%M}"


def span(period: Period) -> str:
    """Return a period with its last day: `2026. 11. 20. ~ 2026. 12. 19.`."""
    return f"{short_day(period.start_on)} ~ {short_day(period.last_on)}"


def cycle(plan: Plan) -> str:
    """Return how often a plan is paid, as prices begin: `월`, `연`, `3개월`."""
    if plan.interval is Interval.YEAR:
        return "연"
    return "월" if plan.interval_count == 1 else f"{plan.interval_count}개월"


def charge_day(plan: Plan, anchor_on: date) -> str:
    """Return on which days a plan is paid: `매월 31일(없는 달은 말일)`, `매년 11월 20일`."""
    last = "(없는 달은 말일)" if anchor_on.day > 28 else ""
    if plan.interval is Interval.YEAR:
        return f"매년 {anchor_on.month}월 {anchor_on.day}일{last}"
    every = "매월" if plan.interval_count == 1 else f"{cycle(plan)}마다"
    return f"{every} {anchor_on.day}일{last}"


def service_period(plan: Plan) -> str:
    """Return what one payment pays for: `결제일로부터 1개월`."""
    return f"결제일로부터 {plan.months}개월"


def tax_note(plan: Plan) -> str:
    """Return what stands beside a price about tax."""
    return "면세" if plan.tax_kind is TaxKind.TAX_FREE else "부가세 포함"


def picture(plan: Plan) -> str:
    """Return the file under static/ with a plan's picture; a plan without one gets the shop's."""
    named = f"pictures/plan-{plan.slug}.svg"
    return named if (ROOT / "static" / named).is_file() else "pictures/plan.svg"


def menu() -> list[tuple[str, str]]:
    """Return the endpoints and labels of the main menu, for this visitor."""
    return _MENU if current_user.is_authenticated else _STRANGERS_MENU


def status_tone(subscription: Subscription) -> str:
    """Return how a subscription's state is coloured; its label says the same in words."""
    return "warn" if subscription.is_canceling else _STATUS_TONES[subscription.status]


def status_label(subscription: Subscription) -> str:
    """Return a subscription's state in the customer's words."""
    if subscription.is_canceling:
        return "해지 예약"
    return _STATUS_LABELS[subscription.status]


def refund_reason(refund: Refund) -> str:
    """Return why money goes back, in the customer's words."""
    return REASONS[refund.cause]


def refund_state(refund: Refund) -> str:
    """Return how far a refund is, in the customer's words."""
    if refund.is_done and refund.settled_at is not None:
        return f"{short_day(refund.settled_at)} 환불했어요. 카드사에 따라 3~7영업일 뒤에 반영돼요."
    if refund.is_by_hand:
        return "카드 취소로 돌려드릴 수 없어 담당자가 따로 돌려드려요. 끝나면 이메일로 알려드려요."
    return "환불을 요청하고 결과를 확인하고 있어요."


def _facts() -> dict[str, Any]:
    settings = current_app.config
    return {
        "shop_name": settings["SHOP_NAME"],
        "merchant": {
            "company": settings["BIZ_COMPANY"],
            "representative": settings["BIZ_REP"],
            "number": business_number.formatted(settings["BIZ_NO"]),
            "number_digits": "".join(filter(str.isdigit, settings["BIZ_NO"])),
            "mail_order": settings["BIZ_MAILORDER_NO"] or settings["BIZ_MAILORDER_EXEMPT"],
            "address": settings["BIZ_ADDR"],
            "phone": settings["BIZ_TEL"],
            "email": settings["BIZ_EMAIL"],
            "hours": settings["CS_HOURS"],
            "hosting": settings["BIZ_HOSTING"],
            "privacy_officer": settings["CPO_NAME"],
            "privacy_contact": settings["CPO_CONTACT"],
        },
        "is_sandbox": settings["USES_SANDBOX"],
        "public_url": settings["PUBLIC_URL"],
    }
