"""What each error code of Toss Payments says about the money (Toss contract, section 5).

The code decides, never the HTTP status alone: 400 holds passing and lasting refusals, and most
403 are declines. What this table does not know may have moved money.
"""

from enum import StrEnum

from gateways.payment import (
    AlreadyRequested,
    BillingKeyRejected,
    CardDeclined,
    Operation,
    OutcomeUnknown,
    PaymentGatewayError,
    RequestRejected,
    SessionEnded,
)


class Verdict(StrEnum):
    """One line of reading for each class of the contract; its class there is in brackets."""

    ABSENT = "the thing is not there: None for a look-up, a success for a deletion"
    DECLINED = "no money moved, another day may do [SOFT]"
    CARD_REFUSED = "no money moved, another card is needed [HARD, FIX]"
    SESSION_ENDED = "no money moved, a new start is needed [END]"
    OUR_MISTAKE = "no money moved, this request never will [CFG, permanent refusals of a cancel]"
    OUR_KEYS = "no money moved, the key pair or its contract is wrong for every request [CFG]"
    DONE_BEFORE = "look it up [OK-dup]"
    TRANSIENT = "not now; its key replays the refusal [RT with a 4xx]"
    UNKNOWN = "money may have moved [RT with a 5xx, and everything else]"


_EVERYWHERE: dict[Verdict, str] = {
    Verdict.DECLINED: """
        REJECT_CARD_PAYMENT REJECT_ACCOUNT_PAYMENT RESTRICTED_TRANSFER_ACCOUNT
        EXCEED_MAX_DAILY_PAYMENT_COUNT EXCEED_MAX_PAYMENT_AMOUNT EXCEED_MAX_AMOUNT
        EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT
        EXCEED_MAX_ONE_DAY_AMOUNT EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT EXCEED_UNKNOWN_CASE
    """,
    Verdict.CARD_REFUSED: """
        REJECT_CARD_COMPANY EXCEED_MAX_AUTH_COUNT
        INVALID_CARD INVALID_CARD_COMPANY INVALID_CARD_NUMBER INVALID_CARD_EXPIRATION
        INVALID_CARD_PASSWORD INVALID_CARD_IDENTITY INVALID_BIRTH_DAY_FORMAT INVALID_EMAIL
        INVALID_REJECT_CARD INVALID_STOPPED_CARD INVALID_CARD_LOST_OR_STOLEN
        NOT_SUPPORTED_CARD_TYPE NOT_REGISTERED_CARD_COMPANY
        ALREADY_REMOVED_BILLING_KEY INVALID_BILL_KEY_REQUEST
        USER_ACCOUNT_ON_HOLD INVALID_ACCOUNT_INFO_RE_REGISTER REJECT_TOSSPAY_INVALID_ACCOUNT
        INVALID_PASSWORD FDS_ERROR NOT_ALLOWED_POINT_USE
    """,
    Verdict.SESSION_ENDED: """
        NOT_FOUND_BILLING INVALID_BILLING_AUTH
        NOT_FOUND_PAYMENT_SESSION PAY_PROCESS_CANCELED PAY_PROCESS_ABORTED
    """,
    Verdict.OUR_MISTAKE: """
        NOT_MATCHES_CUSTOMER_KEY INVALID_CUSTOMER_KEY INVALID_IDEMPOTENCY_KEY INVALID_TEST_CODE
        INVALID_REQUEST INVALID_REQUIRED_PARAM INVALID_CURRENCY INVALID_ORDER_ID INVALID_ORDER_NAME
        REQUIRED_AMOUNT BELOW_MINIMUM_AMOUNT BELOW_ZERO_AMOUNT EXCEEDS_TRANSFER_AMOUNT_MAXIMUM
        INVALID_CARD_INSTALLMENT_PLAN INVALID_CARD_INSTALLMENT_AMOUNT
        EXCEED_MAX_CARD_INSTALLMENT_PLAN EXCEED_MIN_CARD_INSTALLMENT_PLAN
        NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN
        NOT_ALLOWED_INSTALLMENT_BELOW_AMOUNT
        FORBIDDEN_REQUEST NOT_FOUND_PAYMENT NOT_FOUND_HTTP_METHOD NOT_SUPPORTED_USD
        UNAPPROVED_ORDER_ID INVALID_PAYMENT_KEY
        INVALID_DATE INVALID_TRANSACTION_KEY INVALID_PAGING_KEY EXCEED_MAX_QUERY_LIMIT
        NOT_CANCELABLE_PAYMENT NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER
        NOT_MATCHES_REFUNDABLE_AMOUNT NOT_ALLOWED_PARTIAL_REFUND NOT_SUPPORTED_REFUND
        NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT NOT_ALLOWED_REFUND_BANK
        EXCEED_MAX_REFUND_DUE EXCEED_MAX_REFUND_AMOUNT EXCEED_CANCEL_LIMIT
        EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT INVALID_REFUND_AMOUNT
        REFUND_REJECTED FORBIDDEN_BANK_REFUND_REQUEST
        INVALID_BANK INVALID_REFUND_ACCOUNT_INFO INVALID_REFUND_ACCOUNT_NUMBER
    """,
    Verdict.OUR_KEYS: """
        UNAUTHORIZED_KEY INVALID_API_KEY INVALID_CLIENT_KEY INVALID_AUTHORIZE_AUTH
        INCORRECT_BASIC_AUTH_FORMAT API_VERSION_UPDATE_NEEDED
        NOT_SUPPORTED_METHOD NOT_SUPPORTED_PROCESS NOT_REGISTERED_BUSINESS NOT_FOUND_TERMINAL_ID
        INVALID_UNREGISTERED_SUBMALL NOT_FOUND_MERCHANT NOT_FOUND_MERCHANT_INTEGRATION
    """,
    Verdict.DONE_BEFORE: """
        DUPLICATED_ORDER_ID DUPLICATED_REQUEST ALREADY_PROCESSED_PAYMENT ALREADY_COMPLETED_PAYMENT
        ALREADY_CANCELED_PAYMENT ALREADY_REFUND_PAYMENT ALREADY_REFUNDING_PAYMENT
        NOT_CANCELABLE_AMOUNT
    """,
    Verdict.TRANSIENT: """
        PROVIDER_ERROR CARD_PROCESSING_ERROR NOT_AVAILABLE_BANK NOT_AVAILABLE_PAYMENT
        MAINTAINED_METHOD FORBIDDEN_CONSECUTIVE_REQUEST
    """,
    Verdict.UNKNOWN: """
        IDEMPOTENT_REQUEST_PROCESSING
        FAILED_INTERNAL_SYSTEM_PROCESSING FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING
        FAILED_DB_PROCESSING FAILED_METHOD_HANDLING FAILED_CARD_COMPANY_RESPONSE
        FAILED_BILLING_AUTO_CANCEL FAILED_HASH_DATA_CREATION FAILED_BILL_KEY_AUTH_CREATION
        FAILED_REFUND_PROCESS FAILED_METHOD_HANDLING_CANCEL FAILED_PARTIAL_REFUND
        COMMON_ERROR UNKNOWN_ERROR UNKNOWN_PAYMENT_ERROR
    """,
}

_EXCEPT: dict[Operation, dict[str, Verdict]] = {
    # Nothing is wrong with the card: the address is one of the things that we send.
    "charge": {"INVALID_EMAIL": Verdict.OUR_MISTAKE},
    # A visitor's browser names the payment: one made with another shop's key says this of itself.
    # In this window the customer also chooses the instalments.
    "confirm": {
        "INVALID_API_KEY": Verdict.OUR_MISTAKE,
        "INVALID_CARD_INSTALLMENT_PLAN": Verdict.CARD_REFUSED,
        "INVALID_CARD_INSTALLMENT_AMOUNT": Verdict.CARD_REFUSED,
        "EXCEED_MAX_CARD_INSTALLMENT_PLAN": Verdict.CARD_REFUSED,
        "EXCEED_MIN_CARD_INSTALLMENT_PLAN": Verdict.CARD_REFUSED,
        "NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT": Verdict.CARD_REFUSED,
        "NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN": Verdict.CARD_REFUSED,
        "NOT_ALLOWED_INSTALLMENT_BELOW_AMOUNT": Verdict.CARD_REFUSED,
    },
    # Here these speak of one payment or of deleting, not of the contract to charge.
    "cancel": {
        "NOT_SUPPORTED_METHOD": Verdict.OUR_MISTAKE,
        "NOT_SUPPORTED_PROCESS": Verdict.OUR_MISTAKE,
    },
    "find_payment": {"NOT_FOUND_PAYMENT": Verdict.ABSENT},
    "find_order": {"NOT_FOUND_PAYMENT": Verdict.ABSENT},
    "delete_billing_key": {
        "NOT_FOUND_BILLING": Verdict.ABSENT,
        "ALREADY_REMOVED_BILLING_KEY": Verdict.ABSENT,
        "NOT_SUPPORTED_METHOD": Verdict.OUR_MISTAKE,
        "NOT_SUPPORTED_PROCESS": Verdict.OUR_MISTAKE,
    },
}

CODES = {code: verdict for verdict, codes in _EVERYWHERE.items() for code in codes.split()}
"""Every documented code and what it says, where an operation has no reading of its own."""

_ABOUT_CARDS = {Verdict.DECLINED, Verdict.CARD_REFUSED, Verdict.SESSION_ENDED}
_UNDECIDED = {Verdict.DONE_BEFORE, Verdict.TRANSIENT, Verdict.UNKNOWN}
_NOT_NOW = {408, 409, 425, 429}


def verdict_on(operation: Operation, code: str, http_status: int) -> Verdict:
    """Return what Toss said with `code` about the money of `operation`.

    A refusal counts only in a received 4xx: with any other status it is not clear who spoke.
    """
    verdict = _EXCEPT.get(operation, {}).get(code) or CODES.get(code, Verdict.UNKNOWN)
    if not 400 <= http_status < 500:
        return Verdict.DONE_BEFORE if verdict is Verdict.DONE_BEFORE else Verdict.UNKNOWN
    if operation == "issue_billing_key" and verdict is Verdict.DECLINED:
        return Verdict.CARD_REFUSED
    if operation == "delete_billing_key":
        return _verdict_on_moneyless(verdict, code, http_status)
    if operation in ("issue_cash_receipt", "cancel_cash_receipt"):
        found = _verdict_on_moneyless(verdict, code, http_status)
        return Verdict.OUR_MISTAKE if found is Verdict.ABSENT else found
    if operation in ("cancel", "find_payment", "find_order") and verdict in _ABOUT_CARDS:
        return Verdict.UNKNOWN
    return verdict


def error_for(
    operation: Operation,
    code: str,
    message: str = "",
    *,
    http_status: int,
    trace_id: str | None = None,
) -> PaymentGatewayError | None:
    """Return the error that a refusal of Toss means, or None where it means "not there"."""
    match verdict_on(operation, code, http_status):
        case Verdict.ABSENT:
            return None
        case Verdict.DECLINED:
            return CardDeclined(code, message, http_status=http_status, trace_id=trace_id)
        case Verdict.CARD_REFUSED:
            return BillingKeyRejected(code, message, http_status=http_status, trace_id=trace_id)
        case Verdict.SESSION_ENDED:
            return SessionEnded(code, message, http_status=http_status, trace_id=trace_id)
        case Verdict.OUR_MISTAKE | Verdict.OUR_KEYS as verdict:
            return RequestRejected(
                code,
                message,
                http_status=http_status,
                trace_id=trace_id,
                key_pair=verdict is Verdict.OUR_KEYS,
            )
        case Verdict.DONE_BEFORE:
            return AlreadyRequested(code, message, http_status=http_status, trace_id=trace_id)
        case verdict:
            return OutcomeUnknown(
                code,
                message,
                http_status=http_status,
                trace_id=trace_id,
                transient=verdict is Verdict.TRANSIENT,
            )


def _verdict_on_moneyless(verdict: Verdict, code: str, http_status: int) -> Verdict:
    """No money is at stake: a plain refusal, of whatever code, is one that asking mends not."""
    if verdict in (Verdict.ABSENT, Verdict.OUR_KEYS):
        return verdict
    not_now = http_status in _NOT_NOW or (code in CODES and verdict in _UNDECIDED)
    return Verdict.UNKNOWN if not_now else Verdict.OUR_MISTAKE
