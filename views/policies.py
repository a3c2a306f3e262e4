"""What the shop promises: terms, privacy and refunds, each with its numbers from the settings."""

from flask import Blueprint, current_app, render_template

from views.access import public

blueprint = Blueprint("policies", __name__)


@blueprint.get("/terms")
@public
def terms() -> str:
    """Show the terms of use."""
    return _policy("terms", "TERMS_VERSION")


@blueprint.get("/privacy")
@public
def privacy() -> str:
    """Show the privacy policy."""
    return _policy("privacy", "PRIVACY_VERSION")


@blueprint.get("/refund-policy")
@public
def refund() -> str:
    """Show the rules of withdrawal, ending and refund."""
    return _policy("refund", "REFUND_VERSION")


def _policy(name: str, version: str) -> str:
    settings = current_app.config
    return render_template(
        f"policies/{name}.html",
        version=settings[version],
        withdraw_days=settings["REFUND_WITHDRAW_DAYS"],
        penalty_percent=settings["REFUND_PENALTY_PCT"],
        pay_days=settings["REFUND_PAY_BDAYS"],
        grace_days=settings["GRACE_DAYS"],
        retry_days=", ".join(str(day) for day in settings["RETRY_DAYS"]),
    )
