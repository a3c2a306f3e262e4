"""Closed for maintenance: every page says so and until when; who is on the way back is let in.

Customers who come back from the card window are served all the same: what Toss gave them is good
for minutes only.
"""

from flask import Flask, Response, current_app, render_template, request

RETRY_AFTER_SECONDS = 600
_OPEN = (
    *("checkout.success", "checkout.fail", "checkout.show", "checkout.state"),
    *("passes.success", "passes.fail", "passes.order", "passes.state"),
)


def register(app: Flask) -> None:
    """Close the shop for as long as `MAINTENANCE` says a sentence."""
    app.before_request(_close)


def _close() -> tuple[Response, int] | None:
    sentence = current_app.config["MAINTENANCE"]
    endpoint = request.endpoint or ""
    if not sentence or endpoint in _OPEN or endpoint == "static" or endpoint.startswith("health."):
        return None
    page = Response(render_template("errors/maintenance.html", sentence=sentence))
    page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return page, 503
