"""What is due, and the use case that answers it: one record at a time, each committed by itself.

One bad record neither stops nor slows the others; it is reported with its id. Read by
`flask billing run`, by the embedded worker, by the Celery worker and by `flask billing reconcile`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from queue import SimpleQueue
from typing import Any

from flask import Flask, current_app

import clock
import key_pairs
from billing import BillingError
from billing.abandon import INCOMPLETE_FOR, OPEN_FOR, abandon_checkout, abandon_subscription
from billing.buy_pass import abandon_pass_order, announce_pass_end, finish_pass_order
from billing.cancel import end_due
from billing.cash_receipts import settle_receipt
from billing.dun import lapse
from billing.forget import (
    KEEP_SIGN_INS,
    KEEP_VISITS,
    KEEP_WEBHOOKS,
    forget_identity,
    forget_inquiry,
    forget_sign_in,
    forget_visit,
    forget_webhook,
)
from billing.offer_price import follow_price_change
from billing.probe import probe
from billing.reconcile import reconcile
from billing.refund import give_back
from billing.remind import remind
from billing.renew import renew
from billing.revoke_billing_key import revoke_billing_key
from billing.send_notice import send_notice
from billing.settle_webhook import settle_webhook
from billing.subscribe import finish_checkout
from billing.tally import tally
from gateways.mail import MailError
from gateways.pace import Strain
from gateways.payment import (
    BillingKeyRejected,
    CardDeclined,
    OutcomeUnknown,
    PaymentGatewayError,
    RequestRejected,
)
from models import (
    AuditEntry,
    BillingKey,
    Breaker,
    CashReceipt,
    Checkout,
    DailyFigure,
    Inquiry,
    Notice,
    PassOrder,
    PaymentAttempt,
    PriceChange,
    Refund,
    RetainedIdentity,
    SignIn,
    Subscription,
    WebhookEvent,
)
from rules.periods import seoul_date
from views import mails

log = logging.getLogger("shop.billing")

BATCH = 200
MOST_IDS = 1000
"""How many ids of one kind a summary names; the rest is counted."""


@dataclass(frozen=True)
class Job:
    """One kind of work: how the due records are read, a batch by key, and what is done with each.

    `due(now, after, limit)` returns rows whose last column is the record's id; `after` is the last
    row of the batch before.
    """

    name: str
    due: Callable[[datetime, Any, int], Sequence[Any]]
    act: Callable[[Any, datetime], object]
    asks_toss: bool = False


@dataclass
class Summary:
    """What a run did: `settled` counts; the others name the records.

    `open` will be tried again by itself. `set_aside` waits for the merchant. `failed` is a bug.
    """

    settled: dict[str, int] = field(default_factory=dict)
    open: dict[str, list[str]] = field(default_factory=dict)
    set_aside: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def needs_a_person(self) -> bool:
        """Test whether a record was set aside, or failed in a way that nobody foresaw."""
        return bool(self.failed or self.set_aside)

    def count(self, job: str, record: Any, outcome: str) -> None:
        """Count what came of one record."""
        if outcome == "settled":
            self.settled[job] = self.settled.get(job, 0) + 1
            return
        ids: list[str] = getattr(self, outcome).setdefault(job, [])
        if len(ids) < MOST_IDS:
            ids.append(str(record))
        elif len(ids) == MOST_IDS:
            ids.append("and more")


class Run:
    """All that is due now, done by `workers` threads; what is in flight is bounded by them.

    `stop` ends it after what is in flight. `strain` may be shared by runs that follow each other.
    `on_done` is told the name of the job after each record.
    """

    def __init__(
        self,
        app: Flask,
        *,
        time: Callable[[], datetime],
        workers: int,
        stop: threading.Event | None = None,
        strain: Strain | None = None,
        on_done: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._app = app
        self._time = time
        self._workers = workers
        self._stop = stop or threading.Event()
        self._strain = strain or strain_of(app)
        self._on_done = on_done

    def do(self, jobs: Sequence[Job]) -> Summary:
        """Do these jobs, each record in a session of its own, and return what came of it."""
        summary = Summary()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="billing") as threads:
            for job in jobs:
                done: SimpleQueue[Future[str]] = SimpleQueue()
                under_way: dict[Future[str], Any] = {}
                for record in self._records(job):
                    if len(under_way) >= 2 * self._workers:
                        self._gather(summary, job, under_way, done)
                    future = threads.submit(self._act, job, record)
                    under_way[future] = record
                    future.add_done_callback(done.put)
                while under_way:
                    self._gather(summary, job, under_way, done)
        return summary

    def _records(self, job: Job) -> Iterator[Any]:
        for record in records(job, self._time, self._app):
            if self._stop.is_set():
                return
            yield record

    def _gather(
        self,
        summary: Summary,
        job: Job,
        under_way: dict[Future[str], Any],
        done: SimpleQueue[Future[str]],
    ) -> None:
        """Count what came of the next record that is done."""
        future = done.get()
        outcome = future.result()
        record = under_way.pop(future)
        if outcome != "stopped":
            summary.count(job.name, record, outcome)
            self._on_done(job.name)

    def _act(self, job: Job, record: Any) -> str:
        while job.asks_toss and (rest := self._strain.rest()) > 0:
            if self._stop.wait(rest):
                break
        if self._stop.is_set():
            return "stopped"
        return act_once(self._app, job, record, self._time(), self._strain)


def records(job: Job, time: Callable[[], datetime], app: Flask) -> Iterator[Any]:
    """Yield the ids of all that is due, read in batches by key."""
    after = None
    while True:
        with app.app_context():
            rows = job.due(time(), after, BATCH)
        for row in rows:
            yield row[-1]
        if len(rows) < BATCH:
            return
        after = rows[-1]


def act_once(app: Flask, job: Job, record: Any, now: datetime, strain: Strain) -> str:
    """Do one record of a job and tell `strain` how Toss answered; return what came of it."""
    started = time.monotonic()
    outcome, error = act(app, job, record, now)
    if job.asks_toss:
        is_lost = isinstance(error, OutcomeUnknown) and not (
            error.transient or error.code == "set_aside"
        )
        pause = strain.note(answered=not is_lost, seconds=time.monotonic() - started)
        if pause:
            log.error("Toss answers badly: nothing is sent for %d seconds", pause)
    return outcome


def strain_of(app: Flask) -> Strain:
    """Return a fresh measure of how Toss answers."""
    return Strain(slow_seconds=max(5.0, app.config["TOSS_TIMEOUT"] / 2))


def act(app: Flask, job: Job, record: Any, now: datetime) -> tuple[str, PaymentGatewayError | None]:
    """Do one record of a job; return what came of it, as `Summary` names it, and why."""
    with app.app_context():
        try:
            job.act(record, now)
        except (CardDeclined, BillingKeyRejected) as error:
            return "settled", error
        except PaymentGatewayError as error:
            log.warning("%s %s: %s %s", job.name, record, type(error).__name__, error)
            is_for_merchant = isinstance(error, RequestRejected) and not error.key_pair
            return "set_aside" if is_for_merchant or error.code == "set_aside" else "open", error
        except (BillingError, MailError) as refusal:
            log.warning("%s %s: %s %s", job.name, record, type(refusal).__name__, refusal)
            return "open", None
        except Exception:
            log.exception("%s %s failed", job.name, record)
            return "failed", None
    return "settled", None


def _toss() -> dict[str, Any]:
    extensions = current_app.extensions
    return {"gateway": extensions["payment_gateway"], "vault": extensions["vault"]}


def _terms() -> Any:
    return current_app.extensions["collection_terms"]


def _send_notice(notice_id: int, now: datetime) -> None:
    send_notice(
        notice_id=notice_id,
        render=mails.render,
        mailbox=current_app.extensions["mailbox"],
        now=now,
    )


PROBES = Job(
    "probes",
    lambda now, after, limit: Breaker.to_probe(now=now, after=after, limit=limit),
    lambda record, now: probe(key_pair=record, gateway=key_pairs.gateway_of(record), now=now),
    asks_toss=True,
)
CHECKOUTS = Job(
    "checkouts",
    lambda now, after, limit: Checkout.unfinished(now=now, after=after, limit=limit),
    lambda record, now: finish_checkout(checkout_id=record, now=now, terms=_terms(), **_toss()),
    asks_toss=True,
)
CHECKOUTS_AT_ONCE = Job(
    "checkouts",
    lambda now, after, limit: Checkout.unfinished(now=now, after=after, limit=limit, at_once=True),
    CHECKOUTS.act,
    asks_toss=True,
)
ATTEMPTS = Job(
    "attempts",
    lambda now, after, limit: PaymentAttempt.pending(
        looked_up_before=now, after=after, limit=limit
    ),
    lambda record, now: reconcile(attempt_id=record, now=now, terms=_terms(), **_toss()),
    asks_toss=True,
)
ATTEMPTS_AT_ONCE = Job(
    "attempts",
    lambda _, after, limit: PaymentAttempt.pending(looked_up_before=None, after=after, limit=limit),
    ATTEMPTS.act,
    asks_toss=True,
)
PASS_ORDERS = Job(
    "pass_orders",
    lambda now, after, limit: PassOrder.confirming(now=now, after=after, limit=limit),
    lambda record, now: finish_pass_order(
        order_id=record, gateway=key_pairs.gateway_of(key_pairs.PASS), now=now
    ),
    asks_toss=True,
)
PASS_ORDERS_AT_ONCE = Job(
    "pass_orders",
    lambda _, after, limit: PassOrder.confirming(now=None, after=after, limit=limit),
    PASS_ORDERS.act,
    asks_toss=True,
)
WEBHOOKS = Job(
    "webhooks",
    lambda now, after, limit: WebhookEvent.pending(now=now, after=after, limit=limit),
    lambda record, now: settle_webhook(
        event_id=record, now=now, pass_gateway=current_app.extensions["pass_gateway"], **_toss()
    ),
    asks_toss=True,
)
REFUNDS = Job(
    "refunds",
    lambda now, after, limit: Refund.pending(now=now, after=after, limit=limit),
    lambda record, now: give_back(
        refund_id=record, gateway=key_pairs.gateway_of(Refund.key_pair_of(record)), now=now
    ),
    asks_toss=True,
)
CASH_RECEIPTS = Job(
    "cash_receipts",
    lambda now, after, limit: CashReceipt.due(now=now, after=after, limit=limit),
    lambda record, now: settle_receipt(receipt_id=record, now=now, **_toss()),
    asks_toss=True,
)
ENDS = Job(
    "ends",
    lambda now, after, limit: Subscription.due_to_end(now=now, after=after, limit=limit),
    lambda record, now: end_due(subscription_id=record, now=now),
)
LAPSES = Job(
    "lapses",
    lambda now, after, limit: Subscription.to_lapse(seoul_date(now), after=after, limit=limit),
    lambda record, now: lapse(subscription_id=record, now=now),
)
PRICE_CHANGES = Job(
    "price_changes",
    lambda now, after, limit: PriceChange.to_follow(seoul_date(now), after=after, limit=limit),
    lambda record, now: follow_price_change(price_change_id=record, now=now),
)
RENEWALS = Job(
    "renewals",
    lambda now, after, limit: Subscription.to_charge(
        _terms().charging_day(now), after=after, limit=limit
    ),
    lambda record, now: renew(subscription_id=record, now=now, terms=_terms(), **_toss()),
    asks_toss=True,
)
REMINDERS = Job(
    "reminders",
    lambda now, after, limit: Subscription.to_remind(seoul_date(now), after=after, limit=limit),
    lambda record, now: remind(subscription_id=record, now=now),
)
ABANDONED_CHECKOUTS = Job(
    "abandoned_checkouts",
    lambda now, after, limit: Checkout.to_abandon(
        expired_before=now - OPEN_FOR, after=after, limit=limit
    ),
    lambda record, now: abandon_checkout(checkout_id=record, now=now),
)
ABANDONED_PASS_ORDERS = Job(
    "abandoned_pass_orders",
    lambda now, after, limit: PassOrder.to_abandon(
        expired_before=now - OPEN_FOR, after=after, limit=limit
    ),
    lambda record, now: abandon_pass_order(order_id=record, now=now, patience=OPEN_FOR),
)
PASS_ENDS = Job(
    "pass_ends",
    lambda now, after, limit: PassOrder.to_announce(seoul_date(now), after=after, limit=limit),
    lambda record, now: announce_pass_end(order_id=record, now=now),
)
ABANDONED_SUBSCRIPTIONS = Job(
    "abandoned_subscriptions",
    lambda now, after, limit: Subscription.to_abandon(
        created_before=now - INCOMPLETE_FOR, after=after, limit=limit
    ),
    lambda record, now: abandon_subscription(subscription_id=record, now=now),
)
BILLING_KEYS = Job(
    "billing_keys",
    lambda now, after, limit: BillingKey.to_revoke(now=now, after=after, limit=limit),
    lambda record, now: revoke_billing_key(billing_key_id=record, now=now, **_toss()),
    asks_toss=True,
)
OLD_IDENTITIES = Job(
    "old_identities",
    lambda now, after, limit: RetainedIdentity.expired(seoul_date(now), after=after, limit=limit),
    lambda record, now: forget_identity(user_id=record, now=now),
)
OLD_INQUIRIES = Job(
    "old_inquiries",
    lambda now, after, limit: Inquiry.expired(seoul_date(now), after=after, limit=limit),
    lambda record, now: forget_inquiry(inquiry_id=record, now=now),
)
OLD_SIGN_INS = Job(
    "old_sign_ins",
    lambda now, after, limit: SignIn.outdated(before=now - KEEP_SIGN_INS, after=after, limit=limit),
    lambda record, now: forget_sign_in(sign_in_id=record, now=now),
)
OLD_WEBHOOKS = Job(
    "old_webhooks",
    lambda now, after, limit: WebhookEvent.expired(
        before=now - KEEP_WEBHOOKS, after=after, limit=limit
    ),
    lambda record, now: forget_webhook(event_id=record, now=now),
)
OLD_VISITS = Job(
    "old_visits",
    lambda _, after, limit: AuditEntry.old_visits(
        before=clock.real_now() - KEEP_VISITS, after=after, limit=limit
    ),
    lambda record, _: forget_visit(entry_id=record, now=clock.real_now()),
)
TALLIES = Job(
    "tallies",
    lambda now, after, limit: [] if after else DailyFigure.to_count(now=now),
    lambda record, now: tally(day=date.fromisoformat(record), now=now),
)
NOTICES = Job(
    "notices",
    lambda now, after, limit: Notice.due(now=now, after=after, limit=limit),
    _send_notice,
)

EVERYTHING = (
    PROBES,
    CHECKOUTS,
    PASS_ORDERS,
    WEBHOOKS,
    ATTEMPTS,
    REFUNDS,
    CASH_RECEIPTS,
    ENDS,
    LAPSES,
    PRICE_CHANGES,
    RENEWALS,
    REMINDERS,
    PASS_ENDS,
    ABANDONED_CHECKOUTS,
    ABANDONED_PASS_ORDERS,
    ABANDONED_SUBSCRIPTIONS,
    BILLING_KEYS,
    OLD_IDENTITIES,
    OLD_INQUIRIES,
    OLD_SIGN_INS,
    OLD_WEBHOOKS,
    OLD_VISITS,
    TALLIES,
    NOTICES,
)
LOST_ANSWERS = (CHECKOUTS_AT_ONCE, PASS_ORDERS_AT_ONCE, ATTEMPTS_AT_ONCE, REFUNDS)
BY_NAME = {job.name: job for job in EVERYTHING}
