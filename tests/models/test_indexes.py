"""Each question that a run asks has an index of its own, which its very words may use."""

from datetime import date

import pytest
from sqlalchemy import event, text

from models import (
    BillingKey,
    CashReceipt,
    Checkout,
    Notice,
    PaymentAttempt,
    Refund,
    SignIn,
    Subscription,
    WebhookEvent,
    db,
)

DAY = date(2027, 1, 4)

QUESTIONS = {
    "ix_subscription_to_charge": lambda now, after: Subscription.to_charge(
        DAY, after=after and (DAY, 1), limit=9
    ),
    "ix_subscription_to_remind": lambda now, after: Subscription.to_remind(
        DAY, after=after and (DAY, 1), limit=9
    ),
    "ix_subscription_past_due": lambda now, after: Subscription.to_lapse(
        DAY, after=after and (DAY, 1), limit=9
    ),
    "ix_subscription_incomplete": lambda now, after: Subscription.to_abandon(
        created_before=now, after=after and (now, 1), limit=9
    ),
    "ix_subscription_leaving": lambda now, after: Subscription.due_to_end(
        now=now, after=after and (now, 1), limit=9
    ),
    "ix_payment_attempt_pending": lambda now, after: PaymentAttempt.pending(
        looked_up_before=now, after=after and (now, 1), limit=9
    ),
    "ix_checkout_unfinished": lambda now, after: Checkout.unfinished(
        now=now, after=after and (now, "x"), limit=9
    ),
    "ix_checkout_open": lambda now, after: Checkout.to_abandon(
        expired_before=now, after=after and (now, "x"), limit=9
    ),
    "ix_billing_key_revoking": lambda now, after: BillingKey.to_revoke(
        now=now, after=after and (1,), limit=9
    ),
    "ix_refund_pending": lambda now, after: Refund.pending(
        now=now, after=after and (now, 1), limit=9
    ),
    "ix_sign_in_expires_at": lambda now, after: SignIn.outdated(
        before=now, after=after and (now, 1), limit=9
    ),
    "ix_webhook_event_received_at": lambda now, after: WebhookEvent.expired(
        before=now, after=after and (now, 1), limit=9
    ),
    "ix_webhook_event_pending": lambda now, after: WebhookEvent.pending(
        now=now, after=after and (now, 1), limit=9
    ),
    "ix_cash_receipt_due": lambda now, after: CashReceipt.due(
        now=now, after=after and (now, 1), limit=9
    ),
    "ix_notice_pending": lambda now, after: Notice.due(now=now, after=after and (now, 1), limit=9),
}


@pytest.fixture
def plan_of(context, backend):
    """Return the database's plan of the one query that a call makes."""

    def explain(ask):
        seen = []

        def note(_connection, _cursor, statement, parameters, *_):
            seen.append((statement, parameters))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            ask()
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        statement, parameters = seen[-1]
        words = "EXPLAIN " if backend == "postgresql" else "EXPLAIN QUERY PLAN "
        rows = db.session.connection().exec_driver_sql(words + statement, parameters)
        return "\n".join(str(row) for row in rows)

    if backend == "postgresql":
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
    return explain


@pytest.mark.parametrize("after", [None, True], ids=["first batch", "a later batch"])
@pytest.mark.parametrize("index", QUESTIONS)
def test_what_is_due_is_found_in_its_index(plan_of, now, index, after):
    plan = plan_of(lambda: QUESTIONS[index](now, after))
    assert index in plan, plan


def test_a_planted_question_without_an_index_is_seen(plan_of):
    plan = plan_of(lambda: db.session.execute(text("SELECT id FROM notice WHERE tries = 3")))
    assert "ix_notice_pending" not in plan
