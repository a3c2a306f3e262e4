"""The page that a payment links to as its receipt."""

from flask import Blueprint, abort, render_template, request

from sandbox.cards import BY_VALUE
from sandbox.state import sandbox

blueprint = Blueprint("receipt", __name__)


@blueprint.get("/receipt/redirection")
def show() -> str:
    """See the receipt of a payment."""
    payment = sandbox().ledger.one(
        "SELECT * FROM payments WHERE payment_key = ?", request.args.get("transactionId")
    )
    if payment is None:
        abort(404)
    return render_template("receipt.html", payment=payment, card=BY_VALUE[payment["card"]])
