"""Let a test on this machine steer the sandbox and read its ledger."""

from datetime import datetime
from ipaddress import ip_address

from flask import Blueprint, Response, abort, jsonify, request

from sandbox.clock import KOREA, written
from sandbox.faults import Fault
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
    """Set the time, or let it be real again."""
    try:
        given = request.get_json()["now"]
        moment = datetime.fromisoformat(given) if given else None
    except (KeyError, TypeError, ValueError) as mistake:
        abort(400, f"no such time: {mistake}")
    if moment and moment.tzinfo is None:
        moment = moment.replace(tzinfo=KOREA)
    sandbox().clock.set(moment)
    return show_clock()


@blueprint.get("/clock")
def show_clock() -> Response:
    """Answer with the time here."""
    return jsonify(now=written(sandbox().clock.now()))


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """Answer with all that happened here."""
    return jsonify(
        billing_keys=_rows("SELECT * FROM billing_keys ORDER BY rowid"),
        payments=_rows("SELECT * FROM payments ORDER BY rowid"),
        cancels=_rows("SELECT * FROM cancels ORDER BY rowid"),
        requests=_rows("SELECT * FROM requests ORDER BY number"),
    )


@blueprint.delete("/ledger")
def empty_ledger() -> Response:
    """Forget all that happened here."""
    sandbox().ledger.forget_everything()
    return Response(status=204)


def _rows(query: str) -> list[dict[str, object]]:
    return [dict(row) for row in sandbox().ledger.all(query)]
