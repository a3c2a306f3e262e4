"""A higher price: asked in its thirty days, charged on its day to who agreed, and nobody else."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

import timetable
from billing.agree_to_price import (
    NothingToAnswer,
    PriceKept,
    PriceQuoteExpired,
    agree_to_price,
    keep_price,
    quote_price,
)
from billing.agreements import Agreement
from billing.cancel import resume, schedule_cancellation
from billing.change_card import start_card_change
from billing.change_plan import NotChangeable, change_plan, quote_change, undo_change
from billing.extend import NotExtendable, extend
from billing.leave import leave_now, quote_leaving
from billing.offer_price import (
    AlreadyOffered,
    NobodyToAsk,
    NotComparable,
    OfferOver,
    WrongDay,
    offer_price,
    withdraw_offer,
)
from billing.renew import renew
from billing.resolve import Decision, resolve
from billing.send_again import send_again
from billing.subscribe import authorize_checkout, finish_checkout
from chaos.charged import Charged
from chaos.promises import broken
from gateways.payment import CardDeclined, RequestRejected
from models import (
    AuditEntry,
    Breaker,
    Consent,
    Invoice,
    Notice,
    PaymentAttempt,
    Plan,
    PriceChange,
    Product,
    Quote,
    Subscription,
    db,
)
from models.notice import NoticeKind
from models.price_change import PriceChangeStatus
from rules.periods import Interval, Period, seoul_date, seoul_instant
from rules.refunds import RefundTerms
from tests.billing.conftest import TERMS

pytestmark = pytest.mark.slow

AGREED = Agreement(
    "price_rise", "1", "12월 20일부터 12,900원에 동의합니다.", "terms", "<p>약관</p>"
)
DAY = timedelta(days=1)
ON = date(2026, 12, 20)
"""The merchant's day, and that of the subscription begun on 20 November."""
OPENS = date(2026, 11, 20)


def plan_like(plan, slug, won, **values):
    like = Plan(
        product_id=plan.product_id,
        slug=slug,
        name=f"플랜 {slug}",
        summary="글",
        description="글",
        features="글",
        price_won=won,
        **{"interval": plan.interval, **values},
    )
    db.session.add(like)
    db.session.commit()
    return like


@pytest.fixture
def dearer(plan):
    return plan_like(plan, "premium-2027", 12_900)


@pytest.fixture
def offer(subscription, plan, dearer, merchant, now):
    """Offer the dearer plan on the first day that is allowed, which is the first renewal."""
    return offer_price(
        from_plan=plan,
        to_plan=dearer,
        change_on=ON,
        reason="종이값이 올랐어요.",
        actor_id=merchant.id,
        now=now,
    )


@pytest.fixture
def run(app, gateway):
    """Do all that is due at 9 in the morning of a day, without the mails."""

    jobs = [job for job in timetable.EVERYTHING if job is not timetable.NOTICES]

    def on(*days, hour=9):
        for day in days:
            gateway.now = seoul_instant(day, hour)
            db.session.commit()
            summary = timetable.Run(app, time=lambda: gateway.now, workers=1).do(jobs)
            assert not summary.failed, summary.failed

    return on


@pytest.fixture
def sub(subscription):
    """Return the subscription as it is now."""
    subscription_id = subscription.id

    def read():
        db.session.rollback()
        db.session.expire_all()
        return db.session.get_one(Subscription, subscription_id)

    return read


@pytest.fixture
def change(sub):
    """Return what the subscription's customer was asked last."""
    return lambda: PriceChange.latest_for(sub().id)


@pytest.fixture
def agree(sub):
    """See the page and agree at an instant; the page may have been opened earlier."""

    def at(moment, seen_at=None):
        quote = quote_price(subscription_id=sub().id, now=seen_at or moment)
        return agree_to_price(
            subscription_id=sub().id,
            quote_id=quote.id,
            agreement=AGREED,
            address="203.0.113.9",
            now=moment,
        )

    return at


@pytest.fixture
def keep(sub):
    return lambda at: keep_price(subscription_id=sub().id, address="203.0.113.9", now=at)


@pytest.fixture(autouse=True)
def _promises(request, gateway):
    """Whatever a story did, no promise is broken at its end."""
    yield
    charged = [
        Charged(
            paid.order_id,
            paid.total_won,
            paid.balance_won,
            tuple((cancel.reason, cancel.amount_won) for cancel in paid.cancels),
        )
        for paid in gateway.payments
    ]
    found = broken(charged, terms=TERMS, now=gateway.now, is_settled=False)
    unbought = {
        f"5: subscription {one.id} is charged without a consent" for one in _all(Subscription)
    }
    assert set(found) <= unbought, found


def _all(model):
    return db.session.scalars(select(model)).all()


def paid(gateway):
    return [payment.total_won for payment in gateway.payments]


def mails(kind):
    return db.session.scalars(select(Notice).filter_by(kind=kind).order_by(Notice.id)).all()


def status_of(change):
    return change().status


LAST_MOMENT = seoul_instant(ON) - timedelta(seconds=1)


# -- the days ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [
        seoul_instant(OPENS, 11),
        seoul_instant(OPENS) + timedelta(hours=23, minutes=59, seconds=59),
        seoul_instant(ON - DAY),
        LAST_MOMENT,
    ],
)
def test_a_yes_inside_the_thirty_days_is_charged_from_its_day_on(
    offer, run, sub, change, agree, gateway, moment
):
    agree(moment)
    assert sub().next_won == 12_900
    run(ON)

    assert paid(gateway) == [9_900, 12_900]
    assert sub().plan.slug == "premium-2027"
    assert status_of(change) is PriceChangeStatus.APPLIED
    run(date(2027, 1, 20))
    assert paid(gateway) == [9_900, 12_900, 12_900]


def test_thirty_one_days_before_nobody_is_asked_and_a_yes_is_void(
    subscription, plan, dearer, merchant, run, sub, change, agree, gateway, now
):
    """Offered for 21 December: the day is 20 January, its window opens on 21 December."""
    offer_price(
        from_plan=plan, to_plan=dearer, change_on=date(2026, 12, 21), reason="글",
        actor_id=merchant.id, now=now,
    )  # fmt: skip
    run(ON)
    assert mails(NoticeKind.PRICE_ASKED) == []
    with pytest.raises(NothingToAnswer):
        quote_price(subscription_id=sub().id, now=seoul_instant(ON, 23))
    forged = Quote.price_rise(
        user_id=subscription.user_id,
        plan=dearer,
        anchor_on=sub().anchor_on,
        period=change().period,
        now=seoul_instant(ON, 22),
    )
    db.session.commit()
    with pytest.raises(NothingToAnswer):
        agree_to_price(
            subscription_id=sub().id, quote_id=forged.id, agreement=AGREED, address="x",
            now=seoul_instant(ON, 22) + timedelta(minutes=59),
        )  # fmt: skip
    with pytest.raises(NothingToAnswer):
        keep_price(subscription_id=sub().id, address="x", now=seoul_instant(ON, 23))
    assert _all(Consent) == []

    run(ON + DAY, hour=0)
    [asked] = mails(NoticeKind.PRICE_ASKED)
    assert asked.facts["on"] == "2027-01-20"
    run(date(2027, 1, 20))
    assert paid(gateway) == [9_900, 9_900, 9_900]


@pytest.mark.parametrize("days_before", [31, 45, 0, -1])
def test_a_consent_of_another_day_is_worth_nothing_whatever_the_books_say(
    offer, run, sub, change, agree, gateway, days_before
):
    """Somebody changed the books: the renewal itself looks at the day of the consent."""
    agree(seoul_instant(OPENS, 11))
    change().consent.given_at = seoul_instant(ON - days_before * DAY, 12)
    db.session.commit()
    run(ON)

    assert paid(gateway) == [9_900, 9_900]
    assert sub().plan.slug == "premium-monthly"
    run(ON + DAY)
    assert status_of(change) is PriceChangeStatus.LAPSED


def test_the_day_itself_is_too_late(offer, run, sub, change, agree, gateway):
    run(OPENS)
    for late in (seoul_instant(ON), seoul_instant(ON, 8)):
        with pytest.raises(NothingToAnswer):
            agree(late)
        with pytest.raises(NothingToAnswer):
            agree(late, seen_at=LAST_MOMENT)
    run(ON)

    assert paid(gateway) == [9_900, 9_900]
    assert sub().plan.slug == "premium-monthly"


def test_silence_keeps_the_old_price_and_is_not_asked_twice(offer, run, sub, change, gateway):
    run(*(OPENS + count * DAY for count in range(31)))
    assert len(mails(NoticeKind.PRICE_ASKED)) == 1
    assert paid(gateway) == [9_900, 9_900]
    assert sub().is_active and sub().plan.slug == "premium-monthly"

    run(ON + DAY, date(2027, 1, 20), date(2027, 2, 20))
    assert status_of(change) is PriceChangeStatus.LAPSED
    assert len(mails(NoticeKind.PRICE_ASKED)) == 1
    assert paid(gateway) == [9_900] * 4


def test_a_no_is_remembered_and_nobody_asks_again(
    offer, run, sub, change, agree, keep, gateway, plan, dearer, merchant
):
    run(OPENS)
    keep(seoul_instant(OPENS, 12))
    assert status_of(change) is PriceChangeStatus.REFUSED
    with pytest.raises(NothingToAnswer):
        agree(seoul_instant(OPENS + DAY))
    with pytest.raises(PriceKept):
        agree_to_price(
            subscription_id=sub().id, quote_id=1, agreement=AGREED, address="x",
            now=seoul_instant(OPENS + DAY),
        )  # fmt: skip
    run(ON, ON + DAY)
    assert paid(gateway) == [9_900, 9_900]
    assert len(mails(NoticeKind.PRICE_ASKED)) == 1

    with pytest.raises(NobodyToAsk):
        offer_price(
            from_plan=plan, to_plan=dearer, change_on=ON + 40 * DAY, reason="글",
            actor_id=merchant.id, now=seoul_instant(ON + DAY),
        )  # fmt: skip


def test_a_yes_can_be_taken_back_until_the_charge_begins(
    offer, run, sub, change, agree, keep, gateway
):
    agree(seoul_instant(OPENS, 12))
    keep(seoul_instant(ON, 8))

    assert status_of(change) is PriceChangeStatus.WITHDRAWN
    assert sub().next_won == 9_900
    assert len(mails(NoticeKind.PRICE_KEPT)) == 1
    run(ON)
    assert paid(gateway) == [9_900, 9_900]


def test_once_it_is_charged_there_is_nothing_to_take_back(offer, run, agree, keep, change):
    agree(seoul_instant(OPENS, 12))
    run(ON)
    with pytest.raises(NothingToAnswer):
        keep(seoul_instant(ON, 10))
    assert status_of(change) is PriceChangeStatus.APPLIED


def test_a_page_that_is_old_or_not_true_any_more_is_no_consent(
    offer, run, sub, change, agree, dearer, plan, other_user
):
    moment = seoul_instant(OPENS, 12)
    run(OPENS)
    with pytest.raises(PriceQuoteExpired):
        agree(moment + timedelta(minutes=60), seen_at=moment)
    another_day = Quote.price_rise(
        user_id=sub().user_id, plan=dearer, anchor_on=sub().anchor_on,
        period=plan.period(sub().anchor_on, 3), now=moment,
    )  # fmt: skip
    anothers = Quote.price_rise(
        user_id=other_user.id, plan=dearer, anchor_on=sub().anchor_on,
        period=change().period, now=moment,
    )  # fmt: skip
    no_rise = Quote.change_later(user_id=sub().user_id, plan=dearer, anchor_on=ON, now=moment)
    db.session.commit()
    for quote_id in (another_day.id, anothers.id, no_rise.id, 2**31 - 1):
        with pytest.raises(PriceQuoteExpired):
            agree_to_price(
                subscription_id=sub().id, quote_id=quote_id, agreement=AGREED, address="x",
                now=moment,
            )  # fmt: skip
    assert _all(Consent) == []
    assert status_of(change) is PriceChangeStatus.ASKED


# -- what is kept and told ---------------------------------------------------------------------


def test_the_yes_is_kept_word_for_word_with_its_quote(offer, agree, change, sub):
    agree(seoul_instant(OPENS, 12))

    kept = change()
    assert kept.consent.text == AGREED.text
    assert (kept.consent.document, kept.consent.version) == ("price_rise", "1")
    assert kept.consent.address == "203.0.113.9"
    assert kept.consent.policy_text.html == "<p>약관</p>"
    assert kept.quote.amount_won == 12_900
    assert kept.quote.period_start_on == ON
    entry = db.session.scalars(select(AuditEntry).filter_by(action="price.agreed")).one()
    assert (entry.actor_id, entry.address) == (sub().user_id, "203.0.113.9")
    assert len(mails(NoticeKind.PRICE_AGREED)) == 1


def test_the_invoice_names_the_quote_that_was_agreed_to(offer, agree, run, change):
    agree(seoul_instant(OPENS, 12))
    run(ON)

    invoice = db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one()
    assert invoice.quote_id == change().quote_id
    assert (invoice.term_no, invoice.period_no) == (1, 2), "the term goes on"


def test_the_reminder_tells_the_true_next_amount(offer, agree, keep, run):
    run(OPENS)
    agree(seoul_instant(ON - 8 * DAY, 12))
    run(ON - 7 * DAY)
    assert [one.facts["won"] for one in mails(NoticeKind.RENEWAL_COMING)] == [12_900]


def test_the_reminder_of_the_silent_tells_the_old_amount(offer, run):
    run(OPENS, ON - 7 * DAY)
    assert [one.facts["won"] for one in mails(NoticeKind.RENEWAL_COMING)] == [9_900]


def test_agreeing_in_two_tabs_is_one_consent(offer, run, sub, in_threads):
    moment = seoul_instant(OPENS, 12)
    subscription_id = sub().id
    quotes = [quote_price(subscription_id=subscription_id, now=moment).id for _ in range(4)]

    def tab():
        return agree_to_price(
            subscription_id=subscription_id, quote_id=quotes.pop(), agreement=AGREED, address="x",
            now=moment,
        )  # fmt: skip

    results = in_threads(4, tab)

    assert all(isinstance(one, PriceChange) for one in results), results
    assert len(_all(Consent)) == 1
    assert len(mails(NoticeKind.PRICE_AGREED)) == 1


def test_a_no_in_another_tab_takes_the_yes_back(offer, agree, keep, change, sub):
    agree(seoul_instant(OPENS, 12))
    keep(seoul_instant(OPENS, 12))

    assert status_of(change) is PriceChangeStatus.WITHDRAWN
    assert sub().next_plan is None


# -- the merchant ------------------------------------------------------------------------------


def test_an_offer_that_is_taken_back_keeps_the_price_and_tells_who_agreed(
    offer, run, sub, change, agree, merchant, gateway
):
    agree(seoul_instant(OPENS, 12))
    withdraw_offer(offer_id=offer.id, actor_id=merchant.id, now=seoul_instant(ON - DAY, 12))
    run(ON - DAY, hour=13)

    assert sub().next_won == 9_900
    assert status_of(change) is PriceChangeStatus.DROPPED
    assert len(mails(NoticeKind.PRICE_DROPPED)) == 1
    run(ON)
    assert paid(gateway) == [9_900, 9_900]
    with pytest.raises(OfferOver):
        withdraw_offer(offer_id=offer.id, actor_id=merchant.id, now=seoul_instant(ON, 12))


def test_a_renewal_right_after_the_offer_was_taken_back_is_at_the_old_price(
    app, offer, run, sub, agree, merchant, gateway
):
    """The worker looks at the renewal before it looked at the consent."""
    agree(seoul_instant(OPENS, 12))
    due = seoul_instant(ON, 9)
    withdraw_offer(offer_id=offer.id, actor_id=merchant.id, now=due)
    gateway.now = due
    timetable.Run(app, time=lambda: due, workers=1).do([timetable.RENEWALS])

    assert paid(gateway) == [9_900, 9_900]
    run(ON, hour=10)
    assert len(mails(NoticeKind.PRICE_DROPPED)) == 1


def test_who_was_only_asked_hears_nothing_of_the_offers_end(offer, run, merchant, change):
    run(OPENS)
    withdraw_offer(offer_id=offer.id, actor_id=merchant.id, now=seoul_instant(OPENS, 12))
    run(OPENS + DAY)

    assert status_of(change) is PriceChangeStatus.DROPPED
    assert mails(NoticeKind.PRICE_DROPPED) == []
    with pytest.raises(NothingToAnswer):
        quote_price(subscription_id=change().subscription_id, now=seoul_instant(OPENS + DAY))


def test_an_offer_is_taken_back_while_somebody_agrees(
    offer, sub, merchant, run, in_threads, gateway
):
    moment = seoul_instant(OPENS, 12)
    subscription_id, offer_id, merchant_id = sub().id, offer.id, merchant.id
    quote_id = quote_price(subscription_id=subscription_id, now=moment).id
    acts = [
        lambda: agree_to_price(
            subscription_id=subscription_id, quote_id=quote_id, agreement=AGREED, address="x",
            now=moment,
        ),
        lambda: withdraw_offer(offer_id=offer_id, actor_id=merchant_id, now=moment),
    ]  # fmt: skip
    results = in_threads(2, lambda: acts.pop()())

    assert all(one is None or isinstance(one, PriceChange | NothingToAnswer) for one in results)
    run(OPENS, ON)
    assert paid(gateway) == [9_900, 9_900]
    assert sub().next_plan is None


@pytest.mark.parametrize("days", [29, 367])
def test_a_day_that_leaves_no_thirty_days_or_is_far_off_is_refused(
    subscription, plan, dearer, merchant, now, days
):
    with pytest.raises(WrongDay):
        offer_price(
            from_plan=plan, to_plan=dearer, change_on=seoul_date(now) + days * DAY, reason="글",
            actor_id=merchant.id, now=now,
        )  # fmt: skip
    assert _all(PriceChange) == []


def test_only_a_higher_price_of_the_same_thing_can_be_offered(
    subscription, plan, dearer, yearly_plan, merchant, now
):
    other = Product(slug="other", name="다른", description="글")
    db.session.add(other)
    db.session.commit()
    elsewhere = Plan(
        product_id=other.id, slug="else", name="글", summary="글", description="글", features="글",
        price_won=12_900, interval=Interval.MONTH,
    )  # fmt: skip
    db.session.add(elsewhere)
    db.session.commit()
    quarterly = plan_like(plan, "quarterly", 29_000, interval_count=3)
    same = plan_like(plan, "same", 9_900)
    for to_plan in (plan, same, yearly_plan, quarterly, elsewhere):
        with pytest.raises(NotComparable):
            offer_price(
                from_plan=plan, to_plan=to_plan, change_on=ON, reason="글",
                actor_id=merchant.id, now=now,
            )  # fmt: skip
    with pytest.raises(NotComparable):
        offer_price(
            from_plan=dearer, to_plan=plan, change_on=ON, reason="글",
            actor_id=merchant.id, now=now,
        )  # fmt: skip


def test_two_offers_at_once_are_one(offer, plan, dearer, merchant, now):
    with pytest.raises(AlreadyOffered):
        offer_price(
            from_plan=plan, to_plan=plan_like(plan, "dearest", 19_900), change_on=ON, reason="글",
            actor_id=merchant.id, now=now,
        )  # fmt: skip


def test_one_offer_is_made_however_often_the_button_is_pressed(
    subscription, plan, dearer, merchant, now, in_threads
):
    plan_ids, merchant_id = (plan.id, dearer.id), merchant.id

    def press():
        old, new = (db.session.get_one(Plan, plan_id) for plan_id in plan_ids)
        offer_price(
            from_plan=old, to_plan=new, change_on=ON, reason="글", actor_id=merchant_id, now=now
        )

    results = in_threads(4, press)

    assert results.count(None) == 1
    assert sum(isinstance(one, AlreadyOffered) for one in results) == 3, results
    assert len(_all(PriceChange)) == 1


def test_who_subscribes_after_the_offer_is_not_asked(
    app, offer, buyer, other_user, run, gateway, now
):
    buyer.subscribe(other_user, now=now)
    run(OPENS, ON - DAY)

    assert len(_all(PriceChange)) == 1
    assert {one.user_id for one in mails(NoticeKind.PRICE_ASKED)} != {other_user.id}


def test_nobody_is_asked_where_nobody_pays(plan, dearer, merchant, now):
    with pytest.raises(NobodyToAsk):
        offer_price(
            from_plan=plan, to_plan=dearer, change_on=ON, reason="글",
            actor_id=merchant.id, now=now,
        )  # fmt: skip


# -- days that move, and other things that happen ------------------------------------------------


def test_a_run_that_was_down_on_the_day_charges_what_was_agreed_for_it(
    offer, agree, run, sub, gateway
):
    agree(LAST_MOMENT)
    run(ON + 6 * DAY)

    assert paid(gateway) == [9_900, 12_900]
    assert sub().paid_from_on == ON


def test_a_consent_given_while_the_run_was_down_is_too_late(offer, agree, run, gateway):
    run(OPENS)
    with pytest.raises(NothingToAnswer):
        agree(seoul_instant(ON + 3 * DAY))
    run(ON + 6 * DAY)
    assert paid(gateway) == [9_900, 9_900]


def test_a_new_term_after_months_wants_a_new_consent(offer, agree, run, sub, change, gateway):
    agree(LAST_MOMENT)
    found = date(2027, 3, 25)
    run(found)
    assert sub().is_paused and sub().anchor_on == date(2027, 4, 1)
    assert sub().next_won == 9_900
    assert not change().stands

    run(found + DAY)
    assert [one.facts["on"] for one in mails(NoticeKind.PRICE_ASKED)] == ["2027-04-01"]
    run(date(2027, 4, 1))
    assert paid(gateway) == [9_900, 9_900]
    run(date(2027, 4, 2), date(2027, 5, 1))
    assert paid(gateway) == [9_900, 9_900, 9_900]


def test_a_new_consent_to_the_new_terms_day_counts(offer, agree, run, sub, gateway):
    agree(LAST_MOMENT)
    run(date(2027, 3, 25), date(2027, 3, 26))
    agree(seoul_instant(date(2027, 3, 31), 23))
    run(date(2027, 4, 1))

    assert paid(gateway) == [9_900, 12_900]
    assert (sub().term_no, sub().period_no) == (2, 1)
    assert sub().paid_from_on == date(2027, 4, 1)


def test_a_yes_for_a_day_that_moved_by_a_week_is_asked_anew(offer, agree, run, sub, gateway):
    """The consent of 19 December is inside thirty days of 4 January; it named another day."""
    agree(LAST_MOMENT)
    run(date(2026, 12, 28), date(2026, 12, 29))
    assert sub().anchor_on == date(2027, 1, 4)
    assert [one.facts["on"] for one in mails(NoticeKind.PRICE_ASKED)] == ["2027-01-04"]
    run(date(2027, 1, 4))
    assert paid(gateway) == [9_900, 9_900]


def test_a_first_charge_that_never_came_about_takes_the_price_back(
    offer, agree, run, sub, change, gateway
):
    """Toss refuses the keys on the day and for longer than the grace: a new term, a new day."""
    agree(LAST_MOMENT)
    gateway.fail_next("charge", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))
    run(ON)
    assert sub().plan.slug == "premium-2027"
    db.session.delete(db.session.scalars(select(Breaker)).one())
    db.session.commit()
    run(date(2027, 1, 10))

    assert sub().plan.slug == "premium-monthly"
    assert sub().next_charge_on == date(2027, 1, 17)
    run(date(2027, 1, 11))
    assert status_of(change) is PriceChangeStatus.ASKED
    run(date(2027, 1, 17))
    assert paid(gateway) == [9_900, 9_900]


def test_a_period_that_the_merchant_waived_takes_the_price_back(
    offer, agree, run, sub, change, gateway
):
    agree(LAST_MOMENT)
    gateway.fail_next("charge", RequestRejected("INVALID_ORDER_NAME"))
    run(ON)
    newest = select(PaymentAttempt.order_id).order_by(PaymentAttempt.id.desc()).limit(1)
    resolve(
        order_id=db.session.scalars(newest).one(), decision=Decision.WAIVE, gateway=gateway,
        terms=TERMS, now=seoul_instant(ON + DAY, 9),
    )  # fmt: skip

    assert sub().plan.slug == "premium-monthly"
    run(ON + DAY, date(2027, 1, 20))
    assert status_of(change) is PriceChangeStatus.LAPSED
    assert paid(gateway) == [9_900, 9_900]


def test_once_it_was_paid_a_new_term_keeps_the_price(offer, agree, run, sub, gateway):
    agree(LAST_MOMENT)
    run(ON)
    run(date(2027, 3, 25), date(2027, 4, 1))
    assert paid(gateway) == [9_900, 12_900, 12_900]


def test_a_price_that_was_paid_is_not_taken_back_by_a_later_outage(offer, agree, run, sub, gateway):
    agree(LAST_MOMENT)
    run(ON)
    gateway.fail_next("charge", RequestRejected("UNAUTHORIZED_KEY", key_pair=True))
    run(date(2027, 1, 20))
    db.session.delete(db.session.scalars(select(Breaker)).one())
    db.session.commit()
    run(date(2027, 2, 10), date(2027, 2, 17))

    assert sub().plan.slug == "premium-2027"
    assert paid(gateway) == [9_900, 12_900, 12_900]


def test_a_yes_counts_for_the_period_of_its_day_alone(offer, agree, change, sub):
    agree(LAST_MOMENT)
    kept = change()
    month = kept.period

    assert kept.counts_for(month)
    assert not kept.counts_for(Period(month.start_on + DAY, month.end_on))
    assert not kept.counts_for(sub().plan.period(sub().anchor_on, 3))


def test_a_declined_first_charge_is_dunned_at_the_agreed_price(offer, agree, run, sub, gateway):
    agree(LAST_MOMENT)
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    run(ON)
    assert sub().is_past_due
    run(ON + DAY)
    assert paid(gateway) == [9_900, 12_900]


def test_nobody_is_asked_while_something_is_owed_and_a_yes_outlives_a_decline(
    buyer, user, plan, dearer, merchant, run, gateway
):
    """From 20 January: 20 March's window opens on 18 February, before 20 February's charge."""
    start = datetime(2027, 1, 20, 2, 0, tzinfo=UTC)
    gateway.now = start
    subscription = buyer.subscribe(user, now=start)
    subscription_id = subscription.id
    offer_price(
        from_plan=plan, to_plan=dearer, change_on=date(2027, 2, 25), reason="글",
        actor_id=merchant.id, now=start,
    )  # fmt: skip
    run(date(2027, 2, 17))
    assert mails(NoticeKind.PRICE_ASKED) == []
    run(date(2027, 2, 18))
    assert [one.facts["on"] for one in mails(NoticeKind.PRICE_ASKED)] == ["2027-03-20"]
    moment = seoul_instant(date(2027, 2, 19), 12)
    quote = quote_price(subscription_id=subscription_id, now=moment)
    agree_to_price(
        subscription_id=subscription_id, quote_id=quote.id, agreement=AGREED, address="x",
        now=moment,
    )  # fmt: skip
    waiting = db.session.get_one(Subscription, subscription_id)
    assert waiting.next_won == 9_900, "the next charge is still the old one"
    gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    run(date(2027, 2, 20), date(2027, 2, 21))
    assert paid(gateway) == [9_900, 9_900]
    db.session.expire_all()
    assert db.session.get_one(Subscription, subscription_id).next_won == 12_900
    run(date(2027, 3, 20))
    assert paid(gateway) == [9_900, 9_900, 12_900]


def test_who_is_past_due_when_the_window_opens_is_asked_once_they_have_paid(
    subscription, plan, dearer, merchant, run, sub, gateway, now
):
    offer_price(
        from_plan=plan, to_plan=dearer, change_on=ON + DAY, reason="글",
        actor_id=merchant.id, now=now,
    )  # fmt: skip
    for _ in range(2):
        gateway.fail_next("charge", CardDeclined("REJECT_CARD_PAYMENT"))
    run(ON, ON + DAY, ON + 2 * DAY)
    assert sub().is_past_due
    assert mails(NoticeKind.PRICE_ASKED) == []
    with pytest.raises(NothingToAnswer):
        quote_price(subscription_id=sub().id, now=seoul_instant(ON + 2 * DAY, 12))
    run(ON + 3 * DAY, ON + 4 * DAY)
    assert sub().is_active
    assert [one.facts["on"] for one in mails(NoticeKind.PRICE_ASKED)] == ["2027-01-20"]


def test_canceling_takes_the_yes_back_and_resuming_does_not_bring_it(
    offer, agree, run, sub, change, gateway, user
):
    agree(seoul_instant(OPENS, 12))
    moment = seoul_instant(ON - 5 * DAY, 12)
    schedule_cancellation(subscription_id=sub().id, actor_id=user.id, now=moment)
    assert sub().next_plan is None
    with pytest.raises(NothingToAnswer):
        agree(moment)
    resume(subscription_id=sub().id, actor_id=user.id, now=moment)
    assert sub().next_won == 9_900
    assert status_of(change) is PriceChangeStatus.ASKED
    run(ON - 4 * DAY)
    assert mails(NoticeKind.PRICE_ASKED) == [], "they had seen it already"
    run(ON)
    assert paid(gateway) == [9_900, 9_900]


def test_after_resuming_one_may_agree_again(offer, agree, run, sub, gateway, user):
    agree(seoul_instant(OPENS, 12))
    moment = seoul_instant(ON - 5 * DAY, 12)
    schedule_cancellation(subscription_id=sub().id, actor_id=user.id, now=moment)
    resume(subscription_id=sub().id, actor_id=user.id, now=moment)
    agree(LAST_MOMENT)
    run(ON)
    assert paid(gateway) == [9_900, 12_900]


def test_who_agrees_and_cancels_at_once_is_not_charged(offer, sub, user, run, in_threads, gateway):
    moment = LAST_MOMENT
    subscription_id, user_id = sub().id, user.id
    quote_id = quote_price(subscription_id=subscription_id, now=moment).id
    acts = [
        lambda: agree_to_price(
            subscription_id=subscription_id, quote_id=quote_id, agreement=AGREED, address="x",
            now=moment,
        ),
        lambda: schedule_cancellation(
            subscription_id=subscription_id, actor_id=user_id, now=moment
        ),
    ]  # fmt: skip
    results = in_threads(2, lambda: acts.pop()())

    assert not [
        one
        for one in results
        if isinstance(one, Exception) and not isinstance(one, NothingToAnswer)
    ]
    assert sub().is_canceling and sub().next_plan is None
    run(ON)
    assert paid(gateway) == [9_900]


def test_a_no_and_the_renewal_at_once_are_one_or_the_other(
    app, offer, agree, sub, change, in_threads, gateway
):
    agree(LAST_MOMENT)
    due = seoul_instant(ON, 9)
    gateway.now = due
    subscription_id = sub().id
    vault = app.extensions["vault"]
    acts = [
        lambda: renew(
            subscription_id=subscription_id, gateway=gateway, vault=vault, terms=TERMS, now=due
        ),
        lambda: keep_price(subscription_id=subscription_id, address="x", now=due),
    ]
    results = in_threads(2, lambda: acts.pop()())
    renew(subscription_id=subscription_id, gateway=gateway, vault=vault, terms=TERMS, now=due)

    if status_of(change) is PriceChangeStatus.WITHDRAWN:
        assert paid(gateway) == [9_900, 9_900]
    else:
        assert status_of(change) is PriceChangeStatus.APPLIED
        assert paid(gateway) == [9_900, 12_900]
        assert any(isinstance(one, NothingToAnswer) for one in results)


def test_who_left_at_once_is_asked_nothing(offer, run, sub, change, user, now):
    free = RefundTerms()
    quote = quote_leaving(subscription_id=sub().id, terms=free, now=now)
    leave_now(subscription_id=sub().id, quote_id=quote.id, actor_id=user.id, terms=free, now=now)
    run(OPENS + DAY)
    assert status_of(change) is PriceChangeStatus.DROPPED
    assert mails(NoticeKind.PRICE_ASKED) == []


def another_plan(sub, plan, now):
    free = RefundTerms()
    quote = quote_change(subscription_id=sub().id, plan=plan, terms=free, now=now)
    return change_plan(
        subscription_id=sub().id, quote_id=quote.id, agreements=(), address="x", terms=free, now=now
    )


def test_the_customers_own_choice_goes_before_the_offer(
    offer, agree, run, sub, change, plan, gateway
):
    cheaper = plan_like(plan, "basic", 4_900)
    agree(seoul_instant(OPENS, 12))
    moment = seoul_instant(OPENS + DAY, 12)
    another_plan(sub, cheaper, moment)
    assert (sub().next_plan.slug, sub().next_won) == ("basic", 4_900)
    assert status_of(change) is PriceChangeStatus.ASKED
    with pytest.raises(NothingToAnswer):
        agree(moment)
    run(ON, ON + DAY)

    assert paid(gateway) == [9_900, 4_900]
    assert status_of(change) is PriceChangeStatus.DROPPED


def test_undoing_ones_own_choice_leaves_the_old_price(offer, agree, run, sub, plan, gateway):
    cheaper = plan_like(plan, "basic", 4_900)
    agree(seoul_instant(OPENS, 12))
    another_plan(sub, cheaper, seoul_instant(OPENS + DAY, 12))
    undo_change(subscription_id=sub().id, now=seoul_instant(OPENS + DAY, 13))
    run(ON)
    assert paid(gateway) == [9_900, 9_900]


def test_a_price_is_not_undone_as_a_plan_is(offer, agree, sub):
    agree(seoul_instant(OPENS, 12))
    with pytest.raises(NotChangeable):
        undo_change(subscription_id=sub().id, now=seoul_instant(OPENS, 13))
    assert sub().next_won == 12_900


def test_a_plan_that_begins_today_ends_the_offer(
    offer, agree, run, sub, change, yearly_plan, gateway, vault
):
    agree(seoul_instant(OPENS, 12))
    moment = seoul_instant(OPENS + DAY, 12)
    gateway.now = moment
    checkout = another_plan(sub, yearly_plan, moment)
    finish_checkout(checkout_id=checkout.id, gateway=gateway, vault=vault, terms=TERMS, now=moment)
    run(OPENS + DAY, hour=13)
    run(ON)

    assert paid(gateway) == [9_900, 99_000]
    assert sub().next_plan is None
    assert status_of(change) is PriceChangeStatus.DROPPED


def test_another_card_changes_nothing_about_the_price(offer, agree, run, sub, user, gateway, vault):
    agree(seoul_instant(OPENS, 12))
    moment = seoul_instant(OPENS + DAY, 12)
    checkout = start_card_change(user=user, subscription_id=sub().id, now=moment)
    auth_key = gateway.register(user.customer_key)
    authorize_checkout(checkout_id=checkout.id, auth_key=auth_key, vault=vault, now=moment)
    finish_checkout(checkout_id=checkout.id, gateway=gateway, vault=vault, terms=TERMS, now=moment)
    run(ON)
    assert paid(gateway) == [9_900, 12_900]


def test_month_ends_keep_their_day(buyer, user, plan, dearer, merchant, run, gateway):
    """Begun on 31 January 2028: the price rises on 29 February, the next day is 31 March."""
    start = datetime(2028, 1, 20, 2, 0, tzinfo=UTC)
    gateway.now = datetime(2028, 1, 31, 2, 0, tzinfo=UTC)
    subscription_id = buyer.subscribe(user, now=gateway.now).id
    offer_price(
        from_plan=plan, to_plan=dearer, change_on=date(2028, 2, 29), reason="글",
        actor_id=merchant.id, now=start,
    )  # fmt: skip
    run(date(2028, 1, 31))
    moment = seoul_instant(date(2028, 2, 28), 23)
    quote = quote_price(subscription_id=subscription_id, now=moment)
    assert (quote.period_start_on, quote.period_end_on) == (date(2028, 2, 29), date(2028, 3, 31))
    agree_to_price(
        subscription_id=subscription_id, quote_id=quote.id, agreement=AGREED, address="x",
        now=moment,
    )  # fmt: skip
    run(date(2028, 2, 29), date(2028, 3, 31))

    db.session.expire_all()
    assert paid(gateway) == [9_900, 12_900, 12_900]
    assert db.session.get_one(Subscription, subscription_id).paid_until_on == date(2028, 4, 30)


def test_a_year_is_asked_thirty_days_ahead_too(
    buyer, user, plan, yearly_plan, merchant, run, gateway, now
):
    dearest = plan_like(plan, "yearly-2027", 119_000, interval=Interval.YEAR)
    checkout = buyer.finish(buyer.come_back(user, now=now, plan=yearly_plan), now=now)
    subscription_id = checkout.invoice.subscription_id
    offer_price(
        from_plan=yearly_plan, to_plan=dearest, change_on=date(2027, 1, 1), reason="글",
        actor_id=merchant.id, now=now,
    )  # fmt: skip
    run(date(2026, 12, 1), date(2027, 10, 20))
    assert mails(NoticeKind.PRICE_ASKED) == []
    run(date(2027, 10, 21))
    assert [one.facts["on"] for one in mails(NoticeKind.PRICE_ASKED)] == ["2027-11-20"]
    assert [one.facts["won"] for one in mails(NoticeKind.RENEWAL_COMING)] == [99_000]
    moment = seoul_instant(date(2027, 11, 1), 12)
    quote = quote_price(subscription_id=subscription_id, now=moment)
    agree_to_price(
        subscription_id=subscription_id, quote_id=quote.id, agreement=AGREED, address="x",
        now=moment,
    )  # fmt: skip
    run(date(2027, 11, 13), date(2027, 11, 20))

    assert [one.facts["won"] for one in mails(NoticeKind.RENEWAL_COMING)] == [99_000, 119_000]
    assert paid(gateway) == [99_000, 119_000]


def test_the_request_is_not_sent_again_by_hand(offer, run, merchant):
    run(OPENS)
    [asked] = mails(NoticeKind.PRICE_ASKED)
    asked.lease(until=seoul_instant(OPENS, 12))
    asked.mark_sent(now=seoul_instant(OPENS, 12))
    db.session.commit()
    moment = seoul_instant(OPENS + DAY)

    assert not send_again(notice_id=asked.id, actor_id=merchant.id, reason="글", now=moment)
    assert len(mails(NoticeKind.PRICE_ASKED)) == 1


# -- days that the merchant gave ----------------------------------------------------------------


def test_given_days_move_the_day_of_the_price(offer, run, agree, sub, gateway, merchant, now):
    extend(subscription_id=sub().id, days=5, actor_id=merchant.id, reason="장애", now=now)
    run(OPENS + 5 * DAY)
    agree(seoul_instant(ON + 5 * DAY) - timedelta(seconds=1))
    run(ON, ON + 4 * DAY)
    assert paid(gateway) == [9900]
    run(ON + 5 * DAY)
    assert paid(gateway) == [9900, 12_900]


def test_an_agreed_price_is_not_moved(offer, run, agree, sub, merchant, now):
    run(OPENS)
    agree(LAST_MOMENT)
    with pytest.raises(NotExtendable):
        extend(
            subscription_id=sub().id, days=5, actor_id=merchant.id, reason="장애", now=LAST_MOMENT
        )
