"""Let a test on this machine steer the sandbox and read its ledger."""

from datetime import datetime
from ipaddress import ip_address

from flask import Blueprint, Response, abort, jsonify, request

from sandbox import back_office, unpaid
from sandbox.clock import KOREA, written
from sandbox.faults import Fault
from sandbox.payment_calls import write_cancel
from sandbox.state import sandbox

blueprint = Blueprint("control", __name__, url_prefix="/_control")


@blueprint.before_request
def refuse_other_machines() -> None:
    """Serve this machine only."""
    if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:
        abort(403)


@blueprint.get("/faults")
def list_faults() -> Response:
    """Answer with the faults in force."""
    return jsonify(faults=sandbox().faults.listed())


@blueprint.put("/faults")
def replace_faults() -> Response:
    """Put new faults in place of the old ones."""
    try:
        faults = [Fault(**fault) for fault in request.get_json()["faults"]]
    except (KeyError, TypeError, ValueError) as mistake:
        abort(400, f"no such fault: {mistake}")
    sandbox().faults.replace(faults)
    return list_faults()


@blueprint.put("/clock")
def set_clock() -> Response:
    """Set the time, or let it be real again; what waited too long by then is over."""
    try:
        given = request.get_json()["now"]
        moment = datetime.fromisoformat(given) if given else None
    except (KeyError, TypeError, ValueError) as mistake:
        abort(400, f"no such time: {mistake}")
    if moment and moment.tzinfo is None:
        moment = moment.replace(tzinfo=KOREA)
    sandbox().clock.set(moment)
    unpaid.end_all_over()
    return show_clock()


@blueprint.get("/clock")
def show_clock() -> Response:
    """Answer with the time here."""
    return jsonify(now=written(sandbox().clock.now()))


@blueprint.put("/webhook")
def set_webhook() -> Response:
    """Set where the shop takes webhooks; empty for nowhere."""
    sandbox().webhooks.register(str((request.get_json() or {}).get("url", "")))
    return jsonify(url=sandbox().webhooks.url)


@blueprint.post("/payments/<payment_key>/cancel")
def cancel_in_back_office(payment_key: str) -> Response:
    """Give money back as the merchant does in Toss's own back office."""
    given = request.get_json()
    here = sandbox()
    with here.ledger.transaction():
        payment = here.ledger.one("SELECT * FROM payments WHERE payment_key = ?", payment_key)
        if payment is None:
            abort(404)
        amount = int(given.get("amount") or payment["balance_amount"])
        if not 0 < amount <= payment["balance_amount"]:
            abort(400, "no such amount is left")
        write_cancel(payment, str(given.get("reason") or "고객 요청"), (amount, 0, 0))
    return Response(status=204)


@blueprint.delete("/billing-keys/<billing_key>")
def delete_in_back_office(billing_key: str) -> Response:
    """Delete a billing key as Toss or the merchant may, without the shop."""
    here = sandbox()
    with here.ledger.transaction():
        row = here.ledger.one("SELECT * FROM billing_keys WHERE billing_key = ?", billing_key)
        if row is None:
            abort(404)
        back_office.delete_key(row)
    return Response(status=204)


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """Answer with all that happened here."""
    return jsonify(
        billing_keys=_rows("SELECT * FROM billing_keys ORDER BY rowid"),
        payments=_rows("SELECT * FROM payments ORDER BY rowid"),
        cancels=_rows("SELECT * FROM cancels ORDER BY rowid"),
        requests=_rows("SELECT * FROM requests ORDER BY number"),
        cash_receipts=_rows("SELECT * FROM cash_receipts ORDER BY rowid"),
        deliveries=_rows("SELECT * FROM deliveries ORDER BY rowid"),
    )


@blueprint.delete("/ledger")
def empty_ledger() -> Response:
    """Forget all that happened here."""
    sandbox().ledger.forget_everything()
    return Response(status=204)


def _rows(query: str) -> list[dict[str, object]]:
    return [dict(row) for row in sandbox().ledger.all(query)]
