"""Delete at Toss a card that is charged no more, then erase it here."""

from datetime import datetime, timedelta

from gateways.payment import OutcomeUnknown, PaymentGateway, RequestRejected
from models import BillingKey, Vault, db

MAX_TRIES = 20


def revoke_billing_key(
    *, billing_key_id: int, gateway: PaymentGateway, vault: Vault, now: datetime
) -> None:
    """Ask Toss to delete a key on its way out; erase the ciphertext once that is answered.

    That it is never charged again was decided before and does not depend on the answer.

    :raises OutcomeUnknown: Toss did not answer; asked again later.
    """
    billing_key = db.session.get_one(BillingKey, billing_key_id)
    if billing_key.ciphertext is None or billing_key.is_active:
        return
    plain = billing_key.plain(vault)
    db.session.commit()
    try:
        gateway.delete_billing_key(plain)
    except RequestRejected as error:
        if error.key_pair:
            _postpone(billing_key_id, now=now)
            raise
    except OutcomeUnknown:
        _postpone(billing_key_id, now=now)
        raise
    _finish(billing_key_id, now=now)


def _locked(billing_key_id: int) -> BillingKey:
    return db.session.get_one(
        BillingKey, billing_key_id, with_for_update=True, populate_existing=True
    )


def _finish(billing_key_id: int, *, now: datetime) -> None:
    billing_key = _locked(billing_key_id)
    if billing_key.ciphertext is not None and not billing_key.is_active:
        billing_key.finish_revocation(now=now)
    db.session.commit()


def _postpone(billing_key_id: int, *, now: datetime) -> None:
    billing_key = _locked(billing_key_id)
    if billing_key.ciphertext is not None and not billing_key.is_active:
        if billing_key.revocation_tries + 1 >= MAX_TRIES:
            billing_key.finish_revocation(now=now)
        else:
            wait = timedelta(seconds=min(30 * 2**billing_key.revocation_tries, 6 * 3600))
            billing_key.postpone_revocation(until=now + wait)
    db.session.commit()
