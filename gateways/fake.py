"""A payment gateway in memory: Toss's behaviour without a network, for tests.

    gateway = FakeGateway()
    auth_key = gateway.register(customer_key)                     # the customer in the card window
    payment_key = gateway.authenticate(order_id, 5900)            # the same, in that to pay once
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    gateway.lose_next("charge")            # executed, but the answer never arrives
    gateway.lose_before("charge")          # never executed, and nobody knows
    gateway.answer_next("charge", total_won=1)

What was queued is used up call by call, first in, first out. `on_call(operation, request)` is
called at the start of every call, outside the lock, so that it may look around or wait.
"""

import copy
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateways import checks
from gateways.payment import (
    AlreadyRequested,
    BillingKeyRejected,
    CancelAnswer,
    CancelRequest,
    Card,
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
    SessionEnded,
    Settlement,
    SettlementDay,
    Transaction,
)
from rules.periods import seoul_date
from rules.won import vat_included

CARD = Card(
    number="94100012****789*",
    issuer_code="21",
    issuer_name="하나",
    card_type="신용",
    owner_type="개인",
)

CONFIRM_WITHIN = timedelta(minutes=10)
"""How long an authenticated payment waits for its confirmation (Toss contract, section 9)."""

_WINDOW_OPEN_FOR = timedelta(minutes=30)
_LEAST_WON = 100
_FEE_PERCENT = 3
_DAYS_TO_PAY_OUT = 5


@dataclass
class StoredBillingKey:
    """A billing key as the gateway remembers it."""

    billing_key: str = field(repr=False)
    customer_key: str = field(repr=False)
    method: str
    card: Card | None
    is_wallet: bool = False
    is_deleted: bool = False


@dataclass
class _Registration:
    customer_key: str
    method: str
    card: Card | None
    is_wallet: bool = False


@dataclass
class _Session:
    """A window to pay once: open, then authenticated or come to nothing."""

    payment_key: str
    order_id: str
    amount_won: int
    tax_free_won: int
    opened_at: datetime
    authenticated_at: datetime | None = None
    card: Card | None = None
    is_wallet: bool = False
    refusal: PaymentGatewayError | None = None
    failure_code: str | None = None

    def status(self, now: datetime) -> str:
        if self.failure_code is not None:
            return "ABORTED"
        if self.authenticated_at is None:
            return "READY" if now - self.opened_at <= _WINDOW_OPEN_FOR else "EXPIRED"
        return "IN_PROGRESS" if now - self.authenticated_at <= CONFIRM_WITHIN else "EXPIRED"


@dataclass(frozen=True)
class _Fault:
    """What happens to one call: an error instead, an answer lost, or an answer changed."""

    error: PaymentGatewayError | None = None
    is_lost_before: bool = False
    is_lost_after: bool = False
    changes: dict[str, Any] = field(default_factory=dict)


class FakeGateway:
    """The `PaymentGateway` that keeps its own ledger in memory; safe to use from many threads."""

    def __init__(
        self,
        *,
        key_pair: str = "billing",
        timeout_seconds: float = 65.0,
        m_id: str = "fake_shop",
        secret_fingerprint: str = "fake000000000000",
    ) -> None:
        self.key_pair = key_pair
        self.secret_fingerprint = secret_fingerprint
        self.timeout_seconds = timeout_seconds
        self.m_id = m_id
        self.now = datetime(2026, 1, 5, tzinfo=UTC)
        self.calls: list[tuple[Operation, Any]] = []
        self.on_call: Callable[[Operation, Any], None] | None = None
        self.cash_receipts: dict[str, int] = {}
        """What each cash receipt still stands for, in won."""
        self._lock = threading.Lock()
        self._registrations: dict[str, _Registration] = {}
        self._sessions: dict[str, _Session] = {}
        self._billing_keys: dict[str, StoredBillingKey] = {}
        self._payments: dict[str, PaymentAnswer] = {}
        self._outcomes: dict[tuple[str, ...], Any] = {}
        self._faults: defaultdict[str, deque[_Fault]] = defaultdict(deque)

    @property
    def billing_keys(self) -> list[StoredBillingKey]:
        """Return every billing key that was issued, deleted ones too."""
        return list(self._billing_keys.values())

    @property
    def payments(self) -> list[PaymentAnswer]:
        """Return every payment that was made, as it stands now."""
        return list(self._payments.values())

    @property
    def cancels(self) -> list[CancelAnswer]:
        """Return every cancel of every payment."""
        return [cancel for payment in self.payments for cancel in payment.cancels]

    def register(
        self,
        customer_key: str,
        *,
        card: Card | None = CARD,
        method: str = "카드",
        is_wallet: bool = False,
    ) -> str:
        """Return the auth key of a card that the customer has just entered in the window."""
        auth_key = f"auth_{secrets.token_hex(16)}"
        self._registrations[auth_key] = _Registration(customer_key, method, card, is_wallet)
        return auth_key

    def open_window(self, order_id: str, amount_won: int, *, tax_free_won: int = 0) -> str:
        """Return the payment key of a window to pay once in which nothing was done yet."""
        payment_key = f"fake_{secrets.token_hex(10)}"
        self._sessions[payment_key] = _Session(
            payment_key, order_id, amount_won, tax_free_won, opened_at=self.now
        )
        return payment_key

    def authenticate(
        self,
        order_id: str,
        amount_won: int,
        *,
        tax_free_won: int = 0,
        card: Card | None = CARD,
        is_wallet: bool = False,
        refusal: PaymentGatewayError | None = None,
    ) -> str:
        """Return the payment key of a one-time payment that waits to be confirmed until then.

        With a `refusal` the card company refuses it at its confirmation.
        """
        payment_key = self.open_window(order_id, amount_won, tax_free_won=tax_free_won)
        session = self._sessions[payment_key]
        session.card, session.is_wallet, session.refusal = card, is_wallet, refusal
        session.authenticated_at = self.now
        return payment_key

    def abort_window(self, payment_key: str, code: str = "PAY_PROCESS_ABORTED") -> None:
        """Let an open window come to nothing; the browser brings this code to the fail URL."""
        self._sessions[payment_key].failure_code = code

    def fail_next(self, operation: Operation, error: PaymentGatewayError) -> None:
        """Answer the next call of `operation` with `error`; nothing is executed."""
        self._faults[operation].append(_Fault(error=error))

    def lose_next(self, operation: Operation) -> None:
        """Execute the next call of `operation` and lose its answer."""
        self._faults[operation].append(_Fault(is_lost_after=True))

    def lose_before(self, operation: Operation) -> None:
        """Lose the next call of `operation` on its way to the gateway."""
        self._faults[operation].append(_Fault(is_lost_before=True))

    def answer_next(self, operation: Operation, **changes: Any) -> None:
        """Execute the next call of `operation` and answer with these fields changed."""
        self._faults[operation].append(_Fault(changes=changes))

    def issue_billing_key(self, request: IssueRequest) -> IssuedBillingKey:
        checks.check_issue(request)
        scope = ("issue", request.idempotency_key)
        return self._call("issue_billing_key", request, lambda: self._issue(request), scope)

    def charge(self, request: ChargeRequest) -> PaymentAnswer:
        checks.check_charge(request)
        scope = ("charge", request.billing_key, request.idempotency_key)
        return self._call("charge", request, lambda: self._charge(request), scope)

    def confirm(self, request: ConfirmRequest) -> PaymentAnswer:
        checks.check_confirm(request)
        scope = ("confirm", request.idempotency_key)
        return self._call("confirm", request, lambda: self._confirm(request), scope)

    def cancel(self, request: CancelRequest) -> PaymentAnswer:
        checks.check_cancel(request)
        scope = ("cancel", request.payment_key, request.idempotency_key)
        return self._call("cancel", request, lambda: self._cancel(request), scope)

    def find_payment(self, payment_key: str) -> PaymentAnswer | None:
        checks.check_payment_key(payment_key)
        return self._call("find_payment", payment_key, lambda: self._known(payment_key))

    def find_order(self, order_id: str) -> PaymentAnswer | None:
        checks.check_order_id(order_id)
        return self._call(
            "find_order", order_id, lambda: self._of_order(order_id) or self._waiting(order_id)
        )

    def delete_billing_key(self, billing_key: str) -> None:
        checks.check_billing_key(billing_key)
        self._call("delete_billing_key", billing_key, lambda: self._delete(billing_key))

    def issue_cash_receipt(self, request: CashReceiptRequest) -> CashReceiptAnswer:
        checks.check_cash_receipt(request)
        scope = ("issue_cash_receipt", request.idempotency_key)
        return self._call(
            "issue_cash_receipt", request, lambda: self._issue_receipt(request), scope
        )

    def cancel_cash_receipt(
        self, receipt_key: str, amount_won: int, *, idempotency_key: str
    ) -> CashReceiptAnswer:
        checks.check_cash_receipt_cancel(receipt_key, amount_won, idempotency_key)
        scope = ("cancel_cash_receipt", receipt_key, idempotency_key)
        return self._call(
            "cancel_cash_receipt",
            (receipt_key, amount_won),
            lambda: self._cancel_receipt(receipt_key, amount_won),
            scope,
        )

    def transactions(
        self, start: datetime, end: datetime, *, after: str | None, limit: int
    ) -> tuple[Transaction, ...]:
        lines = [line for line in self._lines() if start <= line.at <= end]
        keys = [line.transaction_key for line in lines]
        first = keys.index(after) + 1 if after else 0
        return tuple(lines[first : first + limit])

    def settlements(
        self, start_on: date, end_on: date, *, by: SettlementDay, page: int, limit: int
    ) -> tuple[Settlement, ...]:
        return self._call(
            "settlements",
            (start_on, end_on, by, page),
            lambda: self._settled(start_on, end_on, by)[(page - 1) * limit : page * limit],
        )

    def _settled(self, start_on: date, end_on: date, by: SettlementDay) -> tuple[Settlement, ...]:
        """Return what is settled of these days: each line on the day after it at the earliest."""
        lines = (self._settlement(line) for line in self._lines())
        return tuple(
            line
            for line in lines
            if start_on <= (line.sold_on if by == "sold" else line.paid_out_on) <= end_on
            and line.sold_on < seoul_date(self.now)
        )

    def _settlement(self, line: Transaction) -> Settlement:
        sign = -1 if line.is_cancel else 1
        fee_won = line.amount_won * _FEE_PERCENT // 100
        return Settlement(
            transaction_key=line.transaction_key,
            payment_key=line.payment_key,
            order_id=line.order_id,
            m_id=self.m_id,
            amount_won=sign * line.amount_won,
            fee_won=sign * fee_won,
            fee_vat_won=sign * vat_included(fee_won),
            pay_out_won=sign * (line.amount_won - fee_won),
            sold_on=seoul_date(line.at),
            paid_out_on=seoul_date(line.at) + timedelta(days=_DAYS_TO_PAY_OUT),
        )

    def _lines(self) -> list[Transaction]:
        lines = []
        for payment in self.payments:
            cancels = [
                (c.transaction_key, "CANCELED", c.amount_won, c.canceled_at)
                for c in payment.cancels
            ]
            first = (f"first_{payment.payment_key}", "DONE", payment.total_won, payment.approved_at)
            for key, status, won, at in [first, *cancels]:
                assert at is not None
                lines.append(
                    Transaction(
                        transaction_key=key,
                        payment_key=payment.payment_key,
                        order_id=payment.order_id,
                        status=status,
                        amount_won=won,
                        at=at,
                    )
                )
        return sorted(lines, key=lambda line: line.at)

    def _call(
        self,
        operation: Operation,
        request: Any,
        execute: Callable[[], Any],
        scope: tuple[str, ...] | None = None,
    ) -> Any:
        self.calls.append((operation, request))
        if self.on_call is not None:
            self.on_call(operation, request)
        with self._lock:
            outcome, is_lost = self._outcome(operation, execute, scope)
        if is_lost:
            raise OutcomeUnknown("timeout", "no whole answer within the time limit")
        if isinstance(outcome, PaymentGatewayError):
            raise copy.copy(outcome)
        return outcome

    def _outcome(
        self, operation: Operation, execute: Callable[[], Any], scope: tuple[str, ...] | None
    ) -> tuple[Any, bool]:
        """Return what the call comes to and whether its answer is lost on the way back.

        As at Toss, what was answered to an idempotency key is answered again, refusals too; but not
        an outcome that the gateway itself did not settle.
        """
        faults = self._faults[operation]
        fault = faults.popleft() if faults else _Fault()
        if fault.is_lost_before:
            return None, True
        if scope in self._outcomes:
            return self._outcomes[scope], fault.is_lost_after
        outcome = fault.error or _result_of(execute)
        if fault.changes and not isinstance(outcome, PaymentGatewayError):
            outcome = replace(outcome, **fault.changes)
        if scope is not None and _is_settled(outcome):
            self._outcomes[scope] = outcome
        return outcome, fault.is_lost_after

    def _issue(self, request: IssueRequest) -> IssuedBillingKey:
        registration = self._registrations.get(request.auth_key)
        if registration is None or registration.customer_key != request.customer_key:
            raise SessionEnded(
                "NOT_FOUND_BILLING", "존재하지 않는 빌링 정보입니다.", http_status=404
            )
        del self._registrations[request.auth_key]
        billing_key = f"{secrets.token_urlsafe(32)}="
        self._billing_keys[billing_key] = StoredBillingKey(
            billing_key,
            request.customer_key,
            registration.method,
            registration.card,
            registration.is_wallet,
        )
        return IssuedBillingKey(
            billing_key=billing_key,
            customer_key=request.customer_key,
            method=registration.method,
            m_id=self.m_id,
            card=registration.card,
            is_wallet=registration.is_wallet,
            trace_id=_trace_id(),
        )

    def _charge(self, request: ChargeRequest) -> PaymentAnswer:
        stored = self._billing_keys.get(request.billing_key)
        if stored is None:
            raise BillingKeyRejected("INVALID_BILL_KEY_REQUEST", http_status=400)
        if stored.is_deleted:
            raise BillingKeyRejected("ALREADY_REMOVED_BILLING_KEY", http_status=400)
        if stored.customer_key != request.customer_key:
            raise RequestRejected("NOT_MATCHES_CUSTOMER_KEY", http_status=400)
        if request.amount_won < _LEAST_WON:
            raise RequestRejected("BELOW_MINIMUM_AMOUNT", http_status=400)
        if self._of_order(request.order_id):
            raise AlreadyRequested("DUPLICATED_ORDER_ID", http_status=400)
        paid = self._paid(
            f"fake_{secrets.token_hex(10)}",
            type="BILLING",
            order_id=request.order_id,
            amount_won=request.amount_won,
            tax_free_won=request.tax_free_won,
        )
        return self._stored(
            replace(
                paid,
                method="간편결제" if stored.is_wallet else stored.method,
                card=stored.card if stored.method == "카드" and not stored.is_wallet else None,
            )
        )

    def _confirm(self, request: ConfirmRequest) -> PaymentAnswer:
        if request.payment_key in self._payments:
            raise AlreadyRequested("ALREADY_PROCESSED_PAYMENT", http_status=400)
        session = self._sessions.get(request.payment_key)
        if session is None or session.status(self.now) != "IN_PROGRESS":
            raise SessionEnded("NOT_FOUND_PAYMENT_SESSION", http_status=404)
        if (session.order_id, session.amount_won) != (request.order_id, request.amount_won):
            raise RequestRejected("FORBIDDEN_REQUEST", http_status=403)
        if self._of_order(session.order_id):
            raise AlreadyRequested("DUPLICATED_ORDER_ID", http_status=400)
        if session.refusal is not None:
            session.failure_code = session.refusal.code
            raise session.refusal
        del self._sessions[request.payment_key]
        return self._stored(self._paid_once(session))

    def _paid_once(self, session: _Session) -> PaymentAnswer:
        paid = self._paid(
            session.payment_key,
            type="NORMAL",
            order_id=session.order_id,
            amount_won=session.amount_won,
            tax_free_won=session.tax_free_won,
        )
        method, card = ("간편결제", None) if session.is_wallet else ("카드", session.card)
        return replace(paid, method=method, card=card)

    def _known(self, payment_key: str) -> PaymentAnswer | None:
        if payment_key in self._sessions:
            return self._unpaid(self._sessions[payment_key])
        return self._payments.get(payment_key)

    def _waiting(self, order_id: str) -> PaymentAnswer | None:
        """Return how the latest unpaid window of an order stands, an authenticated one first."""
        windows = [one for one in self._sessions.values() if one.order_id == order_id]
        windows.sort(key=lambda one: one.authenticated_at is not None)
        return self._unpaid(windows[-1]) if windows else None

    def _unpaid(self, session: _Session) -> PaymentAnswer:
        asked_for = self._paid_once(session)
        return replace(
            asked_for,
            status=session.status(self.now),
            method=asked_for.method if session.authenticated_at else None,
            approved_at=None,
            approve_no=None,
            receipt_url=None,
            last_transaction_key=None,
            failure_code=session.failure_code,
        )

    def _cancel(self, request: CancelRequest) -> PaymentAnswer:
        payment = self._payments.get(request.payment_key)
        if payment is None:
            raise RequestRejected("NOT_FOUND_PAYMENT", http_status=404)
        if payment.status == "CANCELED":
            raise AlreadyRequested("ALREADY_CANCELED_PAYMENT", http_status=400)
        if payment.balance_won == 0:
            raise AlreadyRequested("NOT_CANCELABLE_AMOUNT", http_status=403)
        if request.refundable_won != payment.balance_won:
            raise RequestRejected("NOT_MATCHES_REFUNDABLE_AMOUNT", http_status=400)
        taxable_won = payment.balance_won - payment.tax_free_won
        if (
            request.tax_free_won > payment.tax_free_won
            or request.amount_won - request.tax_free_won > taxable_won
        ):
            raise AlreadyRequested("NOT_CANCELABLE_AMOUNT", http_status=403)
        return self._stored(self._canceled(payment, request))

    def _issue_receipt(self, request: CashReceiptRequest) -> CashReceiptAnswer:
        receipt_key = f"cash_{secrets.token_hex(8)}"
        self.cash_receipts[receipt_key] = request.amount_won
        return CashReceiptAnswer(
            receipt_key=receipt_key,
            issue_number=str(len(self.cash_receipts)).zfill(9),
            amount_won=request.amount_won,
            status="COMPLETED",
            receipt_url="https://dashboard.tosspayments.com/receipt/cash",
            trace_id=_trace_id(),
        )

    def _cancel_receipt(self, receipt_key: str, amount_won: int) -> CashReceiptAnswer:
        left = self.cash_receipts.get(receipt_key)
        if left is None or amount_won > left:
            raise RequestRejected("INVALID_REQUEST", http_status=400)
        self.cash_receipts[receipt_key] = left - amount_won
        return CashReceiptAnswer(
            receipt_key=receipt_key, issue_number="", amount_won=amount_won, status="COMPLETED"
        )

    def _delete(self, billing_key: str) -> None:
        if billing_key in self._billing_keys:
            self._billing_keys[billing_key].is_deleted = True

    def _of_order(self, order_id: str) -> PaymentAnswer | None:
        return next((paid for paid in self.payments if paid.order_id == order_id), None)

    def _stored(self, payment: PaymentAnswer) -> PaymentAnswer:
        self._payments[payment.payment_key] = payment
        return payment

    def _paid(
        self, payment_key: str, *, type: str, order_id: str, amount_won: int, tax_free_won: int
    ) -> PaymentAnswer:
        vat_won = vat_included(amount_won, tax_free_won)
        return PaymentAnswer(
            payment_key=payment_key,
            order_id=order_id,
            type=type,
            status="DONE",
            method="카드",
            currency="KRW",
            total_won=amount_won,
            balance_won=amount_won,
            supplied_won=amount_won - vat_won - tax_free_won,
            vat_won=vat_won,
            tax_free_won=tax_free_won,
            m_id=self.m_id,
            version="2022-11-16",
            approved_at=self.now,
            card=CARD,
            approve_no="00000000",
            receipt_url=f"https://dashboard.tosspayments.com/sales-slip?id={payment_key}",
            last_transaction_key=_transaction_key(),
            trace_id=_trace_id(),
        )

    def _canceled(self, payment: PaymentAnswer, request: CancelRequest) -> PaymentAnswer:
        balance_won = payment.balance_won - request.amount_won
        tax_free_won = payment.tax_free_won - request.tax_free_won
        vat_won = vat_included(balance_won, tax_free_won)
        cancel = CancelAnswer(
            transaction_key=_transaction_key(),
            amount_won=request.amount_won,
            tax_free_won=request.tax_free_won,
            balance_won=balance_won,
            reason=request.reason,
            status="DONE",
            canceled_at=self.now,
        )
        is_whole = request.amount_won == payment.total_won
        return replace(
            payment,
            status="CANCELED" if is_whole else "PARTIAL_CANCELED",
            balance_won=balance_won,
            supplied_won=balance_won - vat_won - tax_free_won,
            vat_won=vat_won,
            tax_free_won=tax_free_won,
            cancels=(*payment.cancels, cancel),
            last_transaction_key=cancel.transaction_key,
            trace_id=_trace_id(),
        )


def _result_of(execute: Callable[[], Any]) -> Any:
    try:
        return execute()
    except PaymentGatewayError as error:
        return error.with_traceback(None)


def _is_settled(outcome: object) -> bool:
    """Test whether Toss stores this answer under its idempotency key."""
    if isinstance(outcome, OutcomeUnknown):
        return outcome.transient or isinstance(outcome, AlreadyRequested)
    return True


def _transaction_key() -> str:
    return f"txrd_{secrets.token_hex(13)}"


def _trace_id() -> str:
    return secrets.token_hex(16)
