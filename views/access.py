"""Who may see a page: nobody but a signed-in user, unless its view says otherwise."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user

import clock
from models import SignIn, User, db

View = TypeVar("View", bound=Callable[..., Any])

login_manager = LoginManager()


def public(view: View) -> View:
    """Let strangers see this page."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def merchant_only(view: View) -> View:
    """Let only the merchant see this page; to others it does not exist."""
    view.access = "merchant"  # type: ignore[attr-defined]
    return view


def access_of(view: Callable[..., Any]) -> str:
    """Return who may see a view: `public`, `merchant` or, unless it says so, `signed_in`."""
    return getattr(view, "access", "signed_in")


def register(app: Flask) -> None:
    """Ask every request who it is, and turn away whom its page is not for."""
    login_manager.session_protection = None
    login_manager.init_app(app)
    app.before_request(_turn_away)


@login_manager.user_loader
def load_user(token: str) -> User | None:
    """Return the user whose sign-in this cookie's token opens, unless it ended."""
    sign_in = SignIn.with_token(token, now=clock.now())
    if sign_in is None:
        return None
    sign_in.user.sign_in_token = token
    return sign_in.user


def begin_sign_in(user: User) -> None:
    """Sign `user` in with a new session, on the server and in the browser; nothing old stays."""
    session.clear()
    session.permanent = True
    user.sign_in_token = SignIn.begin(
        user, address=client_address(), user_agent=request.user_agent.string, now=clock.now()
    )
    db.session.commit()
    login_user(user)


def end_sign_in() -> None:
    """Sign out of this browser, on the server too."""
    sign_in = SignIn.with_token(current_user.sign_in_token, now=clock.now())
    if sign_in is not None:
        sign_in.end(now=clock.now())
        db.session.commit()
    logout_user()
    session.clear()


def client_address() -> str:
    """Return the address that the request came from, as far as the trusted proxies tell."""
    return request.remote_addr or ""


def _turn_away() -> ResponseReturnValue | None:
    if request.endpoint is None or request.endpoint == "static":
        return None
    access = access_of(current_app.view_functions[request.endpoint])
    if access == "public":
        return None
    if not current_user.is_authenticated:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("sessions.new", next=wanted), 303)
    if access == "merchant" and not current_user.is_merchant:
        abort(404)
    return None
