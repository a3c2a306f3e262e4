"""What the shop mailed, for the merchant to read on the sandbox, where no mail leaves."""

from flask import Blueprint, abort, current_app, render_template

from models import Notice, db
from models.notice import NoticeKind
from views import mails
from views.access import merchant_only

blueprint = Blueprint("admin_mails", __name__)

NEWEST = 100
WITH_LINKS = {NoticeKind.PASSWORD_RESET, NoticeKind.EMAIL_CHANGE}
"""Mails whose link lets its reader in: they are listed and not shown."""


@blueprint.get("/admin/mails")
@merchant_only
def index() -> str:
    """List the newest mails."""
    _refuse_outside_sandbox()
    return render_template("admin/mails.html", notices=Notice.newest(NEWEST), hidden=WITH_LINKS)


@blueprint.get("/admin/mails/<int:notice_id>")
@merchant_only
def show(notice_id: int) -> str:
    """Show one mail as its reader got it."""
    _refuse_outside_sandbox()
    notice = db.session.get(Notice, notice_id) if notice_id < 2**31 else None
    if notice is None or notice.kind in WITH_LINKS:
        abort(404)
    return render_template("admin/mail.html", notice=notice, mail=mails.render(notice))


def _refuse_outside_sandbox() -> None:
    if not current_app.config["USES_SANDBOX"]:
        abort(404)
