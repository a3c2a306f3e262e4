"""What the customer agreed to, to be read again word for word."""

from flask import Blueprint, abort, render_template
from flask_login import current_user
from markupsafe import Markup

from models import Consent
from views.policies import TITLES

blueprint = Blueprint("consents", __name__)


@blueprint.get("/account/consents")
def index() -> str:
    """List every consent of the customer, newest first."""
    return render_template("consents/index.html", consents=Consent.of_user(current_user.id))


@blueprint.get("/account/consents/<int:consent_id>")
def show(consent_id: int) -> str:
    """Show the policy of one consent as it stood on the day of the consent."""
    consent = Consent.of_user_with(consent_id, user_id=current_user.id) or abort(404)
    if consent.policy_text is None:
        abort(404)
    return render_template(
        "consents/show.html",
        consent=consent,
        title=TITLES[consent.policy_text.name],
        body=Markup(consent.policy_text.html),
    )
