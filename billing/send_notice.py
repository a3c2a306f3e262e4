"""Send one mail that is owed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from gateways.mail import Mail, Mailbox, MailRefused, MailUnavailable
from models import Notice, db

LEASE = timedelta(minutes=5)


def send_notice(
    *,
    notice_id: int,
    render: Callable[[Notice], Mail],
    mailbox: Mailbox,
    now: datetime,
) -> None:
    """Render a pending notice and hand it to the mail server; one process at a time.

    A process that dies between the server's yes and the commit sends the mail once more, with the
    same Message-ID.

    :raises MailUnavailable: tried again later.
    :raises MailRefused: given up; a person must look.
    """
    notice = _locked(notice_id)
    if not notice.is_pending or notice.due_at > now:
        db.session.rollback()
        return
    notice.lease(until=now + LEASE)
    db.session.commit()
    mail = render(db.session.get_one(Notice, notice_id))
    db.session.commit()
    try:
        mailbox.send(mail)
    except MailUnavailable as error:
        _locked(notice_id).postpone(str(error), now=now)
        db.session.commit()
        raise
    except MailRefused as error:
        _locked(notice_id).give_up(str(error))
        db.session.commit()
        raise
    _locked(notice_id).mark_sent(now=now)
    db.session.commit()


def _locked(notice_id: int) -> Notice:
    return db.session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)
