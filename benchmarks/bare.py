"""The floor of `benchmarks.pages`: bare Flask routes, served by gunicorn as the shop is.

`/page/<name>` renders one static Jinja template. `/subscription` makes the queries of the shop's
own page of that address and then renders a static template. The templates are the shop's pages,
word for word, so that both sides send the same bytes.
"""

import os
from typing import Any

from flask import Flask, current_app, render_template, request
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy.orm import selectinload

import clock
import config
from models import Invoice, Payment, SignIn, Subscription, db


def create_app() -> Flask:
    """Return the app; BENCH_TEMPLATES names the folder of the static templates."""
    bare = Flask(__name__, template_folder=os.environ["BENCH_TEMPLATES"])
    bare.config.update(config.load(env_file=None))
    bare.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True, "pool_size": 20}
    db.init_app(bare)
    bare.add_url_rule("/page/<name>", view_func=page)
    bare.add_url_rule("/subscription", view_func=subscription)
    return bare


def page(name: str) -> str:
    """Render a static template."""
    return render_template(f"{name}.html")


def subscription() -> str:
    """Make the queries of the shop's page, and render a static template."""
    sign_in = SignIn.with_token(_token(), now=clock.now())
    assert sign_in is not None
    whole = selectinload(Subscription.invoices).joinedload(Invoice.attempts)
    assert Subscription.latest_for(sign_in.user_id, whole)
    Payment.of_user(sign_in.user_id, limit=3)
    return render_template("my-subscription.html")


def _token() -> str:
    sessions: Any = SecureCookieSessionInterface()
    return str(sessions.open_session(current_app, request)["_user_id"])


app = create_app()
