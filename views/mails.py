"""Notices as mails: each kind has a text whose first line is the subject, and an HTML form.

What goes to the merchant is text alone.
"""

from typing import Any

from flask import current_app, render_template

from gateways.mail import Mail
from models import Invoice, Notice, User, db
from models.notice import NoticeKind
from views.passwords import reset_link


def render(notice: Notice) -> Mail:
    """Return the mail of a notice, addressed to its user or to the merchant."""
    values = _VALUES[notice.kind](notice)
    text = render_template(f"mail/{notice.kind}.txt", user=notice.user, **values)
    subject, _, body = text.partition("\n")
    return Mail(
        to=notice.user.email if notice.user else current_app.config["BIZ_EMAIL"],
        subject=subject.strip(),
        text=body.lstrip("\n"),
        html=_html(notice, values) if notice.user else None,
        message_id=f"notice-{notice.id}-{notice.created_at:%Y%m%d%H%M%S}",
    )


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


def _password_reset(notice: Notice) -> dict[str, Any]:
    assert isinstance(notice.user, User)
    return {"link": reset_link(notice.user)}


def _merchant_alert(notice: Notice) -> dict[str, Any]:
    return {"facts": notice.facts}


_VALUES = {
    NoticeKind.CONTRACT: _contract,
    NoticeKind.PASSWORD_RESET: _password_reset,
    NoticeKind.MERCHANT_ALERT: _merchant_alert,
}
