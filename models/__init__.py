"""What the shop remembers: one table per module."""

from models.armed_host import ArmedHost
from models.audit_entry import AuditEntry
from models.base import InvalidTransition, db
from models.billing_key import BillingKey
from models.breaker import Breaker
from models.cash_receipt import CashReceipt
from models.checkout import Checkout
from models.consent import Consent
from models.daily_figure import DailyFigure
from models.inquiry import Inquiry
from models.invoice import Invoice
from models.notice import Notice
from models.pass_order import PassOrder
from models.payment import Payment
from models.payment_attempt import PaymentAttempt
from models.payment_request import PaymentRequest
from models.picture import Picture
from models.plan import Plan
from models.policy_text import PolicyText
from models.price_change import PriceChange
from models.price_offer import PriceOffer
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
    "DailyFigure",
    "InvalidTransition",
    "Inquiry",
    "Invoice",
    "Notice",
    "PassOrder",
    "Payment",
    "PaymentAttempt",
    "PaymentRequest",
    "Picture",
    "Plan",
    "PolicyText",
    "PriceChange",
    "PriceOffer",
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
