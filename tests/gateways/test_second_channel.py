"""A second channel is told what was mailed; it can neither stop a mail nor repeat one."""

import sys
from types import ModuleType
from typing import Any

import pytest

from app import create_app
from config import ConfigError
from gateways.fake import FakeGateway
from gateways.mail import Mail, MailUnavailable, MemoryMailbox, open_mailbox
from gateways.second_channel import WithSecondChannel, open_channel
from tests.conftest import TEST_SETTINGS

MAIL = Mail(to="hana@example.com", subject="알림", text="내용")


class Sms:
    def __init__(self, error=None):
        self.sent = []
        self.error = error

    def send(self, mail):
        if self.error:
            raise self.error
        self.sent.append(mail.subject)


@pytest.fixture
def plug(monkeypatch):
    """Make a merchant's module importable."""
    module: Any = ModuleType("merchants_sms")
    module.connect = Sms
    module.nothing = object
    monkeypatch.setitem(sys.modules, "merchants_sms", module)


def test_what_was_mailed_is_told_on_the_second_channel():
    mailbox, sms = open_mailbox("memory:", "shop@example.com"), Sms()
    assert isinstance(mailbox, MemoryMailbox)
    WithSecondChannel(mailbox, sms).send(MAIL)

    assert sms.sent == ["알림"]
    assert mailbox.mails == [MAIL]


def test_a_mail_that_failed_is_not_told():
    class Down:
        def send(self, mail):
            raise MailUnavailable("busy")

    sms = Sms()
    with pytest.raises(MailUnavailable):
        WithSecondChannel(Down(), sms).send(MAIL)
    assert sms.sent == []


def test_a_channel_that_fails_stops_no_mail(caplog):
    mailbox = open_mailbox("memory:", "shop@example.com")
    assert isinstance(mailbox, MemoryMailbox)
    WithSecondChannel(mailbox, Sms(RuntimeError("no credit"))).send(MAIL)

    assert mailbox.mails == [MAIL]
    assert "second channel failed" in caplog.text
    assert "hana@example.com" not in caplog.text


@pytest.mark.parametrize(
    "name", ["merchants_sms", "merchants_sms:missing", "no.such.module:x", "merchants_sms:nothing"]
)
def test_a_name_that_leads_to_no_channel_is_refused(plug, name):
    with pytest.raises(ValueError, match=r"channel|send"):
        open_channel(name)


def test_the_setting_plugs_it_in(plug, tmp_path):
    settings = {**TEST_SETTINGS, "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite"}
    app = create_app({**settings, "SECOND_CHANNEL": "merchants_sms:connect"}, gateway=FakeGateway())
    assert isinstance(app.extensions["mailbox"].inner, WithSecondChannel)
    with pytest.raises(ConfigError, match="SECOND_CHANNEL"):
        create_app({**settings, "SECOND_CHANNEL": "not a name"}, gateway=FakeGateway())
