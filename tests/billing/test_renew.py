from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from billing.cancel import end_due, resume, schedule_cancellation
from billing.collect import CollectionInProgress
from billing.dun import lapse
from billing.probe import probe
from billing.reconcile import reconcile
from billing.renew import renew
from billing.resolve import Decision, MoneyIsHeld, NotSetAside, resolve
from gateways.payment import (
    BillingKeyRejected,
    CardDeclined,
    OutcomeUnknown,
    RequestRejected,
)
from models import Breaker, Invoice, Notice, Payment, PaymentAttempt, Subscription, db
from models.invoice import InvoiceStatus
from models.notice import NoticeKind
from models.subscription import EndReason
from rules.collection_terms import CollectionTerms

TERMS = CollectionTerms()
DUE = datetime(2026, 12, 20, 0, 0, tzinfo=UTC)  # 09:00 on 20 December in Seoul
DAY = timedelta(days=1)


@pytest.fixture
def sub_id(subscription):
    return subscription.id


@pytest.fixture
def charge(sub_id, gateway, vault):
    """Charge the subscription at an instant; return the payment, or the refusal."""

    def at(now):
        gateway.now = now
        try:
            return renew(subscription_id=sub_id, gateway=gateway, vault=vault, terms=TERMS, now=now)
        except (CardDeclined, BillingKeyRejected, RequestRejected, OutcomeUnknown) as refusal:
            return refusal

    return at


@pytest.fixture
def sub(sub_id):
    """Return the subscription as it is now."""

    def load():
        db.session.rollback()
        db.session.expire_all()
        return db.session.get_one(Subscription, sub_id)

    return load


def declined(gateway, code="REJECT_CARD_PAYMENT", kind=CardDeclined):
    gateway.fail_next("charge", kind(code))


def ids(rows):
    return [row[-1] for row in rows]


def notices(kind):
    return db.session.scalars(select(Notice).filter_by(kind=kind).order_by(Notice.id)).all()


def test_a_renewal_says_little_to_the_database(sub_id, charge, statements):
    db.session.commit()
    db.session.expunge_all()
    del statements[:]

    assert isinstance(charge(DUE), Payment)

    assert [each for each in statements if each != "BEGIN IMMEDIATE"] == [
        "SELECT subscription.id,",
        "INSERT invoice",
        "INSERT payment_attempt",
        "UPDATE subscription",
        "INSERT payment_request",
        "SELECT payment_attempt.id,",
        "UPDATE payment_request",
        "INSERT notice",
        "UPDATE subscription",
        "UPDATE invoice",
        "UPDATE payment_attempt",
        "INSERT payment",
    ]


def test_a_renewal_is_due_at_nine_on_the_day_after_the_paid_period(sub, charge, gateway, sub_id):
    before = DUE - timedelta(seconds=1)
    assert sub().next_charge_on == date(2026, 12, 20)
    assert ids(Subscription.to_charge(TERMS.charging_day(before), limit=9)) == []
    assert charge(before) is None
    assert ids(Subscription.to_charge(TERMS.charging_day(DUE), limit=9)) == [sub_id]

    payment = charge(DUE)

    assert payment.amount_won == 9900
    renewed = sub()
    assert (renewed.period_no, renewed.paid_from_on) == (2, date(2026, 12, 20))
    assert renewed.paid_until_on == renewed.next_charge_on == date(2027, 1, 20)
    assert ids(Subscription.to_charge(TERMS.charging_day(DUE), limit=9)) == []
    assert len(gateway.payments) == 2


def test_a_renewal_is_for_what_the_customer_agreed_to(sub, charge):
    invoice = charge(DUE).invoice
    first = db.session.scalars(select(Invoice).order_by(Invoice.id)).first()
    assert invoice.quote_id == first.quote_id == sub().quote_id
    assert invoice.amount_won == invoice.quote.amount_won


def test_renewing_again_on_the_same_day_charges_nothing(charge, gateway):
    charge(DUE)
    assert charge(DUE) is None
    assert charge(DUE + timedelta(hours=10)) is None
    assert len(gateway.payments) == 2


def test_a_month_begun_on_the_31st_comes_back_to_the_31st(buyer, user, gateway, vault):
    start = datetime(2027, 1, 31, 2, 0, tzinfo=UTC)
    subscription = buyer.subscribe(user, now=start)
    ends = [subscription.paid_until_on]
    for _ in range(4):
        due = datetime.combine(ends[-1] or date.min, datetime.min.time(), tzinfo=UTC)
        renew(subscription_id=subscription.id, gateway=gateway, vault=vault, terms=TERMS, now=due)
        ends.append(db.session.get_one(Subscription, subscription.id).paid_until_on)
    assert [end.isoformat() for end in ends] == [
        "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30",
    ]  # fmt: skip


def test_a_year_begun_on_the_29th_of_february_comes_back_to_it(
    buyer, user, gateway, vault, yearly_plan
):
    start = datetime(2028, 2, 29, 2, 0, tzinfo=UTC)
    checkout = buyer.finish(buyer.come_back(user, now=start, plan=yearly_plan), now=start)
    subscription_id = checkout.invoice.subscription_id
    days = []
    for _ in range(4):
        due_on = db.session.get_one(Subscription, subscription_id).paid_until_on
        days.append(str(due_on))
        due = datetime.combine(due_on or date.min, datetime.min.time(), tzinfo=UTC)
        renew(subscription_id=subscription_id, gateway=gateway, vault=vault, terms=TERMS, now=due)
    assert days == ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "Europe/Berlin"])
def test_the_servers_time_zone_changes_nothing(zone, monkeypatch, sub, charge):
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert charge(DUE - timedelta(seconds=1)) is None
        assert charge(DUE).invoice.period_start_on == date(2026, 12, 20)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_everything_is_committed_before_a_renewal_leaves(sub, charge, gateway, in_other_session):
    seen = []

    def look(operation, request):
        if operation == "charge":
            seen.append(
                in_other_session(
                    select(PaymentAttempt.status, Invoice.status, Subscription.next_charge_on)
                    .join(Invoice, PaymentAttempt.invoice_id == Invoice.id)
                    .join(Subscription, Invoice.subscription_id == Subscription.id)
                    .where(PaymentAttempt.order_id == request.order_id)
                )
            )

    gateway.on_call = look
    charge(DUE)
    [[row]] = seen
    assert tuple(row) == ("pending", "open", None)


def test_many_at_once_renew_once(sub_id, gateway, vault, in_threads):
    outcomes = in_threads(
        16,
        lambda: renew(subscription_id=sub_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE),
    )
    assert len(gateway.payments) == 2
    assert sum(isinstance(outcome, Payment) for outcome in outcomes) == 1
    assert all(isinstance(one, Payment) or one is None for one in outcomes), outcomes


# -- dunning -----------------------------------------------------------------------------------


def test_the_first_decline_begins_the_dunning_and_keeps_the_access(sub, charge, gateway):
    declined(gateway)
    charge(DUE)

    owing = sub()
    assert owing.is_past_due
    assert owing.past_due_since == DUE
    assert owing.next_charge_on == date(2026, 12, 21)
    assert owing.grace_ends_on == date(2026, 12, 27)
    assert owing.grants_access(DUE, grace_days=7)
    [notice] = notices(NoticeKind.RENEWAL_FAILED)
    assert notice.facts["retry_on"] == "2026-12-21"
    assert notice.facts["grace_ends_on"] == "2026-12-27"


def test_retries_come_on_days_one_three_and_five_and_no_more(sub, charge, gateway, sub_id):
    tried = []
    for day in range(7):
        declined(gateway)
        if charge(DUE + day * DAY) is not None:
            tried.append(day)
        else:
            gateway._faults["charge"].clear()
    assert tried == [0, 1, 3, 5]
    assert sub().next_charge_on is None
    assert len(notices(NoticeKind.RENEWAL_FAILED)) == 4
    orders = [request.order_id for name, request in gateway.calls if name == "charge"]
    assert len(set(orders)) == len(orders), "each try after a decline is a new order"


def test_a_retry_that_is_paid_ends_the_dunning(sub, charge, gateway):
    declined(gateway)
    charge(DUE)
    charge(DUE + DAY)

    recovered = sub()
    assert recovered.is_active
    assert recovered.past_due_since is recovered.grace_ends_on is None
    assert recovered.paid_until_on == date(2027, 1, 20), "the anchor does not move"


def test_at_the_end_of_grace_the_subscription_ends_and_nothing_is_owed(
    sub, charge, gateway, sub_id
):
    declined(gateway)
    charge(DUE)
    last = datetime(2026, 12, 26, 14, 59, tzinfo=UTC)
    end = datetime(2026, 12, 26, 15, 0, tzinfo=UTC)
    assert sub().grants_access(last, grace_days=7)
    lapse(subscription_id=sub_id, now=last)
    assert sub().is_past_due

    assert ids(Subscription.to_lapse(date(2026, 12, 27), limit=9)) == [sub_id]
    lapse(subscription_id=sub_id, now=end)

    ended = sub()
    assert (ended.is_ended, ended.end_reason) == (True, EndReason.UNPAID)
    assert ended.open_invoice is None
    assert not ended.billing_key.is_active
    assert len(notices(NoticeKind.ENDED_UNPAID)) == 1


def test_a_pending_attempt_holds_the_end_of_grace_back(sub, charge, gateway, sub_id, vault):
    declined(gateway)
    charge(DUE)
    gateway.lose_next("charge")
    charge(DUE + 5 * DAY)
    end = DUE + 7 * DAY

    lapse(subscription_id=sub_id, now=end)
    assert sub().is_past_due

    [attempt_id] = ids(PaymentAttempt.pending(looked_up_before=None, limit=9))
    reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=end)
    assert sub().is_active
    lapse(subscription_id=sub_id, now=end)
    assert sub().is_active


@pytest.mark.parametrize("code", ["INVALID_STOPPED_CARD", "INVALID_CARD_EXPIRATION"])
def test_a_card_that_will_never_work_is_not_tried_again(sub, charge, gateway, code):
    declined(gateway, code, BillingKeyRejected)
    charge(DUE)

    owing = sub()
    assert owing.needs_card
    assert owing.next_charge_on is None
    assert charge(DUE + DAY) is None
    [notice] = notices(NoticeKind.RENEWAL_FAILED)
    assert notice.facts["retry_on"] is None


def test_the_card_companys_refusal_is_tried_once_more(sub, charge, gateway):
    declined(gateway, "REJECT_CARD_COMPANY", BillingKeyRejected)
    charge(DUE)
    assert sub().next_charge_on == date(2026, 12, 21)
    declined(gateway, "REJECT_CARD_COMPANY", BillingKeyRejected)
    charge(DUE + DAY)
    assert sub().needs_card


def test_our_own_mistake_sets_the_invoice_aside_and_punishes_nobody(sub, charge, gateway):
    gateway.fail_next("charge", RequestRejected("INVALID_ORDER_NAME"))
    charge(DUE)

    held = sub()
    assert held.is_active and held.is_held
    assert held.grants_access(DUE + 30 * DAY, grace_days=7)
    assert charge(DUE + DAY) is None
    assert notices(NoticeKind.RENEWAL_FAILED) == []
    assert len(notices(NoticeKind.MERCHANT_ALERT)) == 1


def test_a_charge_that_differs_is_set_aside_with_the_access_kept(sub, charge, gateway):
    gateway.answer_next("charge", total_won=990)
    charge(DUE)
    held = sub()
    assert held.is_held
    assert held.grants_access(DUE + 30 * DAY, grace_days=7)
    assert len(gateway.payments) == 2
    assert charge(DUE + DAY) is None


def newest_order_id():
    newest = select(PaymentAttempt.order_id).order_by(PaymentAttempt.id.desc()).limit(1)
    return db.session.scalars(newest).one()


@pytest.fixture
def decide(gateway, sub_id):
    """Resolve the newest order as the merchant decides."""

    def now(decision, at):
        resolve(
            order_id=newest_order_id(),
            decision=decision,
            gateway=gateway,
            terms=TERMS,
            now=at,
        )

    return now


def test_the_merchant_may_have_a_set_aside_order_charged_again(sub, charge, gateway, decide):
    gateway.fail_next("charge", RequestRejected("INVALID_ORDER_NAME"))
    charge(DUE)

    decide(Decision.CHARGE_AGAIN, DUE + DAY)
    charge(DUE + DAY)

    assert sub().is_active and not sub().is_held
    assert sub().paid_until_on == date(2027, 1, 20)


def test_the_merchant_may_waive_a_set_aside_order(sub, charge, gateway, decide):
    gateway.fail_next("charge", RequestRejected("INVALID_ORDER_NAME"))
    charge(DUE)

    decide(Decision.WAIVE, DUE + DAY)

    assert not sub().is_held
    assert sub().next_charge_on == date(2027, 1, 20)
    assert len(gateway.payments) == 1
    with pytest.raises(NotSetAside):
        decide(Decision.WAIVE, DUE + DAY)


@pytest.mark.parametrize("decision", Decision)
def test_money_that_toss_holds_is_booked_and_not_charged_again(
    sub, charge, gateway, decide, decision
):
    gateway.answer_next("charge", total_won=990)
    charge(DUE)

    decide(decision, DUE + DAY)

    assert not sub().is_held
    assert sub().paid_until_on == date(2027, 1, 20)
    assert charge(DUE + DAY) is None
    assert len(gateway.payments) == 2
    assert len(sub().invoices[-1].attempts) == 1
    assert sub().invoices[-1].is_paid


def test_another_sum_that_toss_holds_must_be_canceled_there_first(sub, charge, gateway, decide):
    gateway.answer_next("charge", total_won=990)
    charge(DUE)
    gateway.answer_next("find_order", total_won=990)

    with pytest.raises(MoneyIsHeld):
        decide(Decision.CHARGE_AGAIN, DUE + DAY)

    assert sub().is_held
    assert charge(DUE + DAY) is None


def test_a_payment_that_failed_at_toss_holds_no_money(sub, charge, gateway, decide):
    """Such an answer has a balance too: that of what was asked for."""
    gateway.fail_next("charge", RequestRejected("INVALID_ORDER_NAME"))
    charge(DUE)
    gateway.abort_window(gateway.open_window(newest_order_id(), 9900))

    decide(Decision.WAIVE, DUE + DAY)

    assert not sub().is_held
    assert len(gateway.payments) == 1


def test_an_order_that_nobody_knows_is_not_resolved(gateway):
    with pytest.raises(NotSetAside):
        resolve(
            order_id="sub1-unknown",
            decision=Decision.WAIVE,
            gateway=gateway,
            terms=TERMS,
            now=DUE,
        )


# -- a refused pair of keys --------------------------------------------------------------------


def refused_keys(gateway):
    gateway.fail_next("charge", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))


def test_refused_keys_stop_all_charging_until_a_probe_goes_through(sub, charge, gateway):
    refused_keys(gateway)
    charge(DUE)

    waiting = sub()
    assert waiting.is_active and not waiting.is_held
    assert waiting.next_charge_on == date(2026, 12, 20)
    assert charge(DUE + timedelta(minutes=5)) is None
    assert ids(Breaker.to_probe(now=DUE + timedelta(minutes=9), limit=9)) == []
    later = DUE + timedelta(minutes=10)
    assert ids(Breaker.to_probe(now=later, limit=9)) == ["billing"]

    gateway.fail_next("find_order", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))
    with pytest.raises(RequestRejected):
        probe(key_pair="billing", gateway=gateway, now=later)
    assert charge(later) is None
    assert ids(Breaker.to_probe(now=later, limit=9)) == []

    probe(key_pair="billing", gateway=gateway, now=later + timedelta(minutes=10))
    assert charge(later + timedelta(minutes=10)).amount_won == 9900
    assert notices(NoticeKind.RENEWAL_FAILED) == []
    assert len(notices(NoticeKind.MERCHANT_ALERT)) == 1


def test_refused_keys_hold_the_end_of_grace_back(sub, charge, gateway, sub_id):
    declined(gateway)
    charge(DUE)
    refused_keys(gateway)
    charge(DUE + DAY)

    lapse(subscription_id=sub_id, now=DUE + 8 * DAY)

    assert sub().is_past_due


# -- lost answers ------------------------------------------------------------------------------


def test_a_lost_renewal_is_settled_by_a_look_up(sub, charge, gateway, vault):
    gateway.lose_next("charge")
    charge(DUE)
    assert sub().is_active and sub().next_charge_on is None
    assert charge(DUE + DAY) is None
    [attempt_id] = ids(PaymentAttempt.pending(looked_up_before=DUE + DAY, limit=9))

    reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE + DAY)

    assert sub().next_charge_on == date(2027, 1, 20)
    assert len(gateway.payments) == 2


def test_a_lost_decline_begins_the_dunning_when_it_is_found(sub, charge, gateway, vault):
    gateway.lose_before("charge")
    charge(DUE)
    [attempt_id] = ids(PaymentAttempt.pending(looked_up_before=None, limit=9))
    declined(gateway)

    with pytest.raises(CardDeclined):
        reconcile(
            attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE + 2 * DAY
        )

    assert sub().is_past_due
    assert sub().next_charge_on == date(2026, 12, 23), "counted from the decline"


# -- leaving -----------------------------------------------------------------------------------


def cancel(sub_id, user, now):
    return schedule_cancellation(subscription_id=sub_id, actor_id=user.id, now=now)


def test_who_canceled_is_not_charged_and_who_resumed_is(sub_id, user, sub, charge, now):
    cancel(sub_id, user, now)
    assert sub().next_charge_on is None
    assert charge(DUE) is None
    resume(subscription_id=sub_id, actor_id=user.id, now=now)
    assert charge(DUE).amount_won == 9900


def test_leaving_from_past_due_ends_at_once_and_voids_what_is_owed(
    sub_id, user, sub, charge, gateway
):
    declined(gateway)
    charge(DUE)
    cancel(sub_id, user, DUE + DAY)
    assert sub().is_ended
    statuses = [invoice.status for invoice in sub().invoices]
    assert statuses == [InvoiceStatus.PAID, InvoiceStatus.VOID]
    assert charge(DUE + 3 * DAY) is None


def test_a_payment_under_way_when_the_customer_left_is_served_to_its_end(
    sub_id, user, sub, charge, gateway, vault
):
    gateway.lose_next("charge")
    charge(DUE)
    cancel(sub_id, user, DUE + timedelta(hours=1))
    end_due(subscription_id=sub_id, now=DUE + timedelta(hours=2))
    assert not sub().is_ended

    [attempt_id] = ids(PaymentAttempt.pending(looked_up_before=None, limit=9))
    reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE + DAY)

    leaving = sub()
    assert leaving.is_canceling and leaving.next_charge_on is None
    assert leaving.ends_at == datetime(2027, 1, 19, 15, 0, tzinfo=UTC)
    end_due(subscription_id=sub_id, now=leaving.ends_at)
    assert sub().is_ended


def test_a_decline_after_the_customer_left_tries_nothing_more(
    sub_id, user, sub, charge, gateway, vault
):
    gateway.lose_before("charge")
    charge(DUE)
    cancel(sub_id, user, DUE + timedelta(hours=1))
    [attempt_id] = ids(PaymentAttempt.pending(looked_up_before=None, limit=9))
    declined(gateway)
    with pytest.raises(CardDeclined):
        reconcile(attempt_id=attempt_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE + DAY)
    end_due(subscription_id=sub_id, now=DUE + DAY)
    assert sub().is_ended
    assert notices(NoticeKind.RENEWAL_FAILED) == []


# -- a run that was down -----------------------------------------------------------------------


def test_inside_the_grace_a_late_renewal_keeps_its_days(sub, charge):
    charge(DUE + 6 * DAY)
    assert sub().paid_from_on == date(2026, 12, 20)
    assert sub().next_charge_on == date(2027, 1, 20)


def test_after_three_months_a_new_term_begins_with_a_notice_and_one_charge(
    sub, charge, gateway, sub_id
):
    found = datetime(2027, 3, 25, 0, 0, tzinfo=UTC)
    assert charge(found) is None
    assert len(gateway.payments) == 1, "nothing is charged without notice"

    waiting = sub()
    assert waiting.is_paused
    assert waiting.next_charge_on == waiting.anchor_on == date(2027, 4, 1)
    assert not waiting.grants_access(found, grace_days=7)
    gap = waiting.invoices[-1]
    assert (gap.status, gap.amount_won) == (InvoiceStatus.SKIPPED, 0)
    assert (gap.period_start_on, gap.period_end_on) == (date(2026, 12, 20), date(2027, 4, 1))
    [notice] = notices(NoticeKind.TERM_RESTARTED)
    assert notice.facts["charge_on"] == "2027-04-01"

    payment = charge(datetime(2027, 4, 1, 0, 0, tzinfo=UTC))
    assert payment.invoice.period_start_on == date(2027, 4, 1)
    assert (sub().term_no, sub().period_no) == (2, 1)
    assert sub().next_charge_on == date(2027, 5, 1)
    assert len(gateway.payments) == 2


def test_a_new_term_may_be_left_before_its_charge(sub_id, user, sub, charge, gateway):
    found = datetime(2027, 3, 25, 0, 0, tzinfo=UTC)
    charge(found)
    cancel(sub_id, user, found + DAY)
    end_due(subscription_id=sub_id, now=found + DAY)
    assert sub().is_ended
    assert len(gateway.payments) == 1


def test_a_clock_that_jumps_back_charges_nothing_twice(sub, charge, gateway):
    charge(DUE)
    assert charge(DUE - 40 * DAY) is None
    assert charge(DUE) is None
    assert len(gateway.payments) == 2


def test_an_attempt_in_flight_that_a_day_of_charge_forgot_is_not_doubled(
    sub_id, sub, charge, gateway, vault
):
    gateway.lose_next("charge")
    charge(DUE)
    sub().charge_on(date(2026, 12, 20))
    db.session.commit()
    with pytest.raises(CollectionInProgress):
        renew(subscription_id=sub_id, gateway=gateway, vault=vault, terms=TERMS, now=DUE)
    assert sub().next_charge_on is None
