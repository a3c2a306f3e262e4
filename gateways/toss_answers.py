"""Toss's JSON, read into the contract's answers.

Both generations are understood: API version 2022-06-08 and before names the card company in
words, later ones by code. What is not known is passed over; what is missing is said by name.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from gateways import card_companies
from gateways.payment import (
    CancelAnswer,
    Card,
    CashReceiptAnswer,
    IssuedBillingKey,
    PaymentAnswer,
    Settlement,
    Transaction,
)
from rules.wording import N_

_KST = timezone(timedelta(hours=9))
_MOST_WON = 10**12
_LONGEST = 300
_KOREAN_METHODS = {
    "CARD": N_("카드"),
    "TRANSFER": N_("계좌이체"),
    "EASY_PAY": N_("간편결제"),
    "VIRTUAL_ACCOUNT": N_("가상계좌"),
    "MOBILE_PHONE": N_("휴대폰"),
}
"""The request's words for a method, in case an answer ever uses them; Toss answers in Korean."""


class Unreadable(Exception):
    """An answer that is not what the contract promises; the text names the field, no value."""


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`.

    :raises Unreadable: for anything else, and for a name that stands twice: it has two meanings.
    """
    try:
        value = json.loads(body, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unreadable("the body is not one JSON object")
    return value


def issued_billing_key(answer: Mapping[str, Any], trace_id: str | None) -> IssuedBillingKey:
    """Return the billing key that `answer` holds.

    :raises Unreadable: naming the field that is missing or of another type.
    """
    return IssuedBillingKey(
        billing_key=_text(answer, "billingKey"),
        customer_key=_text(answer, "customerKey"),
        method=_method(_text(answer, "method")),
        m_id=_text(answer, "mId"),
        card=_card_of_billing_key(answer) or _account(answer) or _wallet(answer),
        is_wallet=_wallet(answer) is not None,
        trace_id=trace_id,
    )


def payment(
    answer: Mapping[str, Any], trace_id: str | None, receipt_origin: str | None = None
) -> PaymentAnswer:
    """Return the payment that `answer` describes, whatever its state.

    A receipt link is kept only if it leads to Toss over https, or to `receipt_origin`.

    :raises Unreadable: naming the field that is missing or of another type.
    """
    method = _loose_text(answer.get("method"))
    card = _mapping(answer.get("card"))
    failure = _mapping(answer.get("failure")) or {}
    return PaymentAnswer(
        payment_key=_text(answer, "paymentKey"),
        order_id=_text(answer, "orderId"),
        type=_text(answer, "type"),
        status=_text(answer, "status"),
        method=None if method is None else _method(method),
        currency=_text(answer, "currency"),
        total_won=_won(answer, "totalAmount"),
        balance_won=_won(answer, "balanceAmount"),
        supplied_won=_won(answer, "suppliedAmount"),
        vat_won=_won(answer, "vat"),
        tax_free_won=_won(answer, "taxFreeAmount"),
        m_id=_text(answer, "mId"),
        version=version_of(answer),
        approved_at=_moment(answer, "approvedAt") if answer.get("approvedAt") else None,
        card=None if card is None else _card(card),
        approve_no=None if card is None else _loose_text(card.get("approveNo")),
        receipt_url=_receipt_url(answer, card, receipt_origin),
        last_transaction_key=_loose_text(
            answer.get("lastTransactionKey") or answer.get("transactionKey")
        ),
        is_partial_cancelable=answer.get("isPartialCancelable") is not False,
        cancels=_cancels(answer.get("cancels")),
        failure_code=_loose_text(failure.get("code")),
        failure_message=_loose_text(failure.get("message"), longest=510),
        trace_id=trace_id,
    )


def cash_receipt(answer: Mapping[str, Any], trace_id: str | None) -> CashReceiptAnswer:
    """Return the cash receipt, or its cancel, that `answer` describes.

    :raises Unreadable: naming the field that is missing or of another type.
    """
    url = answer.get("receiptUrl")
    return CashReceiptAnswer(
        receipt_key=_text(answer, "receiptKey"),
        issue_number=_loose_text(answer.get("issueNumber"), longest=20) or "",
        amount_won=_won({"amount": _absolute(answer.get("amount"))}, "amount"),
        status=_loose_text(answer.get("issueStatus"), longest=20) or "COMPLETED",
        receipt_url=url if _leads_to_toss(url) else None,
        trace_id=trace_id,
    )


def _leads_to_toss(url: object) -> bool:
    if not isinstance(url, str) or not url.isascii() or len(url) > 500:
        return False
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return url.startswith("https://") and host.endswith(".tosspayments.com")


def transactions(body: bytes) -> tuple[Transaction, ...]:
    """Return the lines of a transaction list.

    :raises Unreadable: naming the field that is missing or of another type.
    """
    return tuple(
        Transaction(
            transaction_key=_text(line, "transactionKey"),
            payment_key=_text(line, "paymentKey"),
            order_id=_text(line, "orderId"),
            status=_text(line, "status"),
            amount_won=_won({"amount": _absolute(line.get("amount"))}, "amount"),
            at=_moment(line, "transactionAt"),
        )
        for line in _json_objects(body)
    )


def settlements(body: bytes) -> tuple[Settlement, ...]:
    """Return the lines of a settlement list.

    :raises Unreadable: naming the field that is missing or of another type.
    """
    return tuple(_settlement(line) for line in _json_objects(body))


def _settlement(line: Mapping[str, Any]) -> Settlement:
    """Read one line; its fee is what is taxed and the tax: how it is made up has changed before."""
    if line.get("currency", "KRW") != "KRW":
        raise Unreadable("currency")
    vat_won = _signed_won(line, "vat")
    return Settlement(
        transaction_key=_text(line, "transactionKey"),
        payment_key=_text(line, "paymentKey"),
        order_id=_text(line, "orderId"),
        m_id=_text(line, "mId"),
        amount_won=_signed_won(line, "amount"),
        fee_won=_signed_won(line, "supplyAmount") + vat_won,
        fee_vat_won=vat_won,
        pay_out_won=_signed_won(line, "payOutAmount"),
        sold_on=_day(line, "soldDate"),
        paid_out_on=_day(line, "paidOutDate"),
    )


def version_of(answer: Mapping[str, Any]) -> str | None:
    """Return the API version that the answer names; a billing key names none."""
    return _loose_text(answer.get("version"), longest=20)


def error_code_and_message(body: bytes) -> tuple[str | None, str]:
    """Return the code and the message of an error body; no code where there is none to trust."""
    try:
        answer = json_object(body)
    except Unreadable:
        return None, ""
    code = answer.get("code")
    if not isinstance(code, str) or not code.isascii() or not code.replace("_", "").isalnum():
        return None, ""
    message = _loose_text(answer.get("message"), longest=510)
    return code[:100], message or ""


def _json_objects(body: bytes) -> list[dict[str, Any]]:
    try:
        lines = json.loads(body)
    except (ValueError, RecursionError):
        lines = None
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise Unreadable("the body is not a list of JSON objects")
    return lines


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST or not value.isprintable():
        raise Unreadable(name)
    return value


def _won(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    if type(value) is not int or not 0 <= value <= _MOST_WON:
        raise Unreadable(name)
    return value


def _signed_won(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    if type(value) is not int or abs(value) > _MOST_WON:
        raise Unreadable(name)
    return value


def _absolute(value: object) -> object:
    """Return a number without its sign: a list may write what went back either way."""
    return abs(value) if type(value) is int else value


def _moment(answer: Mapping[str, Any], name: str) -> datetime:
    """Return the instant; without an offset it is Korean time, as in Toss's webhooks."""
    try:
        moment = datetime.fromisoformat(_text(answer, name))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=_KST)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(name) from None


def _day(answer: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(_text(answer, name))
    except ValueError:
        raise Unreadable(name) from None


def _loose_text(value: object, longest: int = _LONGEST) -> str | None:
    """Return a text that nothing depends on, without what a database or a log cannot bear."""
    if not isinstance(value, str):
        return None
    if not value.isprintable():
        value = "".join(filter(str.isprintable, value))
    return value[:longest] or None


def _mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _method(method: str) -> str:
    return _KOREAN_METHODS.get(method, method)


def _card_of_billing_key(answer: Mapping[str, Any]) -> Card | None:
    card = _mapping(answer.get("card")) or {}
    number = card.get("number") or answer.get("cardNumber")
    company = card.get("company") or answer.get("cardCompany")
    if not card and not number:
        return None
    return _card({**card, "number": number, "company": company})


def _account(answer: Mapping[str, Any]) -> Card | None:
    """Return the bank account of a billing key for transfers (Toss contract 3.11)."""
    transfers = answer.get("transfers")
    account = _mapping(transfers[0]) if isinstance(transfers, list) and transfers else None
    if account is None:
        return None
    return Card(
        number=_loose_text(account.get("bankAccountNumber"), longest=30) or "",
        issuer_name=card_companies.account_at(_loose_text(account.get("bankName"), longest=20)),
    )


def _wallet(answer: Mapping[str, Any]) -> Card | None:
    """Return the wallet of a billing key; its shape is not promised, a bare name occurs too."""
    easy_pay = answer.get("easyPay")
    provider = easy_pay.get("provider") if isinstance(easy_pay, dict) else easy_pay
    name = _loose_text(provider, longest=20)
    return Card(number="", issuer_name=name) if name else None


def _card(card: Mapping[str, Any]) -> Card:
    issuer_code = _loose_text(card.get("issuerCode"), longest=10)
    return Card(
        number=_loose_text(card.get("number"), longest=30) or "",
        issuer_code=issuer_code,
        issuer_name=card_companies.name_of(
            issuer_code, _loose_text(card.get("company"), longest=30)
        ),
        card_type=_loose_text(card.get("cardType"), longest=20),
        owner_type=_loose_text(card.get("ownerType"), longest=20),
    )


def _cancels(value: object) -> tuple[CancelAnswer, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(cancel, dict) for cancel in value):
        raise Unreadable("cancels")
    return tuple(_cancel(cancel) for cancel in value)


def _cancel(cancel: Mapping[str, Any]) -> CancelAnswer:
    try:
        return CancelAnswer(
            transaction_key=_text(cancel, "transactionKey"),
            amount_won=_won(cancel, "cancelAmount"),
            tax_free_won=_won({"taxFreeAmount": 0, **cancel}, "taxFreeAmount"),
            balance_won=_won(cancel, "refundableAmount"),
            reason=_loose_text(cancel.get("cancelReason")) or "",
            status=_loose_text(cancel.get("cancelStatus")) or "DONE",
            canceled_at=_moment(cancel, "canceledAt"),
        )
    except Unreadable as error:
        raise Unreadable(f"cancels[].{error}") from None


def _receipt_url(
    answer: Mapping[str, Any], card: Mapping[str, Any] | None, receipt_origin: str | None
) -> str | None:
    receipt = _mapping(answer.get("receipt")) or {}
    url = receipt.get("url") or (card or {}).get("receiptUrl")
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or len(url) > 500:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    of_toss = parts.scheme == "https" and host.endswith(".tosspayments.com") and port in (None, 443)
    of_base = f"{parts.scheme}://{parts.netloc}" == receipt_origin
    is_plain = "@" not in parts.netloc and "\\" not in url and " " not in url
    return url if is_plain and (of_toss or of_base) else None
