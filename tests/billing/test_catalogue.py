"""What the merchant does to the catalogue: noted, one at a time, and never to a price."""

import threading
from typing import Any

import pytest
from sqlalchemy import select, text

from billing.catalogue import (
    ChangedMeanwhile,
    create_plan,
    create_product,
    describe_plan,
    describe_product,
    move_plan,
    move_product,
    put_plan_on_sale,
    remove_picture,
    retire_plan,
    show_picture,
)
from models import AuditEntry, InvalidTransition, Picture, Plan, Product, Subscription, db
from models.picture import PictureFile
from models.subscription import EndReason
from rules.catalogue import Flaw, Mistake, Unfit
from rules.wording import Language

VALUES = {
    "slug": "basic-monthly",
    "name": "베이직 월간",
    "summary": "읽어요",
    "description": "글을 읽어요.",
    "features": "글",
    "price_won": "4,900",
    "interval": "month",
}


@pytest.fixture
def made(plan, merchant, now):
    """Make plans beside the first: `made("basic", "yearly")`."""

    def make(*slugs, **values):
        return [
            create_plan(
                product_id=plan.product_id,
                values={**VALUES, "slug": slug, **values},
                like_id=None,
                actor_id=merchant.id,
                now=now,
            )
            for slug in slugs
        ]

    return make


@pytest.fixture
def shown(merchant, now):
    """Show a picture with a plan."""

    def show(plan, content, alt="달"):
        file = PictureFile(content, "image/webp", 1280, 800) if content else None
        seen = db.session.get_one(Plan, plan.id, populate_existing=True).picture_stamp
        return show_picture(
            plan_id=plan.id, file=file, alt=alt, seen=seen, actor_id=merchant.id, now=now
        )

    return show


def entries():
    """Return what the log says, but for what others wrote."""
    found = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(one.action, one.subject_type, one.actor_id, one.facts) for one in found]


def slugs():
    query = select(Plan.slug).order_by(Plan.position).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def pictures():
    return set(db.session.scalars(select(Picture.content)))


def test_a_plan_is_made_with_its_price_and_is_not_on_sale_yet(made, merchant):
    [plan] = made("basic-monthly")

    assert (plan.price_won, plan.months, plan.position) == (4900, 1, 1)
    assert Plan.on_sale("basic-monthly") is None
    [(action, subject, actor_id, facts)] = entries()
    assert (action, subject, actor_id) == ("plan.created", "plan", merchant.id)
    assert (facts["slug"], facts["price_won"], facts["interval"]) == (
        "basic-monthly",
        4900,
        "month",
    )


def test_a_plan_goes_on_sale_and_off_and_each_is_noted_once(plan, merchant, now):
    for change in (retire_plan, retire_plan, put_plan_on_sale, put_plan_on_sale):
        change(plan_id=plan.id, actor_id=merchant.id, now=now)

    assert Plan.on_sale(plan.slug) is not None
    assert entries() == [
        ("plan.retired", "plan", merchant.id, {"slug": plan.slug, "on_sale": "yes → no"}),
        ("plan.put_on_sale", "plan", merchant.id, {"slug": plan.slug, "on_sale": "no → yes"}),
    ]


def test_who_subscribes_to_a_retired_plan_goes_on(subscription, merchant, now):
    retire_plan(plan_id=subscription.plan_id, actor_id=merchant.id, now=now)

    assert Subscription.live_counts() == {subscription.plan_id: 1}
    assert subscription.next_won == 9900
    assert subscription.next_charge_on is not None
    subscription.end(EndReason.CANCELED, now=now)
    assert Subscription.live_counts() == {}


def test_a_name_in_use_is_refused_and_nothing_is_kept(plan, made):
    with pytest.raises(Unfit) as refused:
        made(plan.slug)

    assert refused.value.mistakes == {"slug": Mistake(Flaw.TAKEN)}
    assert slugs() == [plan.slug] and entries() == []


def test_words_are_written_anew_and_noted_with_what_was_before(plan, merchant, now):
    arguments = {"plan_id": plan.id, "seen": plan.stamp, "actor_id": merchant.id, "now": now}
    values = {**plan.words, "name": "프리미엄", "price_won": 100, "slug": "other"}

    assert describe_plan(values=values, **arguments)
    assert not describe_plan(values=values, **arguments), "sent twice"

    assert (plan.name, plan.price_won, plan.slug) == ("프리미엄", 9900, "premium-monthly")
    assert entries() == [
        ("plan.changed", "plan", merchant.id,
         {"slug": "premium-monthly", "name": "프리미엄 월간 → 프리미엄"})
    ]  # fmt: skip


def test_words_in_other_languages_stay_when_the_korean_ones_are_written_anew(plan, merchant, now):
    plan.translations = {"en": {"name": "Premium"}}
    plan.product.translations = {"en": {"name": "Moonlight Library"}}
    arguments: Any = {"actor_id": merchant.id, "now": now}
    words = {**plan.words, "name": "프리미엄"}
    assert describe_plan(plan_id=plan.id, values=words, seen=plan.stamp, **arguments)
    product = plan.product
    words = {**product.words, "name": "서재"}
    assert describe_product(product_id=product.id, values=words, seen=product.stamp, **arguments)

    db.session.refresh(plan)
    assert plan.words_in(Language.ENGLISH)["name"] == "Premium"
    assert product.words_in(Language.ENGLISH)["name"] == "Moonlight Library"
    assert plan.words_in(Language.JAPANESE)["name"] == "프리미엄"


def test_the_price_cannot_be_written_past_the_use_case_either(plan):
    plan.price_won = 100
    with pytest.raises(InvalidTransition):
        db.session.commit()
    db.session.rollback()


def test_the_second_to_change_the_same_words_is_told(plan, merchant, now):
    seen = plan.stamp
    describe = {"plan_id": plan.id, "seen": seen, "actor_id": merchant.id, "now": now}
    describe_plan(values={**plan.words, "name": "첫째"}, **describe)

    with pytest.raises(ChangedMeanwhile):
        describe_plan(values={**plan.words, "name": "둘째"}, **describe)

    assert db.session.get_one(Plan, plan.id, populate_existing=True).name == "첫째"
    assert len(entries()) == 1


def test_of_many_at_once_one_changes_the_words(plan, merchant, now, in_threads):
    plan_id, words, seen, actor_id = plan.id, plan.words, plan.stamp, merchant.id

    def change():
        values = {**words, "name": f"이름 {threading.get_ident()}"}
        return describe_plan(plan_id=plan_id, values=values, seen=seen, actor_id=actor_id, now=now)

    came = in_threads(8, change)

    assert came.count(True) == 1
    assert sum(isinstance(one, ChangedMeanwhile) for one in came) == 7


def test_a_product_is_made_described_and_moved(plan, merchant, now):
    by = {"actor_id": merchant.id, "now": now}
    values = {"slug": "morning", "name": "아침서재", "description": "아침에 읽어요."}
    morning = create_product(values=values, **by)
    describe_product(
        product_id=morning.id, values={**values, "name": "새벽"}, seen=morning.stamp, **by
    )
    move_product(product_id=morning.id, up=True, **by)

    assert [product.name for product in Product.in_order()] == ["새벽", "달빛서재"]
    assert [product.name for product in Product.on_sale()] == ["달빛서재"]
    assert [entry[0] for entry in entries()] == [
        "product.created", "product.changed", "product.moved"
    ]  # fmt: skip
    assert entries()[-1][3] == {"slug": "morning", "place": "2 → 1"}


def test_a_plan_moves_a_place_and_not_past_the_ends(plan, made, merchant, now):
    [_, last] = made("b", "c")
    assert slugs() == ["premium-monthly", "b", "c"]

    for up in (True, True, True):
        move_plan(plan_id=last.id, up=up, actor_id=merchant.id, now=now)

    assert slugs() == ["c", "premium-monthly", "b"]
    moves = [facts["place"] for action, _, _, facts in entries() if action == "plan.moved"]
    assert moves == ["3 → 2", "2 → 1"]


def test_places_of_an_old_catalogue_that_are_all_the_same_can_be_moved(plan, made, merchant, now):
    [second] = made("b")
    db.session.get_one(Plan, second.id).position = 0
    db.session.commit()

    move_plan(plan_id=second.id, up=True, actor_id=merchant.id, now=now)

    assert slugs() == ["b", "premium-monthly"]


def test_places_stay_whole_when_many_move_at_once(plan, made, merchant, now, in_threads):
    ids = [plan.id, *(one.id for one in made("b", "c", "d"))]
    actor_id = merchant.id
    waiting = iter(ids * 2)

    def move():
        move_plan(plan_id=next(waiting), up=True, actor_id=actor_id, now=now)

    assert in_threads(8, move) == [None] * 8
    positions = db.session.scalars(select(Plan.position).order_by(Plan.position))
    assert list(positions) == [0, 1, 2, 3]


def test_a_customer_does_not_wait_for_the_merchant(buyer, user, now, backend):
    if backend == "sqlite":
        return  # It has one writer at a time.
    holds, done = threading.Event(), threading.Event()
    app = buyer.app

    def change_for_long():
        with app.app_context():
            Product.lock_catalogue()
            holds.set()
            done.wait(20)
            db.session.rollback()

    merchant = threading.Thread(target=change_for_long)
    merchant.start()
    try:
        holds.wait(20)
        db.session.execute(text("SET lock_timeout = '2s'"))
        assert buyer.subscribe(user, now=now).is_running
    finally:
        done.set()
        merchant.join()
        db.session.execute(text("RESET lock_timeout"))


def test_a_picture_is_kept_once_and_the_one_before_it_until_the_next(plan, made, shown):
    [other] = made("b")
    assert shown(plan, b"one") and shown(other, b"one")
    assert not shown(plan, b"one"), "sent twice"
    assert pictures() == {b"one"}

    shown(plan, b"two")
    shown(plan, b"three")
    assert pictures() == {b"one", b"two", b"three"}, "the other plan shows the first"
    shown(other, b"three")
    assert pictures() == {b"one", b"three"}


def test_a_picture_that_is_removed_is_gone_at_once(plan, shown, merchant, now):
    shown(plan, b"one")
    shown(plan, b"two")
    plan = db.session.get_one(Plan, plan.id)

    remove_picture(plan_id=plan.id, seen=plan.picture_stamp, actor_id=merchant.id, now=now)

    assert pictures() == set()
    assert (plan.picture_sha256, plan.picture_alt) == (None, None)
    action, _, _, facts = entries()[-1]
    assert action == "plan.picture_removed"
    assert facts["picture_alt"] == "달 → None"
    assert "two" not in str(facts)


def test_the_words_of_a_picture_change_without_a_file(plan, shown):
    with pytest.raises(Unfit) as refused:
        shown(plan, None)
    assert refused.value.mistakes == {"file": Mistake(Flaw.NO_PICTURE)}

    shown(plan, b"one")
    assert shown(plan, None, "보름달")

    assert db.session.get_one(Plan, plan.id).picture_alt == "보름달"
    assert pictures() == {b"one"}
    assert entries()[-1][3] == {"slug": plan.slug, "picture_alt": "달 → 보름달"}


def test_the_second_to_change_the_picture_is_told(plan, shown, merchant, now):
    seen = plan.picture_stamp
    shown(plan, b"one")
    arguments = {"plan_id": plan.id, "seen": seen, "actor_id": merchant.id, "now": now}

    with pytest.raises(ChangedMeanwhile):
        show_picture(file=PictureFile(b"two", "image/webp", 1, 1), alt="해", **arguments)
    with pytest.raises(ChangedMeanwhile):
        remove_picture(**arguments)

    assert pictures() == {b"one"}


def test_a_plan_made_like_another_shows_the_same_picture(plan, made, shown, merchant, now):
    shown(plan, b"one")

    copy = create_plan(
        product_id=plan.product_id,
        values={**VALUES, "slug": "premium-2027", "price_won": 12900},
        like_id=plan.id,
        actor_id=merchant.id,
        now=now,
    )

    assert (copy.picture_sha256, copy.picture_alt) == (
        db.session.get_one(Plan, plan.id).picture_sha256,
        "달",
    )


def test_the_same_picture_of_two_at_once_is_kept_once(plan, made, merchant, now, in_threads):
    ids = iter([plan.id, *(one.id for one in made("b", "c", "d"))])
    actor_id, seen = merchant.id, plan.picture_stamp
    file = PictureFile(b"one", "image/webp", 1280, 800)

    def show():
        return show_picture(
            plan_id=next(ids), file=file, alt="달", seen=seen, actor_id=actor_id, now=now
        )

    assert in_threads(4, show) == [True] * 4
    assert pictures() == {b"one"}


def test_the_bytes_of_pictures_are_not_read_with_the_plans(plan, shown):
    shown(plan, b"one")
    db.session.expunge_all()
    picture = db.session.scalars(select(Picture)).one()

    assert "content" not in picture.__dict__
