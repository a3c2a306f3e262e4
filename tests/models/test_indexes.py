"""Each question that a run asks has an index of its own, which its very words may use."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event, insert, select, text

from models import (
    AuditEntry,
    BillingKey,
    CashReceipt,
    Checkout,
    Invoice,
    Notice,
    PassOrder,
    PaymentAttempt,
    PriceChange,
    Refund,
    SignIn,
    Subscription,
    User,
    WebhookEvent,
    db,
)
from models.base import beginning_with
from models.subscription import SubscriptionGroup

DAY = date(2027, 1, 4)

QUESTIONS = {
    "ix_subscription_to_charge": lambda now, after: Subscription.to_charge(
        DAY, after=after and (DAY, 1), limit=9
    ),
    "ix_subscription_to_remind": lambda now, after: Subscription.to_remind(
        DAY, after=after and (DAY, 1), limit=9
    ),
    "ix_price_change_to_follow": lambda now, after: PriceChange.to_follow(
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
    "ix_pass_order_confirming": lambda now, after: PassOrder.confirming(
        now=now, after=after and (now, "x"), limit=9
    ),
    "ix_pass_order_open": lambda now, after: PassOrder.to_abandon(
        expired_before=now, after=after and (now, "x"), limit=9
    ),
    "ix_pass_order_to_announce": lambda now, after: PassOrder.to_announce(
        DAY, after=after and (DAY, "x"), limit=9
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
    "ix_audit_entry_office": lambda now, after: AuditEntry.old_visits(
        before=now, after=after and (now, 1), limit=9
    ),
    "ix_notice_pending": lambda now, after: Notice.due(now=now, after=after and (now, 1), limit=9),
}


@pytest.fixture
def crowd(context, backend, user, now):
    """Fill two tables on PostgreSQL, which reads a small one in any order: all are as good."""
    if backend != "postgresql":
        return
    key = {"user_id": user.id, "method": "카드", "card_issuer": "하나", "key_pair": "billing"}
    key |= {"m_id": "x", "secret_fingerprint": "x", "issued_at": now, "ciphertext": "x"}
    entry = {"action": "plan.described", "subject_type": "plan", "subject_id": "1", "facts": {}}
    numbers = range(3000)
    keys = [{**key, "fingerprint": str(n), "card_number": f"{n:04}"} for n in numbers]
    db.session.execute(insert(BillingKey), keys)
    entries = [{**entry, "at": now - timedelta(hours=n)} for n in numbers]
    db.session.execute(insert(AuditEntry), entries)
    for table in ("billing_key", "audit_entry"):
        db.session.execute(text(f"ANALYZE {table}"))


@pytest.fixture
def plan_of(context, backend, crowd):
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


SEARCHES = {
    "ix_user_account_email_beginning": lambda: db.session.scalars(
        select(User.id).where(beginning_with(User.email, "hana@"))
    ).all(),
    "ix_billing_key_card_tail": lambda: BillingKey.users_with_tail("1234", limit=9),
    "ix_subscription_active": lambda: Subscription.listed(SubscriptionGroup.ACTIVE, 9),
    "ix_subscription_past_due": lambda: Subscription.listed(SubscriptionGroup.PAST_DUE, 9),
    "ix_subscription_leaving": lambda: Subscription.listed(SubscriptionGroup.LEAVING, 9),
    "ix_subscription_incomplete": lambda: Subscription.listed(SubscriptionGroup.INCOMPLETE, 9),
    "ix_subscription_ended": lambda: Subscription.listed(SubscriptionGroup.ENDED, 9),
    "ix_refund_by_hand": lambda: Refund.owed_by_hand(9),
    "ix_notice_dead": lambda: Notice.dead_ones(9),
    "ix_webhook_event_dead": lambda: WebhookEvent.dead_ones(9),
    "ix_pass_order_set_aside": lambda: PassOrder.set_aside_ones(9),
    "ix_pass_order_newest": lambda: PassOrder.listed(9),
    "ix_invoice_set_aside": lambda: Invoice.set_aside_ones(9),
}


@pytest.mark.parametrize("index", SEARCHES)
def test_what_the_merchant_looks_for_is_found_in_its_index(plan_of, backend, index):
    if backend == "sqlite" and "beginning" in index:
        return  # SQLite compares letters without their case, and is for small shops.
    if backend == "postgresql" and index.endswith("_newest"):
        db.session.execute(text("SET LOCAL enable_sort = off"))  # One row is sorted as fast.
    assert index in plan_of(SEARCHES[index])


@pytest.mark.parametrize("after", [None, True], ids=["first batch", "a later batch"])
@pytest.mark.parametrize("index", QUESTIONS)
def test_what_is_due_is_found_in_its_index(plan_of, backend, now, index, after):
    if backend == "postgresql":  # With next to no rows a sort costs nothing, with a million much.
        db.session.execute(text("SET LOCAL enable_sort = off"))
    plan = plan_of(lambda: QUESTIONS[index](now, after))
    assert index in plan, plan


def test_a_planted_question_without_an_index_is_seen(plan_of):
    plan = plan_of(lambda: db.session.execute(text("SELECT id FROM notice WHERE tries = 3")))
    assert "ix_notice_pending" not in plan
