from datetime import timedelta

import pytest

import clock
import config
from app import create_app
from gateways.fake import FakeGateway
from models import CashReceipt, Checkout, PassOrder, Payment, Refund, ShopClock, WebhookEvent, db
from models.cash_receipt import ReceiptKind
from models.checkout import CheckoutStatus
from rules.periods import SEOUL
from tests.conftest import TEST_SETTINGS

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _real_time_afterwards():
    yield
    clock.follow(None)


@pytest.fixture(autouse=True)
def _without_a_sandbox(app, monkeypatch):
    monkeypatch.setitem(app.config, "SANDBOX_CONTROL_URL", "")


@pytest.fixture
def moved(app):
    """Let this process follow the test clock of the database, and move it."""
    with app.app_context():
        engine = db.engine
    clock.follow(lambda: ShopClock.read_ahead(engine))

    def move(by):
        with app.app_context():
            ShopClock.set_ahead(by)
            db.session.commit()
        clock.read_again()

    return move


def test_without_a_row_the_time_is_real(moved):
    assert abs(clock.ahead()) < timedelta(seconds=1)


def test_the_shops_time_runs_ahead_and_comes_back(moved):
    moved(40 * DAY)
    assert abs(clock.ahead() - 40 * DAY) < timedelta(seconds=1)
    moved(timedelta(0))
    assert abs(clock.ahead()) < timedelta(seconds=1)


def test_it_is_read_again_at_most_once_a_second(monkeypatch):
    reads = []

    def read():
        reads.append(1)
        return DAY

    clock.follow(read)
    for _ in range(50):
        clock.now()
    assert len(reads) == 1
    monkeypatch.setattr(clock, "READ_AGAIN_AFTER", 0.0)
    clock.read_again()
    clock.now()
    clock.now()
    assert len(reads) == 3


def test_a_lease_is_as_far_away_after_a_jump_as_before(app, moved, subscribed, now):
    with app.app_context():
        checkout = db.session.query(Checkout).one()
        assert checkout.status is CheckoutStatus.COMPLETED
        checkout.leased_until = now + timedelta(seconds=90)
        db.session.commit()
    moved(30 * DAY)
    with app.app_context():
        checkout = db.session.query(Checkout).one()
        assert checkout.leased_until == now + 30 * DAY + timedelta(seconds=90)


def test_refunds_webhooks_and_receipts_wait_as_long_after_a_jump(
    app, client, page, subscribed, gateway, moved
):
    gateway.lose_before("cancel")
    path = "/subscription/cancellation"
    client.post(path, data={"kind": "now", "quote": page(path).value("quote")})
    client.post(
        f"/webhooks/toss/{config.SANDBOX_WEBHOOK_SECRET}",
        data=b'{"eventType": "PAYMENT_STATUS_CHANGED", "data": {}}',
    )
    with app.app_context():
        payment = db.session.query(Payment).one()
        CashReceipt.ask_for(payment, ReceiptKind.INCOME, "x", now=clock.now())
        db.session.commit()

    def timers():
        with app.app_context():
            refund = db.session.query(Refund).one()
            return [
                refund.next_look_up_at,
                refund.resend_after,
                db.session.query(WebhookEvent).one().next_try_at,
                db.session.query(CashReceipt).one().next_try_at,
            ]

    before = timers()
    moved(30 * DAY)

    assert timers() == [moment + 30 * DAY for moment in before]


def test_a_pass_waits_as_long_after_a_jump(app, client, page, log_in, user, pass_plan, moved):
    log_in(user)
    shown = page(f"/passes/{pass_plan.slug}/checkout")
    window = client.post(
        f"/passes/{pass_plan.slug}/checkout",
        data={"quote": shown.value("quote"), "beside": "0", "purchase": "y"},
        headers={"Accept": "application/json"},
    ).get_json()
    gateway = app.extensions["pass_gateway"]
    gateway.lose_before("confirm")
    payment_key = gateway.authenticate(window["orderId"], 10900)
    client.get(f"/passes/success?orderId={window['orderId']}&paymentKey={payment_key}&amount=10900")

    def timers():
        with app.app_context():
            order = db.session.query(PassOrder).one()
            return [order.next_look_up_at, order.resend_after]

    before = timers()
    moved(30 * DAY)

    assert timers() == [moment + 30 * DAY for moment in before]


@pytest.mark.slow
def test_the_commands_move_show_and_reset_it(app, moved):
    runner = app.test_cli_runner()
    advanced = runner.invoke(args=["clock", "advance", "3days"])
    assert advanced.exit_code == 0, advanced.output
    assert len(advanced.output.strip().splitlines()) == 3, "a billing run each day"
    assert timedelta(0) <= clock.ahead() - 3 * DAY < timedelta(hours=9, seconds=5)
    assert clock.now().astimezone(SEOUL).hour >= 9, "the last day's charging has begun"
    assert runner.invoke(args=["clock", "show"]).output[:10] == str(
        (clock.now() + 9 * DAY / 24).date()
    )
    assert runner.invoke(args=["clock", "reset"]).exit_code == 0
    assert abs(clock.ahead()) < timedelta(seconds=5)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["advance", "1day"], ["reset"]])
def test_when_a_command_is_done_every_process_has_seen_it(app, moved, command):
    moved(9 * DAY)
    with app.app_context():
        engine = db.engine
    other = clock._TestClock()
    other.follow(lambda: ShopClock.read_ahead(engine))
    assert other.ahead() == 9 * DAY
    assert app.test_cli_runner().invoke(args=["clock", *command]).exit_code == 0
    assert other.ahead() == clock.ahead() != 9 * DAY


@pytest.mark.parametrize("interval", ["", "month", "0days", "3 fortnights", "-1day"])
def test_a_distance_that_is_none_moves_nothing(app, moved, interval):
    ran = app.test_cli_runner().invoke(args=["clock", "advance", "--", interval])
    assert ran.exit_code == 2
    assert "1month" in ran.output
    assert abs(clock.ahead()) < timedelta(seconds=1)


@pytest.mark.parametrize("command", [["show"], ["advance", "1day"], ["reset"]])
def test_with_tosss_own_keys_there_is_no_test_clock(tmp_path, command):
    real_keys = {
        "TOSS_CLIENT_KEY": "test_ck_D5GePWvyJnrK0W0k6q8g",
        "TOSS_SECRET_KEY": "test_sk_zXLkKEypNArWmo50nX3l",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite'}",
    }
    shop = create_app({**TEST_SETTINGS, **real_keys}, gateway=FakeGateway())
    ran = shop.test_cli_runner().invoke(args=["clock", *command])
    assert ran.exit_code == 1
    assert "nothing was moved" in ran.output
