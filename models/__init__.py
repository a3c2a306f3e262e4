"""What the shop remembers: one table per module."""

from models.armed_host import ArmedHost
from models.audit_entry import AuditEntry
from models.base import InvalidTransition, db
from models.billing_key import BillingKey
from models.breaker import Breaker
from models.cash_receipt import CashReceipt
from models.checkout import Checkout
from models.consent import Consent
from models.inquiry import Inquiry
from models.invoice import Invoice
from models.notice import Notice
from models.payment import Payment
from models.payment_attempt import PaymentAttempt
from models.payment_request import PaymentRequest
from models.plan import Plan
from models.policy_text import PolicyText
from models.product import Product
from models.quote import Quote
from models.refund import Refund
from models.retained_identity import RetainedIdentity
from models.second_factor import SecondFactor
from models.shop_clock import ShopClock
from models.sign_in import SignIn
from models.subscription import Subscription
from models.user import User
from models.vault import Vault
from models.webhook_event import WebhookEvent

__all__ = [
    "ArmedHost",
    "AuditEntry",
    "BillingKey",
    "Breaker",
    "CashReceipt",
    "Checkout",
    "Consent",
    "InvalidTransition",
    "Inquiry",
    "Invoice",
    "Notice",
    "Payment",
    "PaymentAttempt",
    "PaymentRequest",
    "Plan",
    "PolicyText",
    "Product",
    "Quote",
    "Refund",
    "RetainedIdentity",
    "SecondFactor",
    "ShopClock",
    "SignIn",
    "Subscription",
    "User",
    "Vault",
    "WebhookEvent",
    "db",
]
