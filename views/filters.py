"""How pages write won, days and states; and the merchant's facts that every page shows."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from babel.dates import format_date
from flask import Flask, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from markupsafe import Markup

import key_pairs
from config import ROOT
from models import PassOrder, Plan, Refund, Subscription
from models.plan import TaxKind
from models.refund import REASONS
from models.subscription import SubscriptionStatus
from rules import business_number
from rules.periods import SEOUL, Interval, Period, seoul_date
from rules.won import formatted
from views.languages import current, is_korean, locale

_STATUS_LABELS = {
    SubscriptionStatus.INCOMPLETE: _l("결제 대기"),
    SubscriptionStatus.ACTIVE: _l("이용 중"),
    SubscriptionStatus.PAST_DUE: _l("결제 실패"),
    SubscriptionStatus.ENDED: _l("이용 종료"),
}

_STATUS_TONES = {
    SubscriptionStatus.INCOMPLETE: "warn",
    SubscriptionStatus.ACTIVE: "good",
    SubscriptionStatus.PAST_DUE: "bad",
    SubscriptionStatus.ENDED: "",
}
_PASSES = ("passes.index", _l("이용권"))
_STRANGERS_MENU = [
    ("plans.index", _l("플랜")),
    _PASSES,
    ("sessions.new", _l("로그인")),
    ("signup.new", _l("회원가입")),
]
_MENU = [
    ("plans.index", _l("플랜")),
    _PASSES,
    ("library.index", _l("서재")),
    ("subscription.show", _l("내 구독")),
    ("account.show", _l("계정")),
]


def register(app: Flask) -> None:
    """Teach the templates the shop's formats and facts."""
    app.add_template_filter(won, "won")
    app.add_template_filter(signed_won, "signed_won")
    app.add_template_filter(long_day, "long_day")
    app.add_template_filter(short_day, "short_day")
    app.add_template_filter(month_name, "month_name")
    app.add_template_filter(moment, "moment")
    app.add_template_filter(span, "span")
    app.add_template_filter(rate, "rate")
    app.add_template_filter(recurring, "recurring")
    app.add_template_filter(charge_day, "charge_day")
    app.add_template_filter(service_period, "service_period")
    app.add_template_filter(tax_note, "tax_note")
    app.add_template_filter(picture, "picture")
    app.add_template_filter(status_label, "status_label")
    app.add_template_filter(status_tone, "status_tone")
    app.add_template_filter(pass_label, "pass_label")
    app.add_template_filter(refund_reason, "refund_reason")
    app.add_template_filter(refund_state, "refund_state")
    app.context_processor(_facts)
    app.add_template_global(menu, "menu")
    app.add_template_global(footer, "footer")


def won(amount: int) -> str:
    """Return won as a page writes them: `9,900원`, to visitors `₩9,900 KRW`."""
    return formatted(amount) if is_korean() else f"₩{amount:,} KRW"


def signed_won(amount: int) -> str:
    """Return won as a line of a calculation: `9,900원`, `-3,300원`."""
    return f"-{won(-amount)}" if amount < 0 else won(amount)


def long_day(value: date | datetime) -> str:
    """Return a day as text writes it: `2026년 11월 20일`, `November 20, 2026`, in Seoul."""
    day = seoul_date(value) if isinstance(value, datetime) else value
    return format_date(day, "long", locale())


def short_day(value: date | datetime) -> str:
    """Return a day as tables write it: `2026. 11. 20.`, `Nov 20, 2026`, in Seoul."""
    day = seoul_date(value) if isinstance(value, datetime) else value
    return format_date(day, "medium", locale())


def month_name(month: int) -> str:
    """Return the name of a month: `11월`, `November`."""
    return str(locale().months["stand-alone"]["wide"][month])


def moment(value: datetime) -> str:
    """Return an instant in Seoul: `2026. 11. 20. 14:05`; visitors read that it is Seoul's."""
    local = value.astimezone(SEOUL)
    written = f"{short_day(local.date())} {local:%H:%M}"
    return written if is_korean() else f"{written} KST"


def span(period: Period) -> str:
    """Return a period with its last day: `2026. 11. 20. ~ 2026. 12. 19.`."""
    return _("%(start)s ~ %(end)s", start=short_day(period.start_on), end=short_day(period.last_on))


def rate(plan: Plan, amount: int | None = None) -> str:
    """Return what a plan costs how often: `월 9,900원`, `연 99,000원`, `3개월 27,000원`.

    A pass is paid once: `10,900원, 한 번 결제`.

    `amount` stands for its price where another one is meant.
    """
    written = won(plan.price_won if amount is None else amount)
    if plan.is_pass:
        return _("%(won)s, 한 번 결제", won=written)
    if plan.interval is Interval.YEAR:
        return _("연 %(won)s", won=written)
    if plan.interval_count == 1:
        return _("월 %(won)s", won=written)
    return _("%(count)d개월 %(won)s", count=plan.interval_count, won=written)


def recurring(plan: Plan) -> str:
    """Return that a plan is paid again and again, and how often: `월 정기결제`."""
    if plan.interval is Interval.YEAR:
        return _("연 정기결제")
    if plan.interval_count == 1:
        return _("월 정기결제")
    return _("%(count)d개월 정기결제", count=plan.interval_count)


def charge_day(plan: Plan, anchor_on: date) -> str:
    """Return on which days a plan is paid: `매월 31일(없는 달은 말일)`, `매년 11월 20일`."""
    facts = {"day": anchor_on.day, "month": anchor_on.month, "count": plan.interval_count}
    has_last = anchor_on.day > 28
    if plan.interval is Interval.YEAR and has_last:
        return _("매년 %(month)d월 %(day)d일(없는 달은 말일)", **facts)
    if plan.interval is Interval.YEAR:
        return _("매년 %(month)d월 %(day)d일", **facts)
    if plan.interval_count == 1:
        text = _("매월 %(day)d일(없는 달은 말일)") if has_last else _("매월 %(day)d일")
    elif has_last:
        text = _("%(count)d개월마다 %(day)d일(없는 달은 말일)")
    else:
        text = _("%(count)d개월마다 %(day)d일")
    return text % facts


def service_period(plan: Plan) -> str:
    """Return what one payment pays for: `결제일로부터 1개월`."""
    return ngettext(
        "결제일로부터 %(count)d개월", "결제일로부터 %(count)d개월", plan.months, count=plan.months
    )


def tax_note(plan: Plan) -> str:
    """Return what stands beside a price about tax."""
    return _("면세") if plan.tax_kind is TaxKind.TAX_FREE else _("부가세 포함")


class Shown(NamedTuple):
    """A picture on a page: where it is, and the words that stand for it."""

    url: str
    alt: str


def picture(plan: Plan) -> Shown:
    """Return the picture that was uploaded for a plan, or the one drawn for it, or for any."""
    if plan.picture_sha256 is not None:
        url = url_for("pictures.show", sha256=plan.picture_sha256)
        return Shown(url, plan.picture_alt or "")
    drawn = f"pictures/plan-{plan.slug}.svg"
    if not (ROOT / "static" / drawn).is_file():
        drawn = "pictures/plan.svg"
    return Shown(url_for("static", filename=drawn), "")


def menu() -> list[tuple[str, str]]:
    """Return the endpoints and labels of the main menu, for this visitor."""
    menu = _MENU if current_user.is_authenticated else _STRANGERS_MENU
    return menu if key_pairs.sells_passes() else [one for one in menu if one is not _PASSES]


def status_tone(subscription: Subscription) -> str:
    """Return how a subscription's state is coloured; its label says the same in words."""
    return "warn" if subscription.is_canceling else _STATUS_TONES[subscription.status]


def status_label(subscription: Subscription) -> str:
    """Return a subscription's state in the customer's words."""
    if subscription.is_canceling:
        return _("해지 예약")
    return str(_STATUS_LABELS[subscription.status])


def pass_label(order: PassOrder, now: datetime) -> str:
    """Return how a pass that was paid for stands, in the customer's words."""
    if order.is_ended:
        return _("환불")
    if order.is_over(now):
        return _("이용 종료")
    return _("이용 중") if order.grants_access(now) else _("시작 전")


def refund_reason(refund: Refund) -> str:
    """Return why money goes back, in the customer's words."""
    return _(REASONS[refund.cause])


def refund_state(refund: Refund) -> str:
    """Return how far a refund is, in the customer's words."""
    if refund.is_done and refund.settled_at is not None:
        return _(
            "%(day)s 환불했어요. 카드사에 따라 3~7영업일 뒤에 반영돼요.",
            day=short_day(refund.settled_at),
        )
    if refund.is_by_hand:
        return _(
            "카드 취소로 돌려드릴 수 없어 담당자가 따로 돌려드려요. 끝나면 이메일로 알려드려요."
        )
    return _("환불을 요청하고 결과를 확인하고 있어요.")


def footer() -> Markup:
    """Return what stands under every page; rendered once for each language."""
    return _footer(request.script_root, current(), *_merchant().values())


@lru_cache(maxsize=64)
def _footer(*_facts_in_it: str) -> Markup:
    return Markup(render_template("_footer.html"))


def _facts() -> dict[str, Any]:
    settings = current_app.config
    return {
        "shop_name": _said("SHOP_NAME"),
        "merchant": _merchant(),
        "is_sandbox": settings["USES_SANDBOX"],
        "sells_passes": key_pairs.sells_passes(),
        "public_url": settings["PUBLIC_URL"],
    }


def _merchant() -> dict[str, str]:
    settings = current_app.config
    return {
        "company": settings["BIZ_COMPANY"],
        "representative": settings["BIZ_REP"],
        "number": business_number.formatted(settings["BIZ_NO"]),
        "number_digits": "".join(filter(str.isdigit, settings["BIZ_NO"])),
        "mail_order": settings["BIZ_MAILORDER_NO"] or settings["BIZ_MAILORDER_EXEMPT"],
        "address": settings["BIZ_ADDR"],
        "phone": settings["BIZ_TEL"],
        "email": settings["BIZ_EMAIL"],
        "hours": _said("CS_HOURS"),
        "hosting": settings["BIZ_HOSTING"],
        "privacy_officer": settings["CPO_NAME"],
        "privacy_contact": settings["CPO_CONTACT"],
    }


def _said(name: str) -> str:
    """Return a fact of the merchant in the language of the page, or in Korean."""
    settings = current_app.config
    return str(settings.get(f"{name}_{current().upper()}") or settings[name])
