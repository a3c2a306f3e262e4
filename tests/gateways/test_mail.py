"""Mail arrives whole at a real SMTP server, and what cannot arrive says whether to try again."""

import email
import io
import logging
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from gateways.mail import (
    ConsoleMailbox,
    Mail,
    Mailbox,
    MailRefused,
    MailUnavailable,
    MemoryMailbox,
    message_for,
    open_mailbox,
)

SENDER = "달빛서재 <help@dalbit.example>"
MAIL = Mail(
    to="reader@example.com",
    subject="[달빛서재] 구독이 시작되었습니다",
    text="안녕하세요.\n다음 결제일은 2026년 12월 20일입니다.\n.\n끝.\n",
)


class Postbox:
    """Takes in every mail, unless a test tells it what to answer instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Any] = []
        self.users: list[bytes] = []
        self.recipient_answer = "250 OK"
        self.contents_answer = "250 OK"
        self.sender_answer = "250 OK"

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.sender_answer

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        message = email.message_from_bytes(envelope.content, policy=default)
        self.mails.append(message)
        return self.contents_answer

    def admit(
        self, server: Any, session: Any, envelope: Any, mechanism: str, credentials: Any
    ) -> AuthResult:
        self.users.append(credentials.login)
        return AuthResult(success=credentials.password == b"s3cret p@ss", handled=False)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def smtp_url(postbox: Postbox, free_port: int) -> Iterator[str]:
    yield from listening(Controller(postbox, hostname="127.0.0.1", port=free_port))


@pytest.fixture
def smtp_url_with_login(postbox: Postbox, free_port: int) -> Iterator[str]:
    controller = Controller(
        postbox,
        hostname="127.0.0.1",
        port=free_port,
        authenticator=postbox.admit,
        auth_require_tls=False,
    )
    yield from listening(controller)


def listening(controller: Controller) -> Iterator[str]:
    controller.start()
    yield f"{controller.hostname}:{controller.port}"
    controller.stop()


def test_a_mail_arrives_whole(smtp_url, postbox):
    open_mailbox(f"smtp://{smtp_url}", SENDER).send(MAIL)

    [arrived] = postbox.mails
    assert (arrived["From"], arrived["To"]) == (SENDER, "reader@example.com")
    assert arrived["Subject"] == MAIL.subject
    assert arrived.get_content().replace("\r\n", "\n") == MAIL.text
    assert arrived["Message-ID"].endswith("@dalbit.example>")
    assert arrived["Date"].datetime.tzinfo is not None
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert postbox.envelopes[0].mail_from == "help@dalbit.example"
    assert postbox.envelopes[0].rcpt_tos == ["reader@example.com"]


def test_a_mail_may_have_a_second_form(smtp_url, postbox):
    mail = Mail(to=MAIL.to, subject=MAIL.subject, text="글", html="<p>글</p>")

    open_mailbox(f"smtp://{smtp_url}", SENDER).send(mail)

    [arrived] = postbox.mails
    assert arrived.get_content_type() == "multipart/alternative"
    assert [part.get_content().strip() for part in arrived.iter_parts()] == ["글", "<p>글</p>"]


def test_the_log_in_of_the_url_is_used(smtp_url_with_login, postbox):
    user = "smtp%2Buser:s3cret%20p%40ss"

    open_mailbox(f"smtp://{user}@{smtp_url_with_login}", SENDER).send(MAIL)

    assert len(postbox.mails) == 1
    assert postbox.users == [b"smtp+user"]


def test_a_refused_log_in_is_ours_to_mend_so_the_mail_waits(smtp_url_with_login, postbox):
    mailbox = open_mailbox(f"smtp://user:wrong@{smtp_url_with_login}", SENDER)

    with pytest.raises(MailUnavailable, match="535") as raised:
        mailbox.send(MAIL)

    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("recipient_answer", "550 no such user", MailRefused),
        ("recipient_answer", "450 mailbox busy", MailUnavailable),
        ("contents_answer", "554 no", MailRefused),
        ("contents_answer", "451 later", MailUnavailable),
        ("sender_answer", "550 not you", MailUnavailable),
        ("sender_answer", "451 later", MailUnavailable),
    ],
)
def test_a_refusal_says_whether_to_try_again(smtp_url, postbox, step, answer, error):
    setattr(postbox, step, answer)

    with pytest.raises(error) as raised:
        open_mailbox(f"smtp://{smtp_url}", SENDER).send(MAIL)

    assert "reader@example.com" not in f"{raised.value!r} {raised.value.__context__!r}"


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_nobody_reaches_is_tried_again(free_port, scheme):
    with pytest.raises(MailUnavailable):
        open_mailbox(f"{scheme}://127.0.0.1:{free_port}", SENDER).send(MAIL)


def test_starttls_is_not_given_up_where_the_server_lacks_it(smtp_url, postbox):
    with pytest.raises(MailUnavailable):
        open_mailbox(f"smtp://{smtp_url}?starttls=1", SENDER).send(MAIL)

    assert postbox.mails == []


@pytest.mark.parametrize("trusted", [True, False])
def test_starttls_sends_only_to_a_server_with_a_trusted_name(
    postbox, tls, certificate, monkeypatch, free_port, trusted
):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    controller = Controller(postbox, hostname="127.0.0.1", port=free_port, tls_context=tls)
    for url in listening(controller):
        mailbox = open_mailbox(f"smtp://{url}?starttls=1", SENDER)
        assert_sent_only_if(trusted, mailbox)

    assert len(postbox.mails) == trusted


@pytest.mark.parametrize("trusted", [True, False])
def test_smtps_sends_only_to_a_server_with_a_trusted_name(
    postbox, tls, certificate, monkeypatch, free_port, trusted
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    controller = Controller(postbox, hostname="127.0.0.1", port=free_port, ssl_context=tls)
    for url in listening(controller):
        if not trusted:
            monkeypatch.delenv("SSL_CERT_FILE")
        mailbox = open_mailbox(f"smtps://{url}", SENDER)
        assert_sent_only_if(trusted, mailbox)

    assert len(postbox.mails) == trusted


def assert_sent_only_if(trusted: bool, mailbox: Mailbox) -> None:
    if trusted:
        mailbox.send(MAIL)
        return
    with pytest.raises(MailUnavailable, match="SSLCertVerificationError"):
        mailbox.send(MAIL)


@pytest.mark.parametrize(
    "to",
    ["", "reader", "a@b@c", "a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com"]
    + ["<a@example.com>", "독자@example.com", "a..b@example.com", "a @example.com", "a@b\n"],
)
def test_an_address_that_is_not_one_address_is_refused(to):
    mailbox = MemoryMailbox(Address(addr_spec="help@dalbit.example"))

    with pytest.raises(MailRefused):
        mailbox.send(Mail(to=to, subject="제목", text="글"))

    assert mailbox.mails == []


@pytest.mark.parametrize("subject", ["", "  ", "제목\r\nBcc: b@example.com", "제목\n", "\x00"])
def test_a_subject_cannot_write_another_header(subject):
    mailbox = open_mailbox("memory:", SENDER)

    with pytest.raises(MailRefused):
        mailbox.send(Mail(to="a@example.com", subject=subject, text="글"))


@pytest.mark.parametrize("sender", ["", "help", "달빛 <help>", "a@b.c\r\nBcc: d@e.f", "<a@b.c>, x"])
def test_a_sender_that_is_no_address_is_refused(sender):
    with pytest.raises(ValueError, match="sender"):
        open_mailbox("console:", sender)


@pytest.mark.parametrize(
    "url",
    ["", "smtp://", "http://mail.example", "mail.example:25", "smtp://user:s3cret@h:port"]
    + ["smtp://user:s3cret비밀@mail.example", "smtp://user:s3cret%0D%0A@mail.example"],
)
def test_a_mail_url_that_leads_nowhere_is_refused(url):
    with pytest.raises(ValueError, match="MAIL_URL") as raised:
        open_mailbox(url, SENDER)

    assert "s3cret" not in str(raised.value)


def test_the_console_shows_what_a_person_would_read():
    shown = io.StringIO()

    ConsoleMailbox(Address(addr_spec="help@dalbit.example"), shown).send(MAIL)

    assert "To: reader@example.com\nSubject: [달빛서재] 구독이 시작되었습니다\n" in shown.getvalue()
    assert MAIL.text.rstrip() in shown.getvalue()


def test_a_console_of_its_own_needs_no_stream(capsys):
    open_mailbox("console:", SENDER).send(MAIL)

    assert MAIL.subject in capsys.readouterr().err


def test_no_mail_is_logged(smtp_url, caplog):
    caplog.set_level(logging.DEBUG, logger="gateways")

    open_mailbox(f"smtp://{smtp_url}", SENDER).send(MAIL)

    assert [r for r in caplog.records if not r.name.startswith(("mail.log", "asyncio"))] == []
    assert MAIL.to not in repr(MAIL) and MAIL.text not in repr(MAIL)


def test_a_mail_sent_twice_has_one_message_id():
    mail = Mail(to="hana@example.com", subject="안내", text="글", message_id="notice-7")
    author = Address(addr_spec="help@dalbit.example")

    ids = {message_for(mail, author)["Message-ID"] for _ in range(2)}

    assert ids == {"<notice-7@dalbit.example>"}
