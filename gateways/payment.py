"""The contract of a payment gateway: its calls, what they answer, and what they raise.

Every call that moves money answers one question first: did it move?

    PaymentGatewayError(code, message)
    ├── CardDeclined         no; the same card may work on another day
    ├── BillingKeyRejected   no; this card, key or registration never will
    │   └── SessionEnded         what was done in the window counts no more: a new start
    ├── RequestRejected      no; our mistake, our keys or our contract
    └── OutcomeUnknown       perhaps: a timeout, a 5xx, a broken or unclear answer
        └── AlreadyRequested     the gateway knows this order or request already: look it up

Amounts are whole won, VAT included. Instants are aware UTC datetimes.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

Operation = Literal[
    "issue_billing_key",
    "charge",
    "confirm",
    "cancel",
    "find_payment",
    "find_order",
    "delete_billing_key",
    "transactions",
    "settlements",
    "issue_cash_receipt",
    "cancel_cash_receipt",
]
"""The name of a call: that of its method."""

SettlementDay = Literal["sold", "paid_out"]
"""Which day of a settlement a question is about: that of the sale, or that of the pay-out."""


class PaymentGatewayError(Exception):
    """A call that did not end in the answer it asked for.

    `code` is the gateway's own code, or one of ours in lower case where no answer could be read
    (`timeout`, `connection`, `broken_answer`). The text is safe to log: it holds no key.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        http_status: int | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.http_status = http_status
        self.trace_id = trace_id


class CardDeclined(PaymentGatewayError):
    """Money did not move; the same card may work on another day."""


class BillingKeyRejected(PaymentGatewayError):
    """Money did not move; this card, billing key or registration will not do."""


class SessionEnded(BillingKeyRejected):
    """Money did not move; what the customer did in the window is used, too old, or was given up.

    Nothing is said of the card: the same one may do in a new window.
    """


class RequestRejected(PaymentGatewayError):
    """Money did not move; our mistake, our keys or our contract, never the customer's fault."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        http_status: int | None = None,
        trace_id: str | None = None,
        key_pair: bool = False,
    ) -> None:
        super().__init__(code, message, http_status=http_status, trace_id=trace_id)
        self.key_pair = key_pair
        """True where the code speaks of the key pair or its contract: every call fails alike."""


class OutcomeUnknown(PaymentGatewayError):
    """Money may have moved: only a look-up may decide, and only the same request may be resent."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        http_status: int | None = None,
        trace_id: str | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(code, message, http_status=http_status, trace_id=trace_id)
        self.transient = transient
        """True for a received 4xx that the contract calls transient: its idempotency key replays
        the refusal, so a later sending needs a new key under the same order id."""


class AlreadyRequested(OutcomeUnknown):
    """The gateway says that this order or request was done before: look it up."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card, account or wallet as the gateway describes it; `number` is masked, shown as it is.

    Of an account `issuer_name` is the bank, of a wallet its own name, which may have no number.
    """

    number: str
    issuer_code: str | None = None
    issuer_name: str = "카드"
    card_type: str | None = None
    owner_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class IssueRequest:
    """Exchange a one-time auth key for a billing key; the idempotency key is stored beforehand."""

    auth_key: str = field(repr=False)
    customer_key: str = field(repr=False)
    idempotency_key: str


@dataclass(frozen=True, kw_only=True)
class IssuedBillingKey:
    """The right to charge a stored card, account or wallet; it cannot be looked up again."""

    billing_key: str = field(repr=False)
    customer_key: str = field(repr=False)
    method: str
    m_id: str
    card: Card | None
    is_wallet: bool = False
    trace_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """One sending of one payment attempt; a repeat has the same values to the last character."""

    billing_key: str = field(repr=False)
    customer_key: str = field(repr=False)
    order_id: str
    order_name: str
    amount_won: int
    tax_free_won: int
    customer_name: str = field(repr=False)
    customer_email: str = field(repr=False)
    idempotency_key: str


@dataclass(frozen=True, kw_only=True)
class ConfirmRequest:
    """Confirm a one-time payment that the customer authenticated at most ten minutes ago."""

    payment_key: str
    order_id: str
    amount_won: int
    idempotency_key: str


@dataclass(frozen=True, kw_only=True)
class CancelRequest:
    """Give back `amount_won` of a payment whose balance is believed to be `refundable_won`."""

    payment_key: str
    amount_won: int
    tax_free_won: int
    refundable_won: int
    reason: str
    idempotency_key: str


@dataclass(frozen=True, kw_only=True)
class CashReceiptRequest:
    """Ask for the cash receipt (현금영수증) of a bank transfer; moves no money.

    `type` is 소득공제 or 지출증빙, `identity_number` a phone, card or business number.
    """

    order_id: str
    order_name: str
    amount_won: int
    tax_free_won: int
    type: str
    identity_number: str = field(repr=False)
    idempotency_key: str


@dataclass(frozen=True, kw_only=True)
class CashReceiptAnswer:
    """A cash receipt, or the cancel of one; `issue_number` is the tax office's."""

    receipt_key: str
    issue_number: str
    amount_won: int
    status: str
    receipt_url: str | None = None
    trace_id: str | None = None

    @property
    def has_failed(self) -> bool:
        """Test whether the tax office refused it."""
        return self.status == "FAILED"


@dataclass(frozen=True, kw_only=True)
class CancelAnswer:
    """One cancel of a payment."""

    transaction_key: str
    amount_won: int
    tax_free_won: int
    balance_won: int
    reason: str
    status: str
    canceled_at: datetime


@dataclass(frozen=True, kw_only=True)
class PaymentAnswer:
    """A payment as the gateway knows it now.

    `supplied_won`, `vat_won` and `tax_free_won` shrink with each cancel, `total_won` does not.
    """

    payment_key: str
    order_id: str
    type: str
    status: str
    method: str | None
    currency: str
    total_won: int
    balance_won: int
    supplied_won: int
    vat_won: int
    tax_free_won: int
    m_id: str
    version: str | None
    approved_at: datetime | None
    card: Card | None = None
    approve_no: str | None = None
    receipt_url: str | None = None
    last_transaction_key: str | None = None
    is_partial_cancelable: bool = True
    cancels: tuple[CancelAnswer, ...] = ()
    failure_code: str | None = None
    failure_message: str | None = None
    trace_id: str | None = None

    @property
    def is_done(self) -> bool:
        """Test whether the money moved and none of it went back."""
        return self.status == "DONE"

    @property
    def is_canceled(self) -> bool:
        """Test whether the money moved and some or all of it went back."""
        return self.status in ("CANCELED", "PARTIAL_CANCELED")

    @property
    def is_failed(self) -> bool:
        """Test whether the gateway says for certain that no money moved."""
        return self.status in ("ABORTED", "EXPIRED")

    @property
    def held_won(self) -> int:
        """Return what the gateway holds of it now: what moved, without what went back."""
        return self.balance_won if self.status in ("DONE", "PARTIAL_CANCELED") else 0

    def differences(
        self, *, order_id: str, amount_won: int, tax_free_won: int, type: str, method: str | None
    ) -> tuple[str, ...]:
        """Return what this answer says otherwise than was asked, as `name: expected != answered`.

        Without a `method` that is not compared: how Toss names a wallet's payments is not promised.
        Toss contract, section 0 rule 13: nothing is paid before these are compared.
        """
        expected = {
            "orderId": (order_id, self.order_id),
            "totalAmount": (amount_won, self.total_won),
            "currency": ("KRW", self.currency),
            "type": (type, self.type),
        }
        if method is not None:
            expected["method"] = (method, self.method)
        found = [
            f"{name}: {ours} != {theirs}"
            for name, (ours, theirs) in expected.items()
            if ours != theirs
        ]
        if self.is_done and self.tax_free_won != tax_free_won:
            found.append(f"taxFreeAmount: {tax_free_won} != {self.tax_free_won}")
        if method == "카드" and self.card is None:
            found.append("card: missing")
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """One line of the gateway's own list: money that came, or (`is_cancel`) went back."""

    transaction_key: str
    payment_key: str
    order_id: str
    status: str
    amount_won: int
    at: datetime

    @property
    def is_cancel(self) -> bool:
        """Test whether this line gave money back."""
        return self.status in ("CANCELED", "PARTIAL_CANCELED")


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """One line of what the gateway pays out: a sale, or what went back of one, all below zero.

    `fee_won` includes its VAT, `fee_vat_won`. The days are Korean: by `sold_on` the gateway counts
    the sale, on `paid_out_on` the money comes, or came.
    """

    transaction_key: str
    payment_key: str
    order_id: str
    m_id: str
    amount_won: int
    fee_won: int
    fee_vat_won: int
    pay_out_won: int
    sold_on: date
    paid_out_on: date

    @property
    def is_cancel(self) -> bool:
        """Test whether this line takes back what a sale brought."""
        return self.amount_won < 0


class PaymentGateway(Protocol):
    """What the shop asks of a payment provider. Every call may take `timeout_seconds`."""

    key_pair: str
    """Which pair of keys this gateway speaks with: `billing` or `pass`."""
    secret_fingerprint: str
    """A short one-way fingerprint of the secret key, to be stored with what was made with it."""
    timeout_seconds: float
    """The longest that one call may take before it raises `OutcomeUnknown`."""

    def issue_billing_key(self, request: IssueRequest) -> IssuedBillingKey:
        """Exchange an auth key for a billing key (Toss contract 3.1); moves no money.

        :raises SessionEnded: the registration is used, too old, or never was.
        :raises BillingKeyRejected: the card is refused.
        :raises RequestRejected: our keys or our contract.
        :raises OutcomeUnknown: ask again with the same request.
        """
        ...

    def charge(self, request: ChargeRequest) -> PaymentAnswer:
        """Charge a billing key (Toss contract 3.4).

        The answer is returned as Toss gave it: compare it with `PaymentAnswer.differences` first.

        :raises CardDeclined: no money moved, another day may do.
        :raises BillingKeyRejected: no money moved, another card is needed.
        :raises RequestRejected: no money moved, the merchant must act.
        :raises OutcomeUnknown: look the order up.
        """
        ...

    def confirm(self, request: ConfirmRequest) -> PaymentAnswer:
        """Take the money of a one-time payment (Toss contract 3.6); raises as `charge` does.

        The answer is returned as Toss gave it: compare it with `PaymentAnswer.differences` first.
        A wallet's payment has no card.

        :raises SessionEnded: no money moved by this request; ten minutes have passed, or the
            window came to nothing. Of a repeat it proves nothing about the first: look it up.
        """
        ...

    def cancel(self, request: CancelRequest) -> PaymentAnswer:
        """Give money back (Toss contract 3.8).

        :raises RequestRejected: nothing moved and this request never will.
        :raises OutcomeUnknown: look the payment up.
        """
        ...

    def find_payment(self, payment_key: str) -> PaymentAnswer | None:
        """Return the payment with this key, or None where the gateway knows none.

        :raises OutcomeUnknown: no answer could be had; ask later.
        :raises RequestRejected: our keys.
        """
        ...

    def find_order(self, order_id: str) -> PaymentAnswer | None:
        """Return the payment of this order, or None where the gateway knows none.

        None never means that a request still on its way has failed.

        :raises OutcomeUnknown: no answer could be had; ask later.
        :raises RequestRejected: our keys.
        """
        ...

    def delete_billing_key(self, billing_key: str) -> None:
        """Delete a billing key (Toss contract 3.5); one that is gone already is a success.

        :raises RequestRejected: the gateway refuses to delete; stop charging it is what matters.
        :raises OutcomeUnknown: ask again later.
        """
        ...

    def issue_cash_receipt(self, request: CashReceiptRequest) -> CashReceiptAnswer:
        """Issue a cash receipt; repeating the same request issues no second one.

        :raises RequestRejected: refused for good, such as for a number that is none; or our keys.
        :raises OutcomeUnknown: ask again with the same request.
        """
        ...

    def cancel_cash_receipt(
        self, receipt_key: str, amount_won: int, *, idempotency_key: str
    ) -> CashReceiptAnswer:
        """Cancel `amount_won` of a receipt whose payment went back; raises as issuing does."""
        ...

    def transactions(
        self, start: datetime, end: datetime, *, after: str | None, limit: int
    ) -> tuple[Transaction, ...]:
        """Return a page of what moved from `start` to `end`, oldest first (Toss contract 3.9).

        `after` is the transaction key of the last line of the page before.

        :raises RequestRejected: our keys.
        :raises OutcomeUnknown: no answer could be had; ask later.
        """
        ...

    def settlements(
        self, start_on: date, end_on: date, *, by: SettlementDay, page: int, limit: int
    ) -> tuple[Settlement, ...]:
        """Return page `page`, from 1, of the settlements of these days (Toss contract 3.10).

        Both days are whole, and Korean. A page that is not full is the last.

        :raises RequestRejected: our keys.
        :raises OutcomeUnknown: no answer could be had; ask later.
        """
        ...
