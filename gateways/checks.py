"""What a gateway refuses to send: a mistake of ours that is found before any money can move."""

import re

from gateways.payment import (
    BillingKeyRejected,
    CancelRequest,
    CashReceiptRequest,
    ChargeRequest,
    ConfirmRequest,
    IssueRequest,
    RequestRejected,
)

CODE = "invalid_request"
"""The code of a request that was never sent."""

_CUSTOMER_KEY = re.compile(r"[A-Za-z0-9_\-=.@]{2,50}")
_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
_IDENTITY_NUMBER = re.compile(r"[0-9]{10,19}")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,300}")
_PATH_PART = re.compile(r"(?!\.{1,2}$)[!-~]{1,200}")


def check_issue(request: IssueRequest) -> None:
    """Refuse an auth key or customer key that no card window can have given.

    :raises BillingKeyRejected: for the auth key, which comes from the customer's browser.
    :raises RequestRejected: for all else.
    """
    if not isinstance(request.auth_key, str) or not 1 <= len(request.auth_key) <= 300:
        raise BillingKeyRejected(CODE, "authKey must have 1 to 300 characters")
    _check_text("customerKey", request.customer_key, _CUSTOMER_KEY)
    _check_text("Idempotency-Key", request.idempotency_key, _IDEMPOTENCY_KEY)


def check_charge(request: ChargeRequest) -> None:
    """Refuse a charge that Toss would refuse for its form.

    :raises RequestRejected: naming the field, never its value.
    """
    _check_text("billingKey", request.billing_key, _PATH_PART)
    _check_text("customerKey", request.customer_key, _CUSTOMER_KEY)
    _check_text("orderId", request.order_id, _ORDER_ID)
    _check_text("Idempotency-Key", request.idempotency_key, _IDEMPOTENCY_KEY)
    _check_won("amount", request.amount_won, least=1)
    _check_won("taxFreeAmount", request.tax_free_won, most=request.amount_won)
    if not isinstance(request.order_name, str) or not 1 <= len(request.order_name) <= 100:
        raise RequestRejected(CODE, "orderName must have 1 to 100 characters")


def check_confirm(request: ConfirmRequest) -> None:
    """Refuse a confirmation that Toss would refuse for its form.

    :raises RequestRejected: naming the field, never its value.
    """
    check_payment_key(request.payment_key)
    check_order_id(request.order_id)
    _check_text("Idempotency-Key", request.idempotency_key, _IDEMPOTENCY_KEY)
    _check_won("amount", request.amount_won, least=1)


def check_cancel(request: CancelRequest) -> None:
    """Refuse a cancel that Toss would refuse for its form.

    :raises RequestRejected: naming the field, never its value.
    """
    check_payment_key(request.payment_key)
    _check_text("Idempotency-Key", request.idempotency_key, _IDEMPOTENCY_KEY)
    _check_won("refundableAmount", request.refundable_won)
    _check_won("cancelAmount", request.amount_won, least=1)
    _check_won("taxFreeAmount", request.tax_free_won, most=request.amount_won)
    if not isinstance(request.reason, str) or not 1 <= len(request.reason) <= 200:
        raise RequestRejected(CODE, "cancelReason must have 1 to 200 characters")


def check_cash_receipt(request: CashReceiptRequest) -> None:
    """Refuse a cash receipt that Toss would refuse for its form.

    :raises RequestRejected: naming the field, never its value.
    """
    _check_text("orderId", request.order_id, _ORDER_ID)
    _check_text("Idempotency-Key", request.idempotency_key, _IDEMPOTENCY_KEY)
    _check_text("customerIdentityNumber", request.identity_number, _IDENTITY_NUMBER)
    _check_won("amount", request.amount_won, least=1)
    _check_won("taxFreeAmount", request.tax_free_won, most=request.amount_won)
    if request.type not in ("소득공제", "지출증빙"):
        raise RequestRejected(CODE, "type must be 소득공제 or 지출증빙")


def check_cash_receipt_cancel(receipt_key: str, amount_won: int, idempotency_key: str) -> None:
    """Refuse a cancel that Toss would refuse for its form.

    :raises RequestRejected: naming the field, never its value.
    """
    _check_text("receiptKey", receipt_key, _PATH_PART)
    _check_text("Idempotency-Key", idempotency_key, _IDEMPOTENCY_KEY)
    _check_won("amount", amount_won, least=1)


def check_payment_key(payment_key: str) -> None:
    """:raises RequestRejected: for what cannot be one part of a path."""
    _check_text("paymentKey", payment_key, _PATH_PART)


def check_order_id(order_id: str) -> None:
    """:raises RequestRejected: for what Toss takes for no order id."""
    _check_text("orderId", order_id, _ORDER_ID)


def check_billing_key(billing_key: str) -> None:
    """:raises RequestRejected: for what cannot be one part of a path."""
    _check_text("billingKey", billing_key, _PATH_PART)


def _check_text(name: str, value: object, pattern: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RequestRejected(CODE, f"{name} does not have the form that Toss asks for")


def _check_won(name: str, value: object, *, least: int = 0, most: int | None = None) -> None:
    if type(value) is not int or value < least or (most is not None and value > most):
        raise RequestRejected(CODE, f"{name} must be a whole number of won within its bounds")
