"""What every call of the REST API goes through."""

import secrets
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, current_app, g, request

from sandbox import faults, idempotency
from sandbox.clock import written
from sandbox.errors import CODES, TossError
from sandbox.fields import Fields, read_body
from sandbox.keys import KeyPair
from sandbox.server import cut_connection
from sandbox.state import sandbox

blueprint = Blueprint("api", __name__)

_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]

View = Callable[..., Response]


def call(part: Blueprint, operation: str, method: str, rule: str) -> Callable[[View], View]:
    """Offer a function as a call of the API; faults and the ledger know it by its operation."""

    def offer(view: View) -> View:
        def answer(**path: str) -> Response:
            return _answer(operation, _pattern(rule), partial(view, **path))

        part.add_url_rule(f"/v1{rule}", view.__name__, answer, methods=[method])
        return view

    return offer


def body() -> Fields:
    """Return the fields of this request.

    :raises TossError: when it is not a JSON object
    """
    return read_body(request.get_data(), request.content_type)


def merchant() -> KeyPair:
    """Return the merchant that this request speaks for."""
    pair: KeyPair = g.merchant
    return pair


def lose_answer() -> None:
    """Let what this request did stand, and cut the connection in place of an answer."""
    g.answer_is_lost = True


@blueprint.route("/v1/<path:anything>", methods=_EVERY_METHOD)
def unknown_call(anything: str) -> Response:
    """Refuse a path or a method that Toss does not have."""
    return _answer("unknown", "/v1/…", _refuse_unknown_call)


def _refuse_unknown_call() -> Response:
    raise TossError("NOT_FOUND_HTTP_METHOD")


def _pattern(rule: str) -> str:
    return f"/v1{rule}".replace("<", "{").replace(">", "}")


def _answer(operation: str, path: str, perform: Callable[[], Response]) -> Response:
    number = _note_request(operation, path)
    fault = None
    try:
        g.merchant = sandbox().keys.authenticate(request.headers.get("Authorization"))
        fault = sandbox().faults.take(operation)
        if fault and fault.kind == "lost_before":
            sandbox().ledger.run("DELETE FROM requests WHERE number = ?", number)
            cut_connection(request.environ)
            return Response(status=503)
        answer = _perform(perform, fault)
    except TossError as refusal:
        answer = refusal.response()
    _note_answer(number, answer)
    if fault:
        answer = faults.strike_after(fault, answer)
    answer.headers["x-tosspayments-trace-id"] = secrets.token_hex(16)
    if "Idempotency-Key" in request.headers:
        answer.headers["idempotency-key"] = request.headers["Idempotency-Key"]
    if g.get("answer_is_lost") or (fault and fault.kind == "lost"):
        cut_connection(request.environ)
    return answer


def _perform(perform: Callable[[], Response], fault: faults.Fault | None) -> Response:
    if fault and fault.kind == "status":
        return faults.gateway_page(fault.status)
    here = sandbox()
    return idempotency.once(
        partial(_execute, perform, fault),
        secret_key=merchant().secret_key,
        ledger=here.ledger,
        clock=here.clock,
    )


def _execute(perform: Callable[[], Response], fault: faults.Fault | None) -> Response:
    try:
        if fault:
            faults.strike_before(fault, sandbox().faults)
        _obey_test_code()
        return perform()
    except TossError as refusal:
        return refusal.response()


def _obey_test_code() -> None:
    code = request.headers.get("TossPayments-Test-Code")
    if code is None or not merchant().is_test:
        return
    raise TossError(code if code in CODES else "INVALID_TEST_CODE")


def _note_request(operation: str, path: str) -> int:
    here = sandbox()
    return here.ledger.add(
        "requests",
        operation=operation,
        method=request.method,
        path=path,
        order_id=_order_id(),
        idempotency_key=request.headers.get("Idempotency-Key"),
        test_code=request.headers.get("TossPayments-Test-Code"),
        at=written(here.clock.now()),
    )


def _order_id() -> str | None:
    fields = request.get_json(silent=True)
    sent = fields.get("orderId") if isinstance(fields, dict) else None
    return (request.view_args or {}).get("order_id") or (sent if isinstance(sent, str) else None)


def _note_answer(number: int, answer: Response) -> None:
    content = answer.get_json(silent=True) if answer.is_json else None
    code = content.get("code") if isinstance(content, dict) else None
    sandbox().ledger.run(
        "UPDATE requests SET status = ?, code = ? WHERE number = ?",
        answer.status_code,
        code,
        number,
    )
    current_app.logger.info("%s %s %s", request.endpoint, answer.status_code, code or "")
