"""Compare every won with Toss's own list of transactions; change nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from gateways.payment import PaymentGateway, Transaction
from models import Payment, Refund, db
from rules.periods import seoul_instant

PAGE = 1000
A_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Finding:
    """One difference: `toss_won` and `our_won` of a payment or of what went back of it."""

    what: str
    order_id: str
    toss_won: int
    our_won: int

    def __str__(self) -> str:
        return f"{self.order_id}: {self.what}: Toss {self.toss_won} won, here {self.our_won} won"


def audit(*, gateway: PaymentGateway, start_on: date, end_on: date) -> list[Finding]:
    """Return what the two sides do not agree on, for payments of these days in Seoul, both whole.

    Each pair of keys has a list of its own at Toss: only what was paid with it is compared.

    :raises PaymentGatewayError: Toss's list could not be read to its end; nothing is concluded.
    """
    start, end = seoul_instant(start_on), seoul_instant(end_on + timedelta(days=1)) - A_SECOND
    findings: list[Finding] = []
    seen: set[int] = set()
    for page in _pages(gateway, start, end):
        findings += _compare(page, seen)
    findings += _only_here(gateway.key_pair, start, end, seen)
    return findings


def _pages(
    gateway: PaymentGateway, start: datetime, end: datetime
) -> Iterator[Sequence[Transaction]]:
    after = None
    while page := gateway.transactions(start, end, after=after, limit=PAGE):
        yield page
        if len(page) < PAGE:
            return
        after = page[-1].transaction_key


def _compare(page: Sequence[Transaction], seen: set[int]) -> Iterator[Finding]:
    keys = {line.payment_key for line in page}
    payments = {
        payment.payment_key: payment
        for payment in db.session.scalars(select(Payment).where(Payment.payment_key.in_(keys)))
    }
    refunds = {
        refund.transaction_key: refund.amount_won
        for refund in db.session.scalars(
            select(Refund).where(
                Refund.transaction_key.in_({line.transaction_key for line in page})
            )
        )
    }
    for line in page:
        payment = payments.get(line.payment_key)
        if line.is_cancel:
            our_won, what = refunds.get(line.transaction_key, 0), "given back"
        else:
            our_won, what = payment.amount_won if payment else 0, "paid"
            if payment is not None:
                seen.add(payment.id)
        if our_won != line.amount_won:
            yield Finding(what, line.order_id, line.amount_won, our_won)
    db.session.expunge_all()


def _only_here(key_pair: str, start: datetime, end: datetime, seen: set[int]) -> Iterator[Finding]:
    query = (
        select(Payment.id, Payment.order_id, Payment.amount_won)
        .where(Payment.key_pair == key_pair)
        .where(Payment.approved_at >= start, Payment.approved_at < end + A_SECOND)
        .order_by(Payment.id)
        .execution_options(yield_per=PAGE)
    )
    for payment_id, order_id, amount_won in db.session.execute(query):
        if payment_id not in seen:
            yield Finding("paid", order_id, 0, amount_won)
