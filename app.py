"""Build the app: settings → database → gateways → pages."""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

import clock
import commands
import config
import key_pairs
import views
from arming import Arming
from gateways.mail import GuardedMailbox, Mailbox, open_mailbox
from gateways.payment import PaymentGateway
from gateways.second_channel import WithSecondChannel, open_channel
from gateways.toss import TossGateway
from models import ShopClock, Vault, db
from models.base import prepare_sqlite
from rules.collection_terms import CollectionTerms
from rules.refunds import RefundTerms
from sandbox_controls import SandboxControls
from views.room import Room


def create_app(
    overrides: Mapping[str, Any] | None = None,
    *,
    gateway: PaymentGateway | None = None,
    pass_gateway: PaymentGateway | None = None,
) -> Flask:
    """Return the shop, wired up.

    Tests pass settings and gateways of their own; settings that are passed stand alone, without
    the environment and the `.env` file.

    :raises config.ConfigError: a setting is wrong; every mistake is in its text.
    """
    app = Flask(__name__, static_folder=None)
    settings = (
        config.load() if overrides is None else config.load(overrides, environ={}, env_file=None)
    )
    app.config.update(settings)
    if not app.testing:
        _log_to_stderr()
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if app.config["TRUSTED_PROXIES"]:
        hops = app.config["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    _open_database(app)
    app.extensions["vault"] = Vault(app.config["BILLING_KEY_SECRETS"])
    app.extensions["arming"] = Arming(app)
    app.extensions["payment_gateway"] = gateway or _toss_gateway(app)
    app.extensions["pass_gateway"] = pass_gateway or _toss_pass_gateway(app)
    app.extensions["mailbox"] = GuardedMailbox(
        _mailbox(app), may_act=app.extensions["arming"].may_act
    )
    app.extensions["collection_terms"] = CollectionTerms(
        billing_hour=app.config["BILLING_HOUR"],
        retry_days=app.config["RETRY_DAYS"],
        grace_days=app.config["GRACE_DAYS"],
    )
    app.extensions["refund_terms"] = RefundTerms(
        withdraw_days=app.config["REFUND_WITHDRAW_DAYS"],
        penalty_percent=app.config["REFUND_PENALTY_PCT"],
    )
    app.extensions["toss_room"] = Room(
        app, places=app.config["TOSS_WEB_ROOM"], wait_seconds=app.config["TOSS_WEB_WAIT"]
    )
    if app.config["USES_SANDBOX"]:
        app.extensions["sandbox_controls"] = SandboxControls(app)
    views.register(app)
    commands.register(app)
    return app


def _mailbox(app: Flask) -> Mailbox:
    sender = f"{app.config['SHOP_NAME']} <{app.config['BIZ_EMAIL']}>"
    mailbox = open_mailbox(app.config["MAIL_URL"], sender)
    if not app.config["SECOND_CHANNEL"]:
        return mailbox
    try:
        return WithSecondChannel(mailbox, open_channel(app.config["SECOND_CHANNEL"]))
    except ValueError as mistake:
        raise config.ConfigError([f"SECOND_CHANNEL {mistake}"]) from None


def _log_to_stderr() -> None:
    """Show what the shop did and what needs a person, one line each, from every process."""
    log = logging.getLogger("shop")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


def _open_database(app: Flask) -> None:
    url = app.config["DATABASE_URL"]
    if url.startswith("sqlite"):
        (config.ROOT / "instance").mkdir(exist_ok=True)
    else:
        from models.postgresql import ENGINE_OPTIONS  # Costs a shop on SQLite a tenth of a second.

        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = ENGINE_OPTIONS
    db.init_app(app)
    Migrate(app, db, render_as_batch=True)
    with app.app_context():
        engine = db.engine
        prepare_sqlite(engine)
    if app.config["USES_SANDBOX"] and not app.testing:
        clock.follow(lambda: ShopClock.read_ahead(engine))


def _toss_gateway(app: Flask) -> TossGateway:
    return TossGateway(
        secret_key=app.config["TOSS_SECRET_KEY"],
        api_base=app.config["TOSS_API_BASE"],
        key_pair=key_pairs.BILLING,
        timeout_seconds=app.config["TOSS_TIMEOUT"],
        may_act=app.extensions["arming"].may_act,
    )


def _toss_pass_gateway(app: Flask) -> TossGateway | None:
    """Return the gateway of the contract for one-time payments, if there is one."""
    if not app.config["TOSS_PASS_SECRET_KEY"]:
        return None
    return TossGateway(
        secret_key=app.config["TOSS_PASS_SECRET_KEY"],
        api_base=app.config["TOSS_API_BASE"],
        key_pair=key_pairs.PASS,
        timeout_seconds=app.config["TOSS_TIMEOUT"],
        may_act=app.extensions["arming"].may_act,
    )
