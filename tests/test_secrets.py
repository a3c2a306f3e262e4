"""No key is ever seen: not on a page, in a log, in an exception, in clear in the database."""

import logging
import sqlite3

from models import BillingKey, Checkout, db


def test_planted_keys_are_nowhere_in_a_whole_run(
    app, client, page, log_in, user, come_back, gateway, caplog
):
    caplog.set_level(logging.DEBUG)
    log_in(user)
    gateway.lose_next("charge")
    address = come_back()
    auth_key = address.rpartition("authKey=")[2]
    location = client.get(address).location
    seen = [client.get(path).get_data(as_text=True) for path in (location, "/subscription", "/")]
    out = app.test_cli_runner().invoke(args=["billing", "reconcile"]).output
    out += app.test_cli_runner().invoke(args=["billing", "run"]).output
    seen += [page(path).html for path in (location, "/subscription", "/payments", "/account")]
    billing_key = gateway.billing_keys[0].billing_key
    secrets = [auth_key, billing_key, app.config["TOSS_SECRET_KEY"], app.config["SECRET_KEY"]]

    for secret in secrets:
        assert not any(secret in text for text in seen)
        assert secret not in caplog.text
        assert secret not in out
    assert user.customer_key not in caplog.text
    assert not any(user.customer_key in text for text in seen)


def test_the_database_holds_no_key_in_clear(app, client, log_in, user, come_back, gateway):
    log_in(user)
    address = come_back()
    gateway.lose_before("issue_billing_key")
    client.get(address)
    auth_key = address.rpartition("authKey=")[2]
    assert auth_key not in dump(app)
    with app.app_context():
        assert db.session.query(Checkout).one().auth_key_ciphertext is not None

    client.get(address)

    assert gateway.billing_keys[0].billing_key not in dump(app)
    with app.app_context():
        assert db.session.query(BillingKey).one().ciphertext is not None
        assert db.session.query(Checkout).one().auth_key_ciphertext is None


def dump(app) -> str:
    path = app.config["DATABASE_URL"].removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()
