"""What a customer paid, with Toss's receipts."""

from flask import Blueprint, abort, render_template
from flask_login import current_user

from models import Payment, db

blueprint = Blueprint("payments", __name__)


@blueprint.get("/payments")
def index() -> str:
    """Show every payment, newest first."""
    return render_template("payments/index.html", payments=Payment.of_user(current_user.id))


@blueprint.get("/payments/<int:payment_id>")
def show(payment_id: int) -> str:
    """Show one payment: what it was for, how it was taxed, with which card."""
    payment = db.session.get(Payment, payment_id) if payment_id < 2**31 else None
    if payment is None or payment.user_id != current_user.id:
        abort(404)
    return render_template(
        "payments/show.html",
        payment=payment,
        invoice=payment.invoice,
        refunds=[refund for refund in payment.refunds if not refund.is_void],
        subscription=payment.invoice.subscription,
    )
