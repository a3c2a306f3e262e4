"""Mail, sent over SMTP or shown on the console.

    MailError
    ├── MailRefused       this mail never will: a bad address, refused contents
    └── MailUnavailable   not now: no connection, a busy server; try again later

A mail that could not be confirmed as accepted is `MailUnavailable`: better twice than never.
"""

import re
import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Protocol, TextIO
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_SECONDS = 15.0
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_SENDER = re.compile(r"(?:(?P<name>[^<>\"\r\n]*?)\s*<(?P<named>[^<>]+)>|(?P<bare>[^<>]+))")


class MailError(Exception):
    """A mail that was not sent; the text holds neither its address nor its contents."""


class MailRefused(MailError):
    """The mail will never be accepted as it is."""


class MailUnavailable(MailError):
    """The mail may be accepted later."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail to one person; `html` is another form of `text`.

    `message_id` is the part before the @: the same for every sending of one mail, so that a mail
    that went out twice is seen once.
    """

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    message_id: str | None = None


class Mailbox(Protocol):
    """Where mails are put to be sent."""

    def send(self, mail: Mail) -> None:
        """Send one mail.

        :raises MailRefused: it never will be accepted.
        :raises MailUnavailable: try again later.
        """
        ...


class GuardedMailbox:
    """A mailbox that sends only while this host may act: a copy of the shop writes to nobody."""

    def __init__(self, mailbox: Mailbox, *, may_act: Callable[[], bool]) -> None:
        self.inner = mailbox
        self._may_act = may_act

    def send(self, mail: Mail) -> None:
        """Send one mail, as the mailbox inside does.

        :raises MailUnavailable: this host is not armed.
        """
        if not self._may_act():
            raise MailUnavailable("this host is not armed")
        self.inner.send(mail)


def open_mailbox(mail_url: str, sender: str) -> Mailbox:
    """Return the mailbox of a `MAIL_URL`; `sender` is an address, or `name <address>`.

    `console:` prints each mail, `memory:` keeps them in a list, `smtp://user:password@host:port`
    sends them (with `?starttls=1` over TLS), and `smtps://` speaks TLS from the start.

    :raises ValueError: for any other URL or sender; the text shows no password.
    """
    author = _author(sender)
    try:
        parts = urlsplit(mail_url)
        port = parts.port
    except ValueError:
        raise ValueError("MAIL_URL is not a URL") from None
    if parts.scheme == "console":
        return ConsoleMailbox(author)
    if parts.scheme == "memory":
        return MemoryMailbox(author)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not f"{user}{password}".isascii() or not f"{user}{password}".isprintable():
        raise ValueError("MAIL_URL has a user or password that SMTP cannot carry")
    if parts.scheme in ("smtp", "smtps") and parts.hostname:
        return SmtpMailbox(
            author,
            host=parts.hostname,
            port=port or {"smtp": 587 if _starttls(parts) else 25, "smtps": 465}[parts.scheme],
            user=user,
            password=password,
            tls_from_start=parts.scheme == "smtps",
            starttls=_starttls(parts),
        )
    raise ValueError("MAIL_URL must be console:, smtp://host:port or smtps://host:port")


class ConsoleMailbox:
    """Prints each mail as a person reads it."""

    def __init__(self, author: Address, stream: TextIO | None = None) -> None:
        self._author = author
        self._stream = stream

    def send(self, mail: Mail) -> None:
        message = message_for(mail, self._author)
        lines = f"To: {message['To']}\nSubject: {mail.subject}\n\n{mail.text.rstrip()}\n"
        rule = "-" * 72
        stream = self._stream or sys.stderr
        stream.write(f"{rule}\n{lines}{rule}\n")
        stream.flush()


class MemoryMailbox:
    """Keeps each mail in `mails`, for tests."""

    def __init__(self, author: Address) -> None:
        self.mails: list[Mail] = []
        self._author = author

    def send(self, mail: Mail) -> None:
        message_for(mail, self._author)
        self.mails.append(mail)


class SmtpMailbox:
    """Sends each mail over a connection of its own."""

    def __init__(
        self,
        author: Address,
        *,
        host: str,
        port: int,
        user: str = "",
        password: str = "",
        tls_from_start: bool = False,
        starttls: bool = False,
        timeout_seconds: float = _SECONDS,
    ) -> None:
        self._author = author
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._tls_from_start = tls_from_start
        self._starttls = starttls
        self._timeout_seconds = timeout_seconds

    def send(self, mail: Mail) -> None:
        message = message_for(mail, self._author)
        refusal = self._delivered(message, mail.to)
        if refusal is not None:
            raise refusal

    def _delivered(self, message: EmailMessage, to: str) -> MailError | None:
        """Return what stood in the way, made here so that no traceback holds the address."""
        try:
            with self._session() as session:
                session.send_message(message, self._author.addr_spec, [to])
        except smtplib.SMTPRecipientsRefused as error:
            return _refusal("the recipient", next(iter(error.recipients.values()))[0])
        except smtplib.SMTPDataError as error:
            return _refusal("the contents", error.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return MailUnavailable("the mail server lacks what MAIL_URL asks for")
        except smtplib.SMTPResponseException as error:
            return MailUnavailable(f"the mail server answered {error.smtp_code}")
        except (smtplib.SMTPException, OSError) as error:
            return MailUnavailable(f"no mail server: {type(error).__name__}")
        return None

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        session = self._connected()
        try:
            if self._starttls:
                session.starttls(context=ssl.create_default_context())
            if self._user:
                session.login(self._user, self._password)
            yield session
            # The mail is accepted by now: a server that is rude at parting does not undo that.
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        finally:
            session.close()

    def _connected(self) -> smtplib.SMTP:
        """Connect under the sender's domain: finding out this host's own name may take long."""
        where = (self._host, self._port, self._author.domain)
        if not self._tls_from_start:
            return smtplib.SMTP(*where, timeout=self._timeout_seconds)
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(*where, timeout=self._timeout_seconds, context=context)


def message_for(mail: Mail, author: Address) -> EmailMessage:
    """Return `mail` with its headers.

    :raises MailRefused: for an address or a subject that would write other headers.
    """
    if not _ADDRESS.fullmatch(mail.to):
        raise MailRefused("the recipient's address is not one")
    if not mail.subject.strip() or not mail.subject.isprintable():
        raise MailRefused("the subject is empty or holds a line end")
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = author
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = (
            f"<{mail.message_id}@{author.domain}>"
            if mail.message_id
            else make_msgid(domain=author.domain)
        )
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html")
    except (ValueError, MessageError):
        raise MailRefused("the mail holds what no mail can carry") from None
    return message


def _author(sender: str) -> Address:
    found = _SENDER.fullmatch(sender.strip())
    address = (found["named"] or found["bare"]).strip() if found else ""
    if found is None or not _ADDRESS.fullmatch(address):
        raise ValueError("the sender must be a mail address, or a name and <address>")
    try:
        return Address(display_name=(found["name"] or "").strip(), addr_spec=address)
    except MessageError:
        raise ValueError("the sender's mail address is not one") from None


def _starttls(parts: SplitResult) -> bool:
    return parse_qs(parts.query).get("starttls", ["0"])[-1] in ("1", "true", "yes")


def _refusal(what: str, code: int) -> MailError:
    kind = MailRefused if 500 <= code < 600 else MailUnavailable
    return kind(f"the mail server answered {code} to {what}")
