"""What is due, and the use case that answers it: one record at a time, each committed by itself.

One bad record neither stops nor slows the others; it is reported with its id. Read by
`flask billing run`, by the embedded worker and by `flask billing reconcile`.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask, current_app

from billing import BillingError
from billing.cancel import end_due
from billing.reconcile import reconcile
from billing.revoke_billing_key import revoke_billing_key
from billing.send_notice import send_notice
from billing.subscribe import finish_checkout
from gateways.mail import MailError
from gateways.payment import CardDeclined, PaymentGatewayError
from models import BillingKey, Checkout, Notice, PaymentAttempt, Subscription
from views import mails

log = logging.getLogger("shop.billing")

BATCH = 100


@dataclass(frozen=True)
class Job:
    """One kind of work: which records are due, and what is done with each."""

    name: str
    due: Callable[[datetime], Sequence[Any]]
    act: Callable[[Any, datetime], object]


@dataclass
class Summary:
    """What a run did: records settled, records still open, and those that failed with a bug."""

    settled: dict[str, int] = field(default_factory=dict)
    open: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def needs_a_person(self) -> bool:
        """Test whether a record failed in a way that nobody foresaw."""
        return bool(self.failed)


def run_due(app: Flask, jobs: Sequence[Job], *, now: datetime, workers: int) -> Summary:
    """Do all that is due now, each record in a session of its own, and return what came of it."""
    summary = Summary()
    with ThreadPoolExecutor(workers, thread_name_prefix="billing") as threads:
        for job in jobs:
            with app.app_context():
                due = job.due(now)
            outcomes = threads.map(lambda record: _act(app, job, record, now), due)  # noqa: B023
            for record, outcome in zip(due, outcomes, strict=True):
                _count(summary, job.name, str(record), outcome)
    return summary


def _act(app: Flask, job: Job, record: Any, now: datetime) -> str:
    with app.app_context():
        try:
            job.act(record, now)
        except CardDeclined:
            return "settled"
        except (BillingError, PaymentGatewayError, MailError) as refusal:
            log.warning("%s %s: %s %s", job.name, record, type(refusal).__name__, refusal)
            return "open"
        except Exception:
            log.exception("%s %s failed", job.name, record)
            return "failed"
    return "settled"


def _count(summary: Summary, name: str, record: str, outcome: str) -> None:
    if outcome == "settled":
        summary.settled[name] = summary.settled.get(name, 0) + 1
    elif outcome == "open":
        summary.open.setdefault(name, []).append(record)
    else:
        summary.failed.setdefault(name, []).append(record)


def _toss() -> dict[str, Any]:
    extensions = current_app.extensions
    return {"gateway": extensions["payment_gateway"], "vault": extensions["vault"]}


def _send_notice(notice_id: int, now: datetime) -> None:
    send_notice(
        notice_id=notice_id,
        render=mails.render,
        mailbox=current_app.extensions["mailbox"],
        now=now,
    )


CHECKOUTS = Job(
    "checkouts",
    lambda now: Checkout.unfinished(now=now, limit=BATCH),
    lambda record, now: finish_checkout(checkout_id=record, now=now, **_toss()),
)
CHECKOUTS_AT_ONCE = Job(
    "checkouts", lambda now: Checkout.unfinished(now=now, limit=BATCH, at_once=True), CHECKOUTS.act
)
ATTEMPTS = Job(
    "attempts",
    lambda now: PaymentAttempt.pending(looked_up_before=now, limit=BATCH),
    lambda record, now: reconcile(attempt_id=record, now=now, **_toss()),
)
ATTEMPTS_AT_ONCE = Job(
    "attempts", lambda _: PaymentAttempt.pending(looked_up_before=None, limit=BATCH), ATTEMPTS.act
)
ENDS = Job(
    "ends",
    lambda now: Subscription.due_to_end(now=now, limit=BATCH),
    lambda record, now: end_due(subscription_id=record, now=now),
)
BILLING_KEYS = Job(
    "billing_keys",
    lambda now: BillingKey.to_revoke(now=now, limit=BATCH),
    lambda record, now: revoke_billing_key(billing_key_id=record, now=now, **_toss()),
)
NOTICES = Job("notices", lambda now: Notice.due(now=now, limit=BATCH), _send_notice)

EVERYTHING = (CHECKOUTS, ATTEMPTS, ENDS, BILLING_KEYS, NOTICES)
LOST_ANSWERS = (CHECKOUTS_AT_ONCE, ATTEMPTS_AT_ONCE)
