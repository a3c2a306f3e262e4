"""What Toss posts when something happens there: kept at once, answered 200, settled by a worker."""

import hmac

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

import clock
from billing.keep_webhook import keep_webhook
from views.access import public
from views.security import csrf

blueprint = Blueprint("webhooks", __name__)

TRANSMISSION_ID = "tosspayments-webhook-transmission-id"


@blueprint.post("/webhooks/toss/<string:secret>")
@public
@csrf.exempt
def create(secret: str) -> ResponseReturnValue:
    """Keep one transmission (Toss contract 7); to who does not know the address it is none.

    A stranger's costs less than a true one: no page is drawn for it.
    """
    expected = current_app.config["TOSS_WEBHOOK_SECRET"]
    if not expected or not hmac.compare_digest(secret.encode(), expected.encode()):
        return "", 404
    keep_webhook(
        request.get_data(cache=False),
        transmission_id=request.headers.get(TRANSMISSION_ID, ""),
        vault=current_app.extensions["vault"],
        now=clock.now(),
    )
    return "", 200
