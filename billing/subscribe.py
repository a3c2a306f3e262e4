"""Take a customer from a quote through Toss's card window to a paid subscription.

A customer who comes back twice, late, in two tabs or after a crash gets one billing key and one
charge: everything that Toss gave is committed before it is used, and one process at a time uses it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from billing import BillingError
from billing.agreements import Agreement, keep_agreements
from billing.alert_merchant import alert_merchant
from billing.change_card import collect_after_card_change, replace_card
from billing.collect import (
    CollectionInProgress,
    NothingToCollect,
    collect,
    give_up_plan_change,
)
from gateways.payment import (
    IssuedBillingKey,
    IssueRequest,
    OutcomeUnknown,
    PaymentGateway,
    PaymentGatewayError,
    RequestRejected,
)
from models import (
    BillingKey,
    Checkout,
    Invoice,
    PaymentRequest,
    Quote,
    Subscription,
    User,
    Vault,
    db,
)
from models.checkout import FailureKind, WayToPay
from models.payment_request import RequestKind
from models.quote import QuoteKind
from rules.collection_terms import CollectionTerms
from rules.wording import N_

GIVE_UP_ISSUING_AFTER = timedelta(minutes=60)


class AlreadySubscribed(BillingError):
    """The customer has a running subscription to this product."""

    user_message = N_("이미 구독하고 있어요. 내 구독에서 확인해 주세요.")


class QuoteExpired(BillingError):
    """The amount on the page is too old to be agreed to."""

    user_message = N_("화면을 연 지 오래되어 금액과 날짜를 새로 불러왔어요. 다시 확인해 주세요.")


class CheckoutExpired(BillingError):
    """The customer came back from the card window too late, or after the checkout ended."""

    user_message = N_(
        "신청한 지 오래되어 진행하지 못했어요. 결제된 금액은 없어요. 다시 시작해 주세요."
    )


def start_checkout(
    *,
    user: User,
    quote: Quote,
    agreements: Sequence[Agreement],
    address: str,
    now: datetime,
    way: WayToPay = WayToPay.CARD,
) -> Checkout:
    """Store a checkout with its consents, before the window of that way to pay opens.

    :raises QuoteExpired: the quote is over, or is for something else; show a new one.
    :raises AlreadySubscribed: there is nothing to buy.
    :raises CollectionInProgress: an earlier payment is not settled yet.
    """
    if not quote.is_open(now) or quote.kind is not QuoteKind.FIRST_CHARGE:
        raise QuoteExpired
    _refuse_second_subscription(user.id, quote.plan.product_id)
    checkout = Checkout(
        user_id=user.id,
        plan_id=quote.plan_id,
        quote_id=quote.id,
        way=way,
        created_at=now,
        expires_at=quote.expires_at,
    )
    db.session.add(checkout)
    db.session.flush()
    keep_agreements(agreements, user_id=user.id, checkout_id=checkout.id, address=address, now=now)
    db.session.commit()
    return checkout


def authorize_checkout(*, checkout_id: str, auth_key: str, vault: Vault, now: datetime) -> Checkout:
    """Keep the auth key that the customer brought back, once; a repeat changes nothing.

    :raises CheckoutExpired: too late; nothing was kept.
    """
    checkout = Checkout.locked(checkout_id)
    if checkout.has_expired(now):
        db.session.rollback()
        raise CheckoutExpired
    if checkout.is_open:
        checkout.authorize(auth_key, vault=vault, now=now)
    db.session.commit()
    return checkout


def finish_checkout(
    *,
    checkout_id: str,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    """Take a checkout whose customer came back as far as it will go now.

    Issues the billing key, opens the subscription with its first invoice and collects it; or
    changes the card of a subscription that runs, and collects what is past due; or collects the
    first period of another plan, unless its quote ended long ago. Does nothing where
    another process is at it, or where all is settled.

    :raises AlreadySubscribed: somebody subscribed meanwhile; nothing was charged.
    :raises CollectionInProgress: an earlier payment is not settled yet.
    :raises PaymentGatewayError: as `PaymentGateway` says; the checkout remembers what it means.
    """
    checkout = db.session.get_one(Checkout, checkout_id)
    if checkout.auth_key_ciphertext is not None:
        _issue_billing_key(checkout_id, gateway=gateway, vault=vault, terms=terms, now=now)
    checkout = db.session.get_one(Checkout, checkout_id)
    if checkout.is_card_change and checkout.subscription_id is not None:
        collect_after_card_change(
            subscription_id=checkout.subscription_id,
            gateway=gateway,
            vault=vault,
            terms=terms,
            now=now,
        )
    elif checkout.is_plan_change and checkout.has_lapsed(now):
        give_up_plan_change(checkout_id=checkout_id, now=now)
    elif checkout.is_unfinished and checkout.invoice_id is not None:
        try:
            collect(
                invoice_id=checkout.invoice_id,
                gateway=gateway,
                vault=vault,
                terms=terms,
                now=now,
            )
        except NothingToCollect:
            _fail(checkout_id, FailureKind.DUPLICATE, None, now=now)
            raise


def _refuse_second_subscription(user_id: int, product_id: int) -> None:
    live = Subscription.live_for(user_id, product_id)
    if live is None:
        return
    if live.is_running:
        raise AlreadySubscribed
    if live.is_collecting:
        raise CollectionInProgress


def _issue_billing_key(
    checkout_id: str,
    *,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    request, sending_id = _lease(checkout_id, gateway=gateway, vault=vault, now=now)
    if request is None:
        return
    try:
        issued = gateway.issue_billing_key(request)
    except OutcomeUnknown as error:
        _answer(sending_id, error)
        _postpone_issue(checkout_id, error, now=now)
        raise
    except PaymentGatewayError as error:
        _answer(sending_id, error)
        is_ours = isinstance(error, RequestRejected)
        kind = FailureKind.MERCHANT if is_ours else FailureKind.REGISTRATION
        _fail(checkout_id, kind, error.code, now=now)
        raise
    _keep(checkout_id, sending_id, issued, gateway=gateway, vault=vault, terms=terms, now=now)


def _lease(
    checkout_id: str, *, gateway: PaymentGateway, vault: Vault, now: datetime
) -> tuple[IssueRequest | None, int]:
    checkout = Checkout.locked(checkout_id)
    if checkout.auth_key_ciphertext is None or checkout.is_leased(now):
        db.session.rollback()
        return None, 0
    try:
        if not checkout.is_card_change:
            _refuse_second_subscription(checkout.user_id, checkout.plan.product_id)
    except AlreadySubscribed:
        checkout.fail(FailureKind.DUPLICATE, None, now=now)
        db.session.commit()
        raise
    request = IssueRequest(
        auth_key=vault.decrypt(checkout.auth_key_ciphertext),
        customer_key=checkout.user.customer_key,
        idempotency_key=checkout.issue_idempotency_key,
    )
    checkout.lease(until=now + timedelta(seconds=gateway.timeout_seconds + 20))
    db.session.flush()
    sending_id = PaymentRequest.send(
        RequestKind.ISSUE,
        checkout_id=checkout_id,
        idempotency_key=request.idempotency_key,
        secret_fingerprint=gateway.secret_fingerprint,
        now=now,
    )
    db.session.commit()
    return request, sending_id


def _answer(sending_id: int, error: PaymentGatewayError) -> None:
    PaymentRequest.answered(
        sending_id,
        code=error.code,
        http_status=error.http_status,
        trace_id=error.trace_id,
        transient=isinstance(error, OutcomeUnknown) and error.transient,
    )


def _postpone_issue(checkout_id: str, error: OutcomeUnknown, *, now: datetime) -> None:
    checkout = Checkout.locked(checkout_id)
    if checkout.auth_key_ciphertext is not None and checkout.authorized_at is not None:
        if now - checkout.authorized_at > GIVE_UP_ISSUING_AFTER:
            checkout.fail(FailureKind.UNANSWERED, error.code, now=now)
        else:
            wait = timedelta(seconds=min(10 * 2**checkout.issue_tries, 300))
            checkout.postpone_issue(until=now + wait)
        if error.transient:
            checkout.renew_idempotency_key()
    db.session.commit()


def _fail(checkout_id: str, kind: FailureKind, code: str | None, *, now: datetime) -> None:
    checkout = Checkout.locked(checkout_id)
    if checkout.is_unfinished:
        checkout.fail(kind, code, now=now)
        if kind is FailureKind.MERCHANT:
            alert_merchant("registration_rejected", code=code or "", subject=checkout_id, now=now)
    db.session.commit()


def _keep(
    checkout_id: str,
    sending_id: int,
    issued: IssuedBillingKey,
    *,
    gateway: PaymentGateway,
    vault: Vault,
    terms: CollectionTerms,
    now: datetime,
) -> None:
    checkout = Checkout.locked(checkout_id)
    PaymentRequest.answered(sending_id, code="ISSUED", http_status=200, trace_id=issued.trace_id)
    if checkout.auth_key_ciphertext is None:
        db.session.commit()
        return
    if issued.customer_key != checkout.user.customer_key or issued.card is None:
        checkout.fail(FailureKind.MERCHANT, "answer_differs", now=now)
        alert_merchant("registration_differs", code="", subject=checkout_id, now=now)
        db.session.commit()
        raise OutcomeUnknown("answer_differs", "the billing key is another customer's or no card's")
    billing_key = _billing_key(checkout, issued, gateway=gateway, vault=vault, now=now)
    if checkout.is_card_change:
        replace_card(checkout, billing_key, terms=terms, now=now)
        db.session.commit()
        return
    try:
        _open_subscription(checkout, billing_key, now=now)
        db.session.commit()
    except (IntegrityError, AlreadySubscribed, CollectionInProgress) as refusal:
        db.session.rollback()
        _give_key_up(checkout_id, issued, gateway=gateway, vault=vault, now=now)
        if isinstance(refusal, IntegrityError) and _is_settled(checkout_id):
            raise AlreadySubscribed from None
        raise


def _is_settled(checkout_id: str) -> bool:
    return not db.session.get_one(Checkout, checkout_id).is_unfinished


def _billing_key(
    checkout: Checkout,
    issued: IssuedBillingKey,
    *,
    gateway: PaymentGateway,
    vault: Vault,
    now: datetime,
) -> BillingKey:
    """Return the row of an issued key; Toss may give one key twice for one card and customer."""
    known = BillingKey.with_plain(issued.billing_key, vault)
    if known is not None and known.user_id == checkout.user_id:
        known.come_back(vault.encrypt(issued.billing_key))
        return known
    assert issued.card is not None
    billing_key = BillingKey(
        user_id=checkout.user_id,
        ciphertext=vault.encrypt(issued.billing_key),
        fingerprint=vault.fingerprint(issued.billing_key),
        method=issued.method,
        card_issuer=issued.card.issuer_name,
        card_number=issued.card.number,
        card_type=issued.card.card_type,
        owner_type=issued.card.owner_type,
        is_wallet=issued.is_wallet,
        key_pair=gateway.key_pair,
        m_id=issued.m_id,
        secret_fingerprint=gateway.secret_fingerprint,
        issued_at=now,
    )
    db.session.add(billing_key)
    return billing_key


def _open_subscription(checkout: Checkout, billing_key: BillingKey, *, now: datetime) -> None:
    """Open the subscription that this checkout bought, or resume the one that was never paid."""
    quote = checkout.quote
    assert quote is not None
    live = Subscription.live_for(checkout.user_id, checkout.plan.product_id)
    if live is None:
        subscription = Subscription.begin(
            user=checkout.user, quote=quote, billing_key=billing_key, now=now
        )
    else:
        db.session.flush()
        subscription = Subscription.locked(live.id)
        _refuse_second_subscription(checkout.user_id, checkout.plan.product_id)
        if subscription.open_invoice is not None:
            subscription.open_invoice.void()
            db.session.flush()
        subscription.begin_again(quote=quote, billing_key=billing_key)
    invoice = Invoice.first(subscription=subscription, quote=quote, now=now)
    db.session.flush()
    checkout.begin_charging(invoice.id)


def _give_key_up(
    checkout_id: str,
    issued: IssuedBillingKey,
    *,
    gateway: PaymentGateway,
    vault: Vault,
    now: datetime,
) -> None:
    """Keep a key that another checkout made useless until it is deleted at Toss."""
    checkout = Checkout.locked(checkout_id)
    if Subscription.live_for(checkout.user_id, checkout.plan.product_id) is None:
        db.session.rollback()
        return
    if checkout.is_unfinished:
        if BillingKey.with_plain(issued.billing_key, vault) is None:
            unused = _billing_key(checkout, issued, gateway=gateway, vault=vault, now=now)
            unused.begin_revocation()
        checkout.fail(FailureKind.DUPLICATE, None, now=now)
    db.session.commit()
