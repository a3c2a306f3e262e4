"""What the shop says of its merchant and promises its customers, as they read it; to be checked."""

from datetime import date
from typing import Any

from flask import Blueprint, current_app, render_template

import clock
from config import TRANSLATED_FACTS, demo_facts
from rules.periods import seoul_date
from views import policies
from views.access import merchant_only

blueprint = Blueprint("admin_facts", __name__)

_SHOWN = (
    "BIZ_MAILORDER_NO",
    "REFUND_WITHDRAW_DAYS",
    "REFUND_PENALTY_PCT",
    "REFUND_PAY_BDAYS",
    "RETRY_DAYS",
    "GRACE_DAYS",
    "BILLING_HOUR",
    *(each for names in TRANSLATED_FACTS.values() for each in names),
)


@blueprint.get("/admin/facts")
@merchant_only
def show() -> str:
    """Show the merchant's facts and the shop's promises, and which setting each comes from."""
    settings = current_app.config
    terms = current_app.extensions["refund_terms"]
    return render_template(
        "admin/facts.html",
        demo=demo_facts(settings),
        settings={name: settings[name] for name in _SHOWN},
        policies=[_policy(name) for name in policies.TITLES],
        examples=policies.examples(terms, seoul_date(clock.now())),
    )


def _policy(name: str) -> dict[str, Any]:
    current = policies.current_version(name)
    return {
        "title": policies.TITLES[name],
        "setting": policies.SETTINGS[name],
        "version": current,
        "effective_on": date.fromisoformat(current),
        "link": policies.link_to(name, current),
        "later": [version for version in policies.versions(name) if version > current],
    }
