"""Toss Payments over HTTPS: the one place that speaks its API (Toss contract, section 3)."""

import base64
import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from gateways import checks, toss_answers
from gateways.connection import Answer, Connection, NoAnswer
from gateways.pace import Pace
from gateways.payment import (
    CancelRequest,
    CashReceiptAnswer,
    CashReceiptRequest,
    ChargeRequest,
    ConfirmRequest,
    IssuedBillingKey,
    IssueRequest,
    Operation,
    OutcomeUnknown,
    PaymentAnswer,
    PaymentGatewayError,
    RequestRejected,
    Settlement,
    SettlementDay,
    Transaction,
)
from gateways.toss_codes import error_for

logger = logging.getLogger("shop.toss")

TRACE_HEADER = "x-tosspayments-trace-id"

_Answered = TypeVar("_Answered", IssuedBillingKey, PaymentAnswer, CashReceiptAnswer)
_Listed = TypeVar("_Listed", Transaction, Settlement)
_LONGEST_NAME = 100
_DATE_TYPES: Mapping[SettlementDay, str] = {"sold": "soldDate", "paid_out": "paidOutDate"}
_KST = timezone(timedelta(hours=9))


class TossGateway:
    """The `PaymentGateway` that moves real money; one serves all threads of a process.

    `timeout_seconds` is the time that Toss has to answer, from the last byte of the request to the
    last byte of the answer; connecting may take `connect_seconds` more. `test_code` makes Toss
    answer each call with that error; it goes with a test key only. Where `may_act` says no, nothing
    but GETs is sent. `pace` is set by workers, not by web processes.
    """

    def __init__(
        self,
        *,
        secret_key: str,
        api_base: str,
        key_pair: str = "billing",
        timeout_seconds: float = 65.0,
        connect_seconds: float = 5.0,
        test_code: str | None = None,
        pool_size: int = 64,
        may_act: Callable[[], bool] = lambda: True,
    ) -> None:
        if not re.fullmatch(r"[!-9;-~]+", secret_key):
            raise ValueError("the secret key must be one line of letters, digits and signs")
        if test_code is not None and not secret_key.startswith("test_"):
            raise ValueError("a test code may be sent with a secret key of `test_…` only")
        self.key_pair = key_pair
        self.secret_fingerprint = hashlib.sha256(secret_key.encode()).hexdigest()[:16]
        self.timeout_seconds = timeout_seconds
        self.pace: Pace | None = None
        self._may_act = may_act
        self._secret_key = secret_key
        self._connection = Connection(
            api_base,
            headers=_headers(secret_key, test_code),
            timeout_seconds=timeout_seconds,
            connect_seconds=connect_seconds,
            pool_size=pool_size,
        )
        parts = urlsplit(api_base)
        self._receipt_origin = f"{parts.scheme}://{parts.netloc}"

    def issue_billing_key(self, request: IssueRequest) -> IssuedBillingKey:
        checks.check_issue(request)
        call = _Call(
            "issue_billing_key",
            secrets=(self._secret_key, request.auth_key, request.customer_key),
        )
        answer = self._post(
            call,
            "/v1/billing/authorizations/issue",
            {"authKey": request.auth_key, "customerKey": request.customer_key},
            request.idempotency_key,
        )
        same = {"customerKey": request.customer_key}
        return call.read(answer, toss_answers.issued_billing_key, same=same)

    def charge(self, request: ChargeRequest) -> PaymentAnswer:
        checks.check_charge(request)
        call = _Call(
            "charge",
            order_id=request.order_id,
            secrets=(
                self._secret_key,
                request.billing_key,
                request.customer_key,
                request.customer_name,
                request.customer_email,
            ),
        )
        path = f"/v1/billing/{_part(request.billing_key)}"
        answer = self._post(call, path, _charge_body(request), request.idempotency_key)
        return call.read(answer, self._payment)

    def confirm(self, request: ConfirmRequest) -> PaymentAnswer:
        checks.check_confirm(request)
        call = _Call("confirm", order_id=request.order_id, secrets=(self._secret_key,))
        body = {
            "paymentKey": request.payment_key,
            "orderId": request.order_id,
            "amount": request.amount_won,
        }
        answer = self._post(call, "/v1/payments/confirm", body, request.idempotency_key)
        return call.read(answer, self._payment)

    def cancel(self, request: CancelRequest) -> PaymentAnswer:
        checks.check_cancel(request)
        call = _Call("cancel", secrets=(self._secret_key,))
        body = {
            "cancelReason": request.reason,
            "cancelAmount": request.amount_won,
            "taxFreeAmount": request.tax_free_won,
            "refundableAmount": request.refundable_won,
        }
        path = f"/v1/payments/{_part(request.payment_key)}/cancel"
        answer = self._post(call, path, body, request.idempotency_key)
        return call.read(answer, self._payment, same={"paymentKey": request.payment_key})

    def find_payment(self, payment_key: str) -> PaymentAnswer | None:
        checks.check_payment_key(payment_key)
        call = _Call("find_payment", secrets=(self._secret_key,))
        answer = self._send(call, "GET", f"/v1/payments/{_part(payment_key)}")
        if answer is None:
            return None
        return call.read(answer, self._payment, same={"paymentKey": payment_key})

    def find_order(self, order_id: str) -> PaymentAnswer | None:
        checks.check_order_id(order_id)
        call = _Call("find_order", order_id=order_id, secrets=(self._secret_key,))
        answer = self._send(call, "GET", f"/v1/payments/orders/{_part(order_id)}")
        if answer is None:
            return None
        return call.read(answer, self._payment, same={"orderId": order_id})

    def delete_billing_key(self, billing_key: str) -> None:
        checks.check_billing_key(billing_key)
        call = _Call("delete_billing_key", secrets=(self._secret_key, billing_key))
        if self._send(call, "DELETE", f"/v1/billing/{_part(billing_key)}"):
            call.log()

    def issue_cash_receipt(self, request: CashReceiptRequest) -> CashReceiptAnswer:
        checks.check_cash_receipt(request)
        call = _Call(
            "issue_cash_receipt",
            order_id=request.order_id,
            secrets=(self._secret_key, request.identity_number),
        )
        body = {
            "amount": request.amount_won,
            "orderId": request.order_id,
            "orderName": request.order_name,
            "customerIdentityNumber": request.identity_number,
            "type": request.type,
            "taxFreeAmount": request.tax_free_won,
        }
        answer = self._post(call, "/v1/cash-receipts", body, request.idempotency_key)
        return call.read(answer, toss_answers.cash_receipt)

    def cancel_cash_receipt(
        self, receipt_key: str, amount_won: int, *, idempotency_key: str
    ) -> CashReceiptAnswer:
        checks.check_cash_receipt_cancel(receipt_key, amount_won, idempotency_key)
        call = _Call("cancel_cash_receipt", secrets=(self._secret_key,))
        path = f"/v1/cash-receipts/{_part(receipt_key)}/cancel"
        answer = self._post(call, path, {"amount": amount_won}, idempotency_key)
        return call.read(answer, toss_answers.cash_receipt)

    def transactions(
        self, start: datetime, end: datetime, *, after: str | None, limit: int
    ) -> tuple[Transaction, ...]:
        call = _Call("transactions", secrets=(self._secret_key,))
        query = {
            "startDate": _korean_time(start),
            "endDate": _korean_time(end),
            "limit": str(limit),
            **({"startingAfter": after} if after else {}),
        }
        answer = self._send(call, "GET", f"/v1/transactions?{urlencode(query)}")
        assert answer is not None, "no refusal of a list means 'not there'"
        return call.read_list(answer, toss_answers.transactions)

    def settlements(
        self, start_on: date, end_on: date, *, by: SettlementDay, page: int, limit: int
    ) -> tuple[Settlement, ...]:
        call = _Call("settlements", secrets=(self._secret_key,))
        query = {
            "startDate": start_on.isoformat(),
            "endDate": end_on.isoformat(),
            "dateType": _DATE_TYPES[by],
            "page": str(page),
            "size": str(limit),
        }
        answer = self._send(call, "GET", f"/v1/settlements?{urlencode(query)}")
        assert answer is not None, "no refusal of a list means 'not there'"
        return call.read_list(answer, toss_answers.settlements)

    def close(self) -> None:
        """Close the connections that lie idle."""
        self._connection.close()

    def _post(
        self, call: "_Call", path: str, body: Mapping[str, Any], idempotency_key: str
    ) -> Answer:
        headers = {"Idempotency-Key": idempotency_key}
        answer = self._send(call, "POST", path, body=body, headers=headers)
        assert answer is not None, "no refusal of a POST means 'not there'"
        return answer

    def _send(
        self,
        call: "_Call",
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Return an answer of status 200, or None where Toss says that the thing is not there."""
        if method != "GET" and not self._may_act():
            raise call.failed(RequestRejected("host_not_armed", "nothing was sent", key_pair=True))
        if self.pace is not None:
            self.pace.wait()
        try:
            answer: Answer | NoAnswer = self._connection.send(
                method, path, body=body, headers=headers
            )
        except NoAnswer as error:
            answer = error
        if isinstance(answer, NoAnswer):
            raise call.failed(OutcomeUnknown(answer.code, answer.message))
        return call.accepted(answer)

    def _payment(self, answer: Mapping[str, Any], trace_id: str | None) -> PaymentAnswer:
        return toss_answers.payment(answer, trace_id, self._receipt_origin)


class _Call:
    """One call on its way: what its one log line says, and what no text of it may show."""

    def __init__(
        self, operation: Operation, *, secrets: tuple[str, ...], order_id: str | None = None
    ) -> None:
        self.operation = operation
        self.order_id = order_id
        self.http_status: int | None = None
        self.trace_id: str | None = None
        self.version: str | None = None
        spellings = {*secrets, *map(_part, secrets), *map(_basic, secrets)}
        self._secrets = sorted((s for s in spellings if len(s) > 1), key=len, reverse=True)
        self._started = time.monotonic()

    def accepted(self, answer: Answer) -> Answer | None:
        """Return a 200 as it is, None for "not there"; raise for all else."""
        self.http_status = answer.http_status
        self.trace_id = _safe_trace_id(self._without_secrets(answer.headers.get(TRACE_HEADER, "")))
        if answer.http_status == 200:
            return answer
        code, message = toss_answers.error_code_and_message(answer.body)
        if code is None or answer.http_status < 400:
            raise self.failed(
                self._broken(f"HTTP {answer.http_status} without an error code of Toss")
            )
        error = error_for(
            self.operation,
            self._without_secrets(code),
            self._without_secrets(message),
            http_status=answer.http_status,
            trace_id=self.trace_id,
        )
        if error is not None:
            raise self.failed(error)
        self.log(code)
        return None

    def read(
        self,
        answer: Answer,
        parse: Callable[[Mapping[str, Any], str | None], _Answered],
        *,
        same: Mapping[str, str] | None = None,
    ) -> _Answered:
        """Return what `parse` makes of the answer, if it repeats the ids in `same`."""
        try:
            content = toss_answers.json_object(answer.body)
            self.version = toss_answers.version_of(content)
            parsed: _Answered | str = parse(content, self.trace_id)
        except toss_answers.Unreadable as error:
            parsed = str(error)
        if isinstance(parsed, str):
            self._advise(parsed)
            raise self.failed(self._broken(f"missing or not as promised: {parsed}"))
        for name, value in (same or {}).items():
            if content[name] != value:
                raise self.failed(self._broken(f"{name} is not the one that was asked for"))
        self.order_id = self.order_id or getattr(parsed, "order_id", None)
        self.log()
        return parsed

    def read_list(
        self, answer: Answer, parse: Callable[[bytes], tuple[_Listed, ...]]
    ) -> tuple[_Listed, ...]:
        """Return what `parse` makes of a list."""
        try:
            lines = parse(answer.body)
        except toss_answers.Unreadable as error:
            self._advise(str(error))
            raise self.failed(self._broken(f"missing or not as promised: {error}")) from None
        self.log()
        return lines

    def failed(self, error: PaymentGatewayError) -> PaymentGatewayError:
        """Log the call as failed with `error`, and return it to be raised."""
        is_the_cards = not isinstance(error, RequestRejected | OutcomeUnknown)
        self.log(error.code, level=logging.INFO if is_the_cards else logging.WARNING)
        return error

    def log(self, code: str = "-", level: int = logging.INFO) -> None:
        logger.log(
            level,
            "toss %s order=%s http=%s code=%s trace=%s version=%s ms=%d",
            self.operation,
            self.order_id or "-",
            self.http_status or "-",
            code,
            self.trace_id or "-",
            self.version or "-",
            (time.monotonic() - self._started) * 1000,
        )

    def _advise(self, missing: str) -> None:
        logger.error(
            "toss %s: missing or not as promised: %s. Check the API version of this key pair in"
            " 개발자센터; this answer is of version %s.",
            self.operation,
            missing,
            self.version or "(not named)",
        )

    def _broken(self, message: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            "broken_answer", message, http_status=self.http_status, trace_id=self.trace_id
        )

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _headers(secret_key: str, test_code: str | None) -> dict[str, str]:
    headers = {
        "Authorization": f"Basic {_basic(secret_key)}",
        "Accept": "application/json",
        "User-Agent": "dalbit-shop",
    }
    return headers if test_code is None else {**headers, "TossPayments-Test-Code": test_code}


def _korean_time(moment: datetime) -> str:
    """Return an instant as lists are asked for: Korean time without an offset (contract 3.9)."""
    return moment.astimezone(_KST).strftime("%Y-%m-%dT%H:%M:%S")


def _basic(secret_key: str) -> str:
    return base64.b64encode(f"{secret_key}:".encode()).decode()


def _part(value: str) -> str:
    return quote(value, safe="")


def _charge_body(request: ChargeRequest) -> dict[str, Any]:
    """Return the body; an address over 100 characters is left out, as a cut one is another's."""
    body: dict[str, Any] = {
        "customerKey": request.customer_key,
        "amount": request.amount_won,
        "orderId": request.order_id,
        "orderName": request.order_name,
        "taxFreeAmount": request.tax_free_won,
    }
    if request.customer_name:
        body["customerName"] = request.customer_name[:_LONGEST_NAME]
    if 0 < len(request.customer_email) <= _LONGEST_NAME:
        body["customerEmail"] = request.customer_email
    return body


def _safe_trace_id(header: str) -> str | None:
    """Return the trace id, or both of a replay, without what could forge a line of the log."""
    return re.sub(r"[^\w.,:/+=-]", "", header, flags=re.ASCII)[:200] or None
