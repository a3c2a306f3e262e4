"""The back office: where the merchant begins, and who looked at what."""

from flask import Blueprint, current_app, render_template, request

from models import AuditEntry, Inquiry, Refund
from views.access import merchant_only

blueprint = Blueprint("admin", __name__)

ENTRIES = 100


@blueprint.get("/admin")
@merchant_only
def index() -> str:
    """Show what waits for the merchant."""
    return render_template(
        "admin/index.html",
        owed=Refund.owed_by_hand(),
        inquiries=Inquiry.unanswered(),
        has_mails=current_app.config["USES_SANDBOX"],
    )


@blueprint.get("/admin/log")
@merchant_only
def log() -> str:
    """List who did what, newest first."""
    before = request.args.get("before", type=int)
    entries = AuditEntry.newest(ENTRIES + 1, before=before)
    return render_template(
        "admin/log.html",
        entries=entries[:ENTRIES],
        older_than=entries[ENTRIES - 1].id if len(entries) > ENTRIES else None,
    )
