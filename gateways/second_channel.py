"""A second way to reach customers, such as SMS or 알림톡, beside the mail that the law asks for.

The merchant's own module is named in `SECOND_CHANNEL` as `package.module:factory`. The factory is
called once without arguments and returns an object with `send(mail)`; the text and the subject of
the mail are what a short message is made of, the address says who the customer is.
"""

import logging
from importlib import import_module
from typing import Protocol, cast

from gateways.mail import Mail, Mailbox

log = logging.getLogger("shop")


class Channel(Protocol):
    """What a merchant's module returns."""

    def send(self, mail: Mail) -> None:
        """Tell the customer what the mail says; whatever is raised is logged and no more."""
        ...


class WithSecondChannel:
    """A mailbox that tells a second channel what it has sent; the mail alone decides."""

    def __init__(self, mailbox: Mailbox, channel: Channel) -> None:
        self.inner = mailbox
        self._channel = channel

    def send(self, mail: Mail) -> None:
        """Send one mail, as the mailbox inside does, then the message beside it, once."""
        self.inner.send(mail)
        try:
            self._channel.send(mail)
        except Exception:
            log.exception("the second channel failed; the mail was sent")


def open_channel(name: str) -> Channel:
    """Return the channel that `package.module:factory` makes.

    :raises ValueError: there is no such module or factory.
    """
    module, _, factory = name.partition(":")
    try:
        channel = getattr(import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as mistake:
        raise ValueError(f"leads to no channel: {mistake}.") from None
    if not callable(getattr(channel, "send", None)):
        raise ValueError("made something that cannot send.")
    return cast(Channel, channel)
