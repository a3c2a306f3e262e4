"""Write Toss's objects in the shape of the API version in use."""

import sqlite3
from datetime import datetime

from flask import request

from sandbox.cards import BY_VALUE, Card
from sandbox.errors import CODES
from sandbox.settling import fee_of, paid_out_on
from sandbox.state import sandbox
from sandbox.won import vat_of

Row = sqlite3.Row
Shape = dict[str, object]

_NO_CARD = Card("", "", "", "", "", "", way="NONE")
_NUMERIC_CARD_CODES_SINCE = "2022-11-16"
_NO_TOP_LEVEL_CARD_SINCE = "2024-06-01"


def billing(row: Row) -> Shape:
    """Return the Billing object of an issued key."""
    card = BY_VALUE[row["card"]]
    shape = {
        "mId": row["merchant_id"],
        "customerKey": row["customer_key"],
        "authenticatedAt": row["issued_at"],
        "method": _method(card),
        "billingKey": row["billing_key"],
        "card": None,
        "transfers": None,
        "easyPay": {"provider": card.company} if card.is_wallet else None,
    }
    if card.way == "CARD":
        shape["card"] = {
            **_companies(card),
            "number": card.number,
            "cardType": card.card_type,
            "ownerType": card.owner_type,
        }
    if card.way == "TRANSFER":
        shape["transfers"] = [{"bankName": card.company, "bankAccountNumber": card.number}]
    if card.way == "CARD" and sandbox().api_version < _NO_TOP_LEVEL_CARD_SINCE:
        shape |= {"cardCompany": card.company, "cardNumber": card.number}
    return shape


def payment(row: Row, cancels: list[Row]) -> Shape:
    """Return the Payment object; every cancel has shrunk its sums, save the total.

    One that was not authenticated has no card yet.
    """
    card = BY_VALUE.get(row["card"], _NO_CARD)
    tax_free, exemption = row["tax_free_amount"], row["tax_exemption_amount"]
    vat = vat_of(row["balance_amount"], tax_free, exemption)
    shape = {
        "mId": row["merchant_id"],
        "lastTransactionKey": row["last_transaction_key"] or None,
        "paymentKey": row["payment_key"],
        "orderId": row["order_id"],
        "orderName": row["order_name"],
        "taxExemptionAmount": exemption,
        "status": row["status"],
        "requestedAt": row["requested_at"],
        "approvedAt": row["approved_at"] or None,
        "useEscrow": False,
        "cultureExpense": False,
        "card": _card_of(row) if card.is_card else None,
        "virtualAccount": None,
        "transfer": _transfer(card) if card.way == "TRANSFER" else None,
        "mobilePhone": None,
        "giftCertificate": None,
        "cashReceipt": None,
        "cashReceipts": None,
        "discount": None,
        "cancels": [_cancel(cancel) for cancel in cancels] or None,
        "secret": row["secret"],
        "type": row["type"],
        "easyPay": _easy_pay(card, row) if card.is_wallet else None,
        "country": card.country,
        "failure": _failure(row) if row["status"] == "ABORTED" else None,
        "isPartialCancelable": exemption == 0,
        "receipt": {"url": _receipt_url(row)} if row["approved_at"] else None,
        "checkout": {"url": f"{request.host_url}v1/payments/{row['payment_key']}/checkout"},
        "currency": "KRW",
        "totalAmount": row["total_amount"],
        "balanceAmount": row["balance_amount"],
        "suppliedAmount": row["balance_amount"] - vat - tax_free - exemption,
        "vat": vat,
        "taxFreeAmount": tax_free,
        "method": None if card is _NO_CARD else _method(card),
        "version": sandbox().api_version,
        "metadata": None,
    }
    if _is_old_generation():
        shape["transactionKey"] = row["last_transaction_key"]
    return shape


def transaction(row: Row) -> Shape:
    """Return the Transaction object of one approval or one cancel."""
    return {
        "mId": row["merchant_id"],
        "transactionKey": row["transaction_key"],
        "paymentKey": row["payment_key"],
        "orderId": row["order_id"],
        "method": _method(BY_VALUE[row["card"]]),
        "customerKey": row["customer_key"],
        "useEscrow": False,
        "receiptUrl": _receipt_url(row),
        "status": row["status"],
        "transactionAt": row["transaction_at"],
        "currency": "KRW",
        "amount": row["amount"],
    }


def settlement(row: Row) -> Shape:
    """Return the Settlement object of one approval or one cancel, which is below zero."""
    card = BY_VALUE[row["card"]]
    is_cancel = row["cancel_amount"] is not None
    sign = -1 if is_cancel else 1
    fee = fee_of(row["amount"], card.way)
    sold_on = datetime.fromisoformat(row["transaction_at"]).date()
    shape = {
        "mId": row["merchant_id"],
        "paymentKey": row["payment_key"],
        "transactionKey": row["transaction_key"],
        "orderId": row["order_id"],
        "currency": "KRW",
        "method": _method(card),
        "fees": [{"type": "BASE", "fee": sign * fee.whole}],
        "approvedAt": row["approved_at"],
        "soldDate": sold_on.isoformat(),
        "paidOutDate": paid_out_on(sold_on).isoformat(),
        "card": _card_of(row) if card.is_card else None,
        "virtualAccount": None,
        "transfer": _transfer(card) if card.way == "TRANSFER" else None,
        "mobilePhone": None,
        "giftCertificate": None,
        "easyPay": _easy_pay(card, row) if card.is_wallet else None,
        "cancel": _cancel(row) if is_cancel else None,
        "amount": sign * row["amount"],
        "interestFee": 0,
        "fee": sign * fee.whole,
        "supplyAmount": sign * fee.supply,
        "vat": sign * fee.vat,
        "payOutAmount": sign * (row["amount"] - fee.whole),
    }
    if _is_old_generation():
        del shape["fees"]
    return shape


def _method(card: Card) -> str:
    if card.is_wallet:
        return "간편결제"
    return "계좌이체" if card.way == "TRANSFER" else "카드"


def _transfer(card: Card) -> Shape:
    return {"bankCode": card.issuer_code, "settlementStatus": "INCOMPLETED"}


def _easy_pay(card: Card, row: Row) -> Shape:
    return {"provider": card.company, "amount": row["total_amount"], "discountAmount": 0}


def _card_of(row: Row) -> Shape:
    card = BY_VALUE[row["card"]]
    shape = {
        **_companies(card),
        "number": card.number,
        "installmentPlanMonths": row["installment_months"],
        "isInterestFree": False,
        "interestPayer": None,
        "approveNo": "00000000" if row["approved_at"] else None,
        "useCardPoint": False,
        "cardType": card.card_type,
        "ownerType": card.owner_type,
        "acquireStatus": "READY" if row["balance_amount"] else "CANCELED",
        "amount": row["total_amount"],
    }
    if _is_old_generation():
        shape["receiptUrl"] = _receipt_url(row)
    return shape


def _failure(row: Row) -> Shape:
    window = sandbox().ledger.one(
        "SELECT fail_code FROM payment_windows WHERE payment_key = ?", row["payment_key"]
    )
    assert window is not None
    return {"code": window["fail_code"], "message": CODES[window["fail_code"]][1]}


def _cancel(row: Row) -> Shape:
    return {
        "transactionKey": row["transaction_key"],
        "cancelReason": row["cancel_reason"],
        "taxExemptionAmount": row["tax_exemption_amount"],
        "canceledAt": row["canceled_at"],
        "cardDiscountAmount": 0,
        "transferDiscountAmount": 0,
        "easyPayDiscountAmount": 0,
        "receiptKey": None,
        "cancelStatus": "DONE",
        "cancelRequestId": None,
        "cancelAmount": row["cancel_amount"],
        "taxFreeAmount": row["tax_free_amount"],
        "refundableAmount": row["refundable_amount"],
    }


def _companies(card: Card) -> Shape:
    if _is_old_generation():
        return {"company": card.company}
    return {"issuerCode": card.issuer_code, "acquirerCode": card.acquirer}


def _is_old_generation() -> bool:
    return sandbox().api_version < _NUMERIC_CARD_CODES_SINCE


def _receipt_url(row: Row) -> str:
    return f"{request.host_url}receipt/redirection?transactionId={row['payment_key']}&ref=PX"
