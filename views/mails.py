"""Notices as mails: each kind has a text whose first line is the subject, and an HTML form.

What goes to the merchant is text alone.
"""

from datetime import date, timedelta
from typing import Any

from flask import current_app, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from gateways.mail import Mail
from models import (
    Inquiry,
    Invoice,
    Notice,
    PassOrder,
    PriceChange,
    Quote,
    Refund,
    Subscription,
    User,
    db,
)
from models.notice import NoticeKind
from models.refund import REASONS, RefundStatus
from models.subscription import EndReason
from rules.wording import N_, Language
from views import policies, price_change, refusals
from views.account import email_link
from views.languages import speaking
from views.passwords import reset_link


def render(notice: Notice) -> Mail:
    """Return the mail of a notice, to its user in the language that they read, or the merchant.

    A stranger is answered in the language of the page that they asked on.
    """
    with speaking(_language(notice)):
        return _mail(notice)


def _language(notice: Notice) -> Language:
    if notice.is_to_customer and notice.user is not None:
        return notice.user.language
    if notice.kind is NoticeKind.INQUIRY_ANSWERED:
        return db.session.get_one(Inquiry, notice.facts["inquiry_id"]).language
    return Language.KOREAN


def _mail(notice: Notice) -> Mail:
    values = _VALUES[notice.kind](notice)
    text = render_template(f"mail/{notice.kind}.txt", user=notice.user, **values)
    subject, _line, body = text.partition("\n")
    return Mail(
        to=_address(notice),
        subject=subject.strip(),
        text=body.lstrip("\n"),
        html=_html(notice, values) if notice.is_to_customer else None,
        message_id=f"notice-{notice.id}-{notice.created_at:%Y%m%d%H%M%S}",
    )


def _address(notice: Notice) -> str:
    if notice.address is not None:
        return notice.address
    return notice.user.email if notice.user else str(current_app.config["BIZ_EMAIL"])


def _html(notice: Notice, values: dict[str, Any]) -> str:
    return render_template(f"mail/{notice.kind}.html", user=notice.user, **values)


def _contract(notice: Notice) -> dict[str, Any]:
    invoice = db.session.get_one(Invoice, notice.facts["invoice_id"])
    return {
        "invoice": invoice,
        "plan": invoice.quote.plan,
        "payment": invoice.payment,
        "subscription": invoice.subscription,
        "withdraw_days": current_app.config["REFUND_WITHDRAW_DAYS"],
        "refund_days": current_app.config["REFUND_PAY_BDAYS"],
        "penalty_percent": current_app.config["REFUND_PENALTY_PCT"],
    }


def _renewal_paid(notice: Notice) -> dict[str, Any]:
    invoice = db.session.get_one(Invoice, notice.facts["invoice_id"])
    return {**_of(invoice.subscription), "invoice": invoice, "payment": invoice.payment}


def _extended(notice: Notice) -> dict[str, Any]:
    return {**_subscription(notice), "days": notice.facts["days"]}


def _renewal_coming(notice: Notice) -> dict[str, Any]:
    return {
        **_subscription(notice),
        "due_on": date.fromisoformat(notice.facts["due_on"]),
        "won": notice.facts["won"],
    }


def _renewal_failed(notice: Notice) -> dict[str, Any]:
    invoice = db.session.get_one(Invoice, notice.facts["invoice_id"])
    happened, advice = refusals.declined(notice.facts["code"])
    retry_on = notice.facts["retry_on"]
    return {
        **_of(invoice.subscription),
        "invoice": invoice,
        "happened": happened,
        "advice": advice,
        "retry_on": retry_on and date.fromisoformat(retry_on),
        "grace_last_on": date.fromisoformat(notice.facts["grace_ends_on"]) - timedelta(days=1),
    }


def _card_changed(notice: Notice) -> dict[str, Any]:
    return {**_subscription(notice), "card": notice.facts["card"]}


def _subscription(notice: Notice) -> dict[str, Any]:
    return _of(db.session.get_one(Subscription, notice.facts["subscription_id"]))


def _term_restarted(notice: Notice) -> dict[str, Any]:
    return {
        **_subscription(notice),
        "from_on": date.fromisoformat(notice.facts["from_on"]),
        "charge_on": date.fromisoformat(notice.facts["charge_on"]),
    }


def _ended(notice: Notice) -> dict[str, Any]:
    subscription = db.session.get_one(Subscription, notice.facts["subscription_id"])
    refund_id = notice.facts["refund_id"]
    return {
        **_of(subscription),
        "how": _(_HOW.get(subscription.end_reason, N_("해지"))),
        "refund": refund_id and db.session.get_one(Refund, refund_id),
        "pay_days": current_app.config["REFUND_PAY_BDAYS"],
    }


def _refunded(notice: Notice) -> dict[str, Any]:
    refund = db.session.get_one(Refund, notice.facts["refund_id"])
    return {
        "refund": refund,
        "payment": refund.payment,
        "why": _(REASONS[refund.cause]),
        "by_hand": refund.status is RefundStatus.PAID_BY_HAND,
    }


def _plan_changed(notice: Notice) -> dict[str, Any]:
    invoice = db.session.get_one(Invoice, notice.facts["invoice_id"])
    return {
        "invoice": invoice,
        "quote": invoice.quote,
        "plan": invoice.quote.plan,
        "payment": invoice.payment,
        "withdraw_days": current_app.config["REFUND_WITHDRAW_DAYS"],
    }


def _plan_change_set(notice: Notice) -> dict[str, Any]:
    quote = db.session.get_one(Quote, notice.facts["quote_id"])
    return {"quote": quote, "plan": quote.plan}


def _pass(notice: Notice) -> dict[str, Any]:
    order = db.session.get_one(PassOrder, notice.facts["pass_order_id"])
    refund_id = notice.facts.get("refund_id")
    return {
        "order": order,
        "plan": order.plan,
        "payment": order.payment,
        "how": _HOW_PASSES_END.get(order.end_reason, _l("환불")),
        "refund": refund_id and db.session.get_one(Refund, refund_id),
        "withdraw_days": current_app.config["REFUND_WITHDRAW_DAYS"],
        "refund_days": current_app.config["REFUND_PAY_BDAYS"],
        "penalty_percent": current_app.config["REFUND_PENALTY_PCT"],
    }


def _price_change(notice: Notice) -> dict[str, Any]:
    change = db.session.get_one(PriceChange, notice.facts["price_change_id"])
    return price_change.facts(change, date.fromisoformat(notice.facts["on"]))


def _of(subscription: Subscription) -> dict[str, Any]:
    return {"subscription": subscription, "plan": subscription.plan}


def _password_reset(notice: Notice) -> dict[str, Any]:
    assert isinstance(notice.user, User)
    return {"link": reset_link(notice.user)}


def _email_change(notice: Notice) -> dict[str, Any]:
    assert notice.user is not None and notice.address is not None
    return {"link": email_link(notice.user, notice.address)}


def _facts(notice: Notice) -> dict[str, Any]:
    return dict(notice.facts)


def _inquiry(notice: Notice) -> dict[str, Any]:
    return {"inquiry": db.session.get_one(Inquiry, notice.facts["inquiry_id"])}


def _policy_changed(notice: Notice) -> dict[str, Any]:
    name, version = notice.facts["name"], notice.facts["version"]
    return {
        "title": policies.TITLES[name],
        "effective_on": date.fromisoformat(version),
        "is_adverse": notice.facts["is_adverse"],
        "new_link": policies.link_to(name, version),
        "old_link": policies.link_to(name, policies.current_version(name)),
    }


def _merchant_alert(notice: Notice) -> dict[str, Any]:
    return {"facts": notice.facts}


_HOW: dict[EndReason | None, str] = {
    EndReason.CANCELED: N_("다음 결제일에 해지 (일반해지)"),
    EndReason.TERMINATED: N_("지금 해지 (중도해지)"),
    EndReason.WITHDRAWN: N_("지금 해지 (청약철회)"),
    EndReason.REFUNDED: N_("결제 취소에 따른 해지"),
    EndReason.BY_MERCHANT: N_("가게에서 해지"),
}
_HOW_PASSES_END: dict[EndReason | None, Any] = {
    EndReason.WITHDRAWN: _l("청약철회"),
    EndReason.TERMINATED: _l("중도 환불"),
    EndReason.REFUNDED: _l("결제 취소"),
    EndReason.BY_MERCHANT: _l("가게에서 환불"),
}
_VALUES = {
    NoticeKind.CONTRACT: _contract,
    NoticeKind.RENEWAL_COMING: _renewal_coming,
    NoticeKind.RENEWAL_PAID: _renewal_paid,
    NoticeKind.RENEWAL_FAILED: _renewal_failed,
    NoticeKind.CARD_CHANGED: _card_changed,
    NoticeKind.EXTENDED: _extended,
    NoticeKind.ENDED_UNPAID: _subscription,
    NoticeKind.TERM_RESTARTED: _term_restarted,
    NoticeKind.END_SCHEDULED: _subscription,
    NoticeKind.ENDED: _ended,
    NoticeKind.REFUNDED: _refunded,
    NoticeKind.CARD_SUSPECT: _subscription,
    NoticeKind.PLAN_CHANGED: _plan_changed,
    NoticeKind.PLAN_CHANGE_SET: _plan_change_set,
    NoticeKind.PASS_PAID: _pass,
    NoticeKind.PASS_ENDING: _pass,
    NoticeKind.PASS_ENDED: _pass,
    NoticeKind.PASSWORD_RESET: _password_reset,
    NoticeKind.EMAIL_CHANGE: _email_change,
    NoticeKind.EMAIL_CHANGED: _facts,
    NoticeKind.ACCOUNT_CLOSED: _facts,
    NoticeKind.INQUIRY: _inquiry,
    NoticeKind.INQUIRY_ANSWERED: _inquiry,
    NoticeKind.POLICY_CHANGED: _policy_changed,
    NoticeKind.PRICE_ASKED: _price_change,
    NoticeKind.PRICE_AGREED: _price_change,
    NoticeKind.PRICE_KEPT: _price_change,
    NoticeKind.PRICE_DROPPED: _price_change,
    NoticeKind.MERCHANT_ALERT: _merchant_alert,
}
