"""Ask Toss whether a refused pair of keys is good again."""

from datetime import datetime

from gateways.payment import PaymentGateway, RequestRejected
from models import Breaker, db

UNKNOWN_ORDER = "probe-of-the-key-pair"


def probe(*, key_pair: str, gateway: PaymentGateway, now: datetime) -> None:
    """Look up an order that never was: an answer closes the breaker and charging goes on.

    :raises RequestRejected: the pair is still refused; asked again in ten minutes.
    :raises OutcomeUnknown: Toss did not answer; asked again in ten minutes.
    """
    breaker = db.session.get(Breaker, key_pair, with_for_update=True)
    if breaker is None or breaker.next_probe_at > now:
        db.session.rollback()
        return
    breaker.postpone_probe(now=now)
    db.session.commit()
    try:
        gateway.find_order(UNKNOWN_ORDER)
    except RequestRejected as error:
        if error.key_pair:
            raise
    breaker = db.session.get(Breaker, key_pair, with_for_update=True)
    if breaker is not None:
        breaker.close()
    db.session.commit()
