"""The mails of the sandbox: the merchant's to read, nobody else's, and no key to an account."""

import pytest
from sqlalchemy import select

from models import Notice, db


@pytest.fixture
def mailed(client, subscribed):
    """Have a contract and a password reset mailed, and sign the customer out."""
    client.post("/logout")
    client.post("/password-reset", data={"email": subscribed.email})
    return subscribed


def numbers(app):
    with app.app_context():
        return {str(one.kind): one.id for one in db.session.scalars(select(Notice))}


def test_the_merchant_reads_what_was_mailed(app, client, page, mailed, merchant, enter):
    enter(merchant)
    listed = page("/admin/mails")
    assert mailed.email in listed.text
    text = page(f"/admin/mails/{numbers(app)['contract']}").text

    assert "계약 내용" in text and "청약철회" in text


def test_a_mail_that_lets_its_reader_in_is_not_shown(app, client, page, mailed, merchant, enter):
    enter(merchant)

    assert client.get(f"/admin/mails/{numbers(app)['password_reset']}").status_code == 404
    assert f"/admin/mails/{numbers(app)['password_reset']}" not in page("/admin/mails").links


def test_customers_and_strangers_see_nothing(app, client, mailed, log_in):
    path = f"/admin/mails/{numbers(app)['contract']}"
    assert client.get(path).status_code == 303
    log_in(mailed)
    assert client.get(path).status_code == 404
    assert client.get("/admin/mails").status_code == 404


def test_outside_the_sandbox_there_is_no_such_page(
    app, client, mailed, merchant, enter, monkeypatch
):
    enter(merchant)
    monkeypatch.setitem(app.config, "USES_SANDBOX", False)

    assert client.get("/admin/mails").status_code == 404
    assert client.get("/admin/mails/1").status_code == 404
