import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from config import ROOT
from gateways.payment import RequestRejected
from models import AuditEntry, Notice, Plan, Product, Refund, Subscription, db
from rules.wording import TRANSLATED, Language

LATER = {"kind": "period_end"}

CATALOG = ROOT / "demo" / "catalog.toml"


@pytest.fixture
def run(app):
    return lambda *args, **kwargs: app.test_cli_runner().invoke(args=list(args), **kwargs)


def test_the_demo_catalogue_loads_and_may_be_repeated(app, run):
    for _ in range(2):
        assert run("catalog", "load", str(CATALOG)).exit_code == 0
    with app.app_context():
        prices = {plan.slug: plan.price_won for plan in db.session.scalars(select(Plan))}
    assert prices == {
        "basic-monthly": 4900,
        "premium-monthly": 9900,
        "premium-yearly": 99000,
        "pass-1-month": 10900,
        "pass-3-months": 29900,
        "pass-12-months": 109000,
    }


def test_the_demo_catalogue_says_everything_in_every_language(app, run):
    run("catalog", "load", str(CATALOG))
    with app.app_context():
        for sold in (*db.session.scalars(select(Product)), *db.session.scalars(select(Plan))):
            said = [sold.words, *(sold.translations[language] for language in TRANSLATED)]
            for name in sold.words:
                assert len({words[name] for words in said}) == 4, (sold.slug, name)
        assert Plan.on_sale("basic-monthly").words_in(Language.ENGLISH)["features"] == (
            "All readings in the library\nThis week’s reading, new every Monday"
        )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("price_won = 9900", "price_won = 12900", "new plan"),
        ("price_won = 9900", "price_won = 1", "nothing was loaded"),
        ("price_won = 9900", "prize_won = 9900", "unknown key"),
        ('interval = "month"', 'interval = "week"', "interval must be month or year"),
        ("[[products]]", "[[products", "not as it should be"),
    ],
)
def test_a_bad_catalogue_changes_nothing_and_says_why(app, run, tmp_path, old, new, words):
    run("catalog", "load", str(CATALOG))
    changed = tmp_path / "catalog.toml"
    text = CATALOG.read_text("utf-8").replace("베이직 월간", "다른 이름").replace(old, new)
    changed.write_text(text, "utf-8")

    refused = run("catalog", "load", str(changed))

    assert refused.exit_code == 1
    assert words in refused.output
    with app.app_context():
        assert Plan.on_sale("basic-monthly").name == "베이직 월간"


def test_a_file_goes_by_the_same_rules_as_the_back_office(app, run, tmp_path):
    changed = tmp_path / "catalog.toml"
    text = CATALOG.read_text("utf-8").replace('slug = "basic-monthly"', 'slug = "Basic Monthly"')
    changed.write_text(text.replace('name = "프리미엄 연간"', f'name = "{"가" * 51}"'), "utf-8")

    refused = run("catalog", "load", str(changed))

    assert refused.exit_code == 1
    assert "slug must be small letters and digits" in refused.output
    assert "plan premium-yearly: name has more than 50 characters" in refused.output


def test_words_at_which_a_reviewer_stops_are_warned_of(run, tmp_path):
    changed = tmp_path / "catalog.toml"
    changed.write_text(CATALOG.read_text("utf-8").replace("베이직 월간", "테스트 플랜"), "utf-8")

    loaded = run("catalog", "load", str(changed))

    assert loaded.exit_code == 0
    assert "plan basic-monthly: a reviewer may refuse it for 테스트" in loaded.stderr
    assert run("catalog", "load", str(CATALOG)).stderr == ""


def test_a_file_retires_puts_back_and_notes_what_it_changed(app, run, tmp_path):
    run("catalog", "load", str(CATALOG))
    changed = tmp_path / "catalog.toml"
    text = CATALOG.read_text("utf-8").replace("베이직 월간", "베이직")
    changed.write_text(
        text.replace("price_won = 4900", "price_won = 4900\nretired = true"), "utf-8"
    )
    with app.app_context():
        before = db.session.scalar(select(func.max(AuditEntry.id)))

    for file in (changed, CATALOG):
        assert run("catalog", "load", str(file)).exit_code == 0

    with app.app_context():
        entries = db.session.scalars(
            select(AuditEntry).where(AuditEntry.id > before).order_by(AuditEntry.id)
        )
        noted = [(entry.action, entry.facts) for entry in entries]
        plan = Plan.on_sale("basic-monthly")
        assert plan.name == "베이직 월간"
    slug = {"slug": "basic-monthly"}
    assert noted == [
        ("plan.changed", {**slug, "name": "베이직 월간 → 베이직"}),
        ("plan.retired", {**slug, "on_sale": "yes → no"}),
        ("catalog.loaded", {}),
        ("plan.changed", {**slug, "name": "베이직 → 베이직 월간"}),
        ("plan.put_on_sale", {**slug, "on_sale": "no → yes"}),
        ("catalog.loaded", {}),
    ]


def test_where_there_is_a_catalogue_the_back_offices_words_may_stay(app, run):
    assert run("catalog", "load", str(CATALOG), "--if-empty").exit_code == 0
    with app.app_context():
        Plan.on_sale("basic-monthly").name = "새 이름"
        db.session.commit()

    assert "already" in run("catalog", "load", str(CATALOG), "--if-empty").output

    with app.app_context():
        assert Plan.on_sale("basic-monthly").name == "새 이름"


def test_every_mistake_of_a_catalogue_is_told_at_once(app, run, tmp_path):
    changed = tmp_path / "catalog.toml"
    text = CATALOG.read_text("utf-8")
    text = text.replace("price_won = 4900", "price_won = 1").replace("price_won = 9900", "won = 1")
    changed.write_text(text.replace('interval = "year"', 'interval = "week"'), "utf-8")

    refused = run("catalog", "load", str(changed))

    assert refused.exit_code == 1
    for slug in ("basic-monthly", "premium-monthly", "premium-yearly"):
        assert f"plan {slug}:" in refused.output
    with app.app_context():
        assert db.session.scalars(select(Plan)).all() == []


def test_without_a_terminal_a_password_is_drawn_and_shown_once(app, client, run):
    arguments = ["--role", "reviewer", "--email", "review@example.com", "--name", "심사"]

    shown = run("users", "create", *arguments).output

    password = shown.rpartition(": ")[2].strip()
    assert len(password) >= 16
    values = {"email": "review@example.com", "password": password}
    assert client.post("/login", data=values).status_code == 303
    again = run("users", "create", *arguments, "--if-missing").output
    assert "password" not in again


def test_an_account_is_made_once(run):
    arguments = ["users", "create", "--role", "merchant", "--email", "A@example.com"]
    arguments += ["--name", "주인", "--password-stdin"]

    assert run(*arguments, input="too-short").exit_code == 1
    assert run(*arguments, input="long-enough-1\n").exit_code == 0
    assert run(*arguments, input="long-enough-1\n").exit_code == 1
    assert run(*arguments, "--if-missing", input="long-enough-1\n").exit_code == 0


def test_a_run_sends_what_is_owed_and_ends_what_is_due(app, run, client, subscribed):
    ran = json.loads(run("billing", "run", "--json").output.splitlines()[-1])
    assert ran["settled"] == {"notices": 1, "tallies": 1}
    with app.app_context():
        assert db.session.scalars(select(Notice)).one().sent_at is not None

    client.post("/subscription/cancellation", data=LATER)
    with app.app_context():
        subscription = db.session.scalars(select(Subscription)).one()
        subscription.ends_at = subscription.created_at
        db.session.commit()
    ran = json.loads(run("billing", "run", "--json").output.splitlines()[-1])

    assert ran["settled"] == {"ends": 1, "billing_keys": 1, "notices": 2}
    assert app.extensions["payment_gateway"].billing_keys[0].is_deleted


def test_a_lost_charge_is_settled_by_reconcile(app, run, client, log_in, user, come_back, gateway):
    log_in(user)
    address = come_back()
    gateway.lose_next("charge")
    client.get(address)

    assert "attempts: settled 1" in run("billing", "reconcile").output

    with app.app_context():
        assert db.session.scalars(select(Subscription)).one().is_running
    assert len(gateway.payments) == 1


def test_one_bad_record_is_reported_and_does_not_stop_the_others(app, run, subscribed):
    with app.app_context():
        notice = db.session.scalars(select(Notice)).one()
        notice_id, notice.facts = notice.id, {}
        db.session.commit()

    ran = run("billing", "run", "--json")

    assert ran.exit_code == 1
    assert json.loads(ran.output.splitlines()[-1])["failed"] == {"notices": [str(notice_id)]}


@pytest.fixture
def paid(app, at, now, gateway, request):
    """Return the order of a paid subscription of 20 November 2026."""
    at(now)
    gateway.now = now
    request.getfixturevalue("subscribed")
    return gateway.payments[0].order_id


def audit(app, *options):
    days = ["--from", "2026-11-20", "--to", "2026-11-20"]
    return app.test_cli_runner().invoke(args=["billing", "audit", *days, *options])


def test_an_audit_of_books_that_agree_says_so(app, paid):
    ran = audit(app)
    assert (ran.exit_code, ran.output) == (0, "0 difference(s)\n")


def test_an_audit_names_every_difference_and_fails(app, paid, gateway):
    gateway._payments.clear()
    ran = audit(app)
    assert ran.exit_code == 1
    assert f"{paid}: paid: Toss 0 won, here 9900 won" in ran.output
    [found] = json.loads(audit(app, "--json").output)
    assert found == {"what": "paid", "order_id": paid, "toss_won": 0, "our_won": 9900}


def test_an_order_that_waits_for_nobody_is_not_resolved(app, paid):
    ran = app.test_cli_runner().invoke(args=["billing", "resolve", paid, "--as", "waive"])
    assert ran.exit_code == 1
    assert "nothing about it waits for a decision" in ran.output


def test_a_run_tells_what_waits_for_the_merchant_and_fails(app, paid, gateway, at, now):
    at(now + timedelta(days=31))
    gateway.answer_next("charge", total_won=1)
    ran = app.test_cli_runner().invoke(args=["billing", "run", "--json"])
    assert ran.exit_code == 1
    summary = json.loads(ran.stdout)
    assert list(summary["set_aside"]) == ["renewals"]
    assert summary["failed"] == {}
    order_id = gateway.payments[1].order_id
    command = ["billing", "resolve", order_id, "--as", "charge-again"]
    assert app.test_cli_runner().invoke(args=command).exit_code == 0
    assert app.test_cli_runner().invoke(args=["billing", "run", "--json"]).exit_code == 0
    assert len(gateway.payments) == 2, "Toss had the money: it was booked"


def test_refunds_owed_by_hand_are_listed_and_settled(app, run, client, page, subscribed, gateway):
    assert run("billing", "refunds").exit_code == 0
    gateway.fail_next("cancel", RequestRejected("NOT_CANCELABLE_PAYMENT", http_status=403))
    shown = page("/subscription/cancellation")
    client.post("/subscription/cancellation", data={"kind": "now", "quote": shown.value("quote")})
    with app.app_context():
        [refund] = Refund.owed_by_hand()

    listed = run("billing", "refunds")
    assert listed.exit_code == 1
    assert f"{refund.id}: 9900 won" in listed.output
    assert "NOT_CANCELABLE_PAYMENT" in listed.output
    settle = ("billing", "settle-refund", str(refund.id), "--as")
    assert run(*settle, "ask-again").exit_code == 0
    gateway.fail_next("cancel", RequestRejected("NOT_CANCELABLE_PAYMENT", http_status=403))
    run("billing", "run")
    assert run(*settle, "paid-by-hand").exit_code == 0
    assert run(*settle, "paid-by-hand").exit_code == 1
    assert run("billing", "settle-refund", "999", "--as", "ask-again").exit_code == 1
    assert "환불 9,900원" in page("/payments").text
