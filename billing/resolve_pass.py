"""Go on after the merchant has looked at a pass order that was set aside."""

from datetime import datetime

from billing.buy_pass import settle_pass
from billing.resolve import MoneyIsHeld, NotSetAside
from gateways.payment import OutcomeUnknown, PaymentGateway
from models import AuditEntry, PassOrder, db
from models.pass_order import PassFailure


def resolve_pass(
    *,
    order_id: str,
    gateway: PaymentGateway,
    now: datetime,
    actor_id: int | None = None,
    reason: str | None = None,
) -> None:
    """Settle a set-aside order: Toss is asked first.

    Where Toss holds just what was asked for, the pass is granted; where it holds nothing, the order
    is closed and its customer may buy another.

    :raises NotSetAside: there is no such order, or nothing about it is undecided.
    :raises MoneyIsHeld: cancel it in Toss's back office first, then decide.
    :raises PaymentGatewayError: Toss did not answer; nothing was changed.
    """
    known = db.session.get(PassOrder, order_id)
    if known is None or not known.is_set_aside:
        db.session.rollback()
        raise NotSetAside("nothing about it waits for a decision")
    db.session.rollback()
    found = gateway.find_order(order_id)
    order = PassOrder.locked(order_id)
    if not order.is_set_aside:
        db.session.rollback()
        raise NotSetAside("nothing about it waits for a decision")
    AuditEntry.write(
        "pass.resolved",
        subject_type="pass_order",
        subject_id=order_id,
        actor_id=actor_id,
        facts={"won": found.balance_won if found is not None and found.is_done else 0}
        | ({"reason": reason} if reason else {}),
        now=now,
    )
    order.take_up_again(now=now)
    if found is None or not (found.is_done or (found.is_canceled and found.balance_won)):
        order.fail(PassFailure.RESOLVED, found.status if found else None, now=now)
        db.session.commit()
        return
    db.session.commit()
    try:
        settle_pass(order_id=order_id, answer=found, gateway=gateway, now=now)
    except OutcomeUnknown:
        raise MoneyIsHeld(
            f"Toss holds {found.balance_won} won of it: cancel that in Toss's back office first"
        ) from None
