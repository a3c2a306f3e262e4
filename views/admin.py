"""The back office: where the merchant begins, and who looked at what."""

from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, Response, abort, current_app, render_template, request

import clock
from models import AuditEntry, DailyFigure
from rules.periods import seoul_date
from views import charts, refusals
from views.access import merchant_only

blueprint = Blueprint("admin", __name__)

ENTRIES = 100
DAYS = 90
_MENU = [
    ("admin.index", "현황"),
    ("admin_work.index", "할 일"),
    ("admin_customers.index", "고객"),
    ("admin_subscriptions.index", "구독"),
    ("admin_passes.index", "이용권"),
    ("admin_products.index", "상품"),
    ("admin_facts.show", "사업자 정보"),
    ("admin_exports.index", "내보내기"),
    ("admin_review.show", "심사 점검"),
    ("admin_price_offers.index", "가격 제안"),
    ("admin_mails.index", "보낸 메일"),
    ("admin_sandbox.show", "모의 결제"),
    ("admin.log", "기록"),
]
_SANDBOX_ONLY = {"admin_mails.index", "admin_sandbox.show"}


@blueprint.app_template_global("office_menu")
def menu() -> list[tuple[str, str]]:
    """Return the endpoints and labels of the back office's menu."""
    is_sandbox = current_app.config["USES_SANDBOX"]
    return [each for each in _MENU if is_sandbox or each[0] not in _SANDBOX_ONLY]


@blueprint.get("/admin")
@merchant_only
def index() -> str:
    """Show where the shop stands: the last ninety days, as charts and as a table."""
    figures = _figures()
    return render_template(
        "admin/index.html",
        figures=figures,
        now=figures[-1] if figures else None,
        month_ago=figures[-31] if len(figures) > 30 else None,
        failures=charts.failure_counts(figures),
        declined=refusals.declined,
    )


@blueprint.get("/admin/charts/<string:name>")
@merchant_only
def chart(name: str) -> Response:
    """Draw one chart of the overview."""
    if name not in charts.CHARTS:
        abort(404)
    return Response(charts.CHARTS[name](_figures()), mimetype="image/svg+xml")


def _figures() -> Sequence[DailyFigure]:
    return DailyFigure.since(seoul_date(clock.now()) - timedelta(days=DAYS))


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
