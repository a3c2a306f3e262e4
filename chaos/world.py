"""What storm and crash both do to a shop: register cards, and let the wire's timers run out."""

from collections import defaultdict

import requests
from sqlalchemy import text

import config
from bin.shop import Shop
from chaos.charged import Charged
from models import PassOrder, User, db

_TIMERS = (
    "UPDATE payment_attempt SET next_look_up_at = created_at, resend_after = created_at"
    " WHERE status = 'pending'",
    "UPDATE pass_order SET leased_until = NULL, next_look_up_at = came_back_at,"
    " resend_after = came_back_at WHERE status = 'confirming'",
    "UPDATE refund SET next_look_up_at = created_at, resend_after = created_at"
    " WHERE status = 'pending'",
    "UPDATE webhook_event SET next_try_at = received_at WHERE status = 'pending'",
    "UPDATE cash_receipt SET next_try_at = created_at WHERE status = 'due'",
    "UPDATE checkout SET leased_until = NULL, next_issue_at = NULL",
    "UPDATE billing_key SET next_revocation_at = NULL",
    "UPDATE breaker SET next_probe_at = opened_at",
)


def register(shop: Shop, user: User, card: str, method: str = "CARD") -> str:
    """Enter a card in the sandbox's window; return the auth key, empty where it was refused."""
    window = {
        "clientKey": config.SANDBOX_CLIENT_KEY,
        "customerKey": user.customer_key,
        "customerName": user.name,
        "customerEmail": user.email,
        "successUrl": f"{shop.url}/success",
        "failUrl": f"{shop.url}/fail",
        "windowTarget": "self",
        "method": method,
    }
    headers = {"Origin": shop.url}
    sandbox = shop.sandbox_url
    opened = requests.post(f"{sandbox}/window/billing", json=window, headers=headers, timeout=30)
    sent_back = requests.post(
        sandbox + opened.json()["path"],
        data={"card": card, "identity": "000000"},
        allow_redirects=False,
        timeout=30,
    )
    return sent_back.headers["Location"].partition("authKey=")[2].partition("&")[0]


def authenticate(shop: Shop, order: PassOrder, card: str) -> str:
    """Pay for an order in the sandbox's window; return the payment key, empty where refused."""
    window = {
        "clientKey": config.SANDBOX_PASS_CLIENT_KEY,
        "customerKey": order.user.customer_key,
        "customerName": order.user.name,
        "customerEmail": order.user.email,
        "amount": order.amount_won,
        "taxFreeAmount": order.tax_free_won,
        "orderId": order.id,
        "orderName": order.order_name,
        "successUrl": f"{shop.url}/passes/success",
        "failUrl": f"{shop.url}/passes/fail",
        "windowTarget": "self",
        "useInternationalCardOnly": True,
    }
    headers = {"Origin": shop.url}
    sandbox = shop.sandbox_url
    opened = requests.post(f"{sandbox}/window/payment", json=window, headers=headers, timeout=30)
    sent_back = requests.post(
        sandbox + opened.json()["path"],
        data={"card": card},
        allow_redirects=False,
        timeout=30,
    )
    return sent_back.headers["Location"].partition("paymentKey=")[2].partition("&")[0]


def let_timers_run_out() -> None:
    """Do as if the minutes had passed that leases, look-ups and retries wait for."""
    for statement in _TIMERS:
        db.session.execute(text(statement))
    db.session.commit()


def charged_by(shop: Shop) -> list[Charged]:
    """Return every payment that the sandbox's ledger holds, with its cancels."""
    ledger = shop.control.ledger()
    cancels: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in ledger["cancels"]:
        cancels[row["payment_key"]].append((row["cancel_reason"], row["cancel_amount"]))
    return [
        Charged(
            row["order_id"],
            row["total_amount"],
            row["balance_amount"],
            tuple(cancels[row["payment_key"]]),
        )
        for row in ledger["payments"]
        if row["approved_at"]
    ]
