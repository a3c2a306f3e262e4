"""The clone guard: with a live key, only an armed host sends money and mail."""

from datetime import timedelta

import pytest

import arming
from app import create_app
from gateways.mail import GuardedMailbox, Mail, MailUnavailable
from gateways.payment import RequestRejected
from gateways.toss import TossGateway
from models import ArmedHost, db
from tests.conftest import TEST_SETTINGS

MAIL = Mail(to="reader@example.com", subject="x", text="x")


@pytest.fixture
def live(app, monkeypatch):
    """Make the shop believe that its key is a live one."""
    guard = app.extensions["arming"]
    monkeypatch.setattr(guard, "is_needed", True)
    monkeypatch.setattr(arming, "BELIEVE_FOR", 0.0)
    monkeypatch.setattr(guard, "_good_until", 0.0)
    return app


@pytest.fixture
def command(live):
    def run(*arguments):
        return live.test_cli_runner().invoke(args=["billing", *arguments])

    return run


def test_without_a_live_key_every_host_may_act(app):
    assert app.extensions["arming"].may_act()


def test_a_host_is_armed_and_disarmed(live, command):
    guard = live.extensions["arming"]
    assert not guard.may_act()
    assert command("armed").exit_code == 1

    assert command("arm").exit_code == 0
    assert command("arm").exit_code == 0, "safe to repeat"
    assert guard.may_act()
    assert "(this host)" in command("armed").output

    assert command("disarm").exit_code == 0
    assert not guard.may_act()
    assert command("disarm").exit_code == 1


def test_an_armed_host_with_another_key_or_another_host_may_not_act(live, now):
    guard = live.extensions["arming"]
    with live.app_context():
        ArmedHost.arm(guard.host_id, "another key", now=now)
        ArmedHost.arm("another host", guard.key_hmac, now=now + timedelta(days=1))
        db.session.commit()
    assert not guard.may_act()


def test_any_number_of_hosts_may_be_armed(live, command, now):
    with live.app_context():
        ArmedHost.arm("another host", live.extensions["arming"].key_hmac, now=now)
        db.session.commit()
    command("arm")
    assert live.extensions["arming"].may_act()
    assert len(command("armed").output.splitlines()) == 2


def test_nothing_but_gets_leaves_a_host_that_is_not_armed():
    gateway = TossGateway(
        secret_key="live_sk_zXLkKEypNArWmo50nX3l",
        api_base="http://127.0.0.1:9",
        may_act=lambda: False,
        connect_seconds=0.2,
    )
    with pytest.raises(RequestRejected) as refusal:
        gateway.delete_billing_key("key=")
    assert refusal.value.code == "host_not_armed"
    assert refusal.value.key_pair
    with pytest.raises(Exception) as unreached:
        gateway.find_order("order-1234")
    assert not isinstance(unreached.value, RequestRejected), "a GET is tried"


def test_no_mail_leaves_it():
    sent = []

    class Box:
        def send(self, mail):
            sent.append(mail)

    with pytest.raises(MailUnavailable):
        GuardedMailbox(Box(), may_act=lambda: False).send(MAIL)
    GuardedMailbox(Box(), may_act=lambda: True).send(MAIL)
    assert sent == [MAIL]


def test_the_shop_wires_the_guard_into_gateway_and_mailbox(tmp_path):
    settings = {**TEST_SETTINGS, "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite'}"}
    shop = create_app(settings)
    may_act = shop.extensions["arming"].may_act
    assert shop.extensions["payment_gateway"]._may_act == may_act
    assert shop.extensions["mailbox"]._may_act == may_act


def test_a_run_on_a_host_that_is_not_armed_does_nothing_and_says_so(command, caplog):
    ran = command("run")
    assert ran.exit_code == 1
    assert "flask billing arm" in caplog.text


def test_the_card_window_stays_closed_and_the_customer_is_told(
    live, client, log_in, user, plan, page
):
    log_in(user)
    shown = page(f"/checkout/{plan.slug}")
    answer = client.post(
        f"/checkout/{plan.slug}",
        data={"quote": shown.value("quote"), "purchase": "y", "recurring": "y"},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 503
    assert "지금은 카드를 등록할 수 없어요" in answer.get_json()["message"]
