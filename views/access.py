"""Who may see a page: nobody but a signed-in user, unless its view says otherwise."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user

import clock
from models import AuditEntry, SignIn, User, db

View = TypeVar("View", bound=Callable[..., Any])

login_manager = LoginManager()


def public(view: View) -> View:
    """Let strangers see this page."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def merchant_only(view: View) -> View:
    """Let only the merchant see this page, after the second factor; to others it does not exist."""
    view.access = "merchant"  # type: ignore[attr-defined]
    return view


def before_second_factor(view: View) -> View:
    """Let the merchant see this page without the second factor: it is where that is asked for."""
    view.access = "merchant_at_the_door"  # type: ignore[attr-defined]
    return view


def access_of(view: Callable[..., Any]) -> str:
    """Return who may see a view.

    It is `public`, `merchant`, `merchant_at_the_door` or, unless the view says so, `signed_in`.
    """
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
    g.sign_in = sign_in
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
        return redirect(url_for("sessions.new", next=_wanted()), 303)
    if access == "signed_in":
        return None
    if not current_user.is_merchant:
        abort(404)
    return None if access == "merchant_at_the_door" else _enter_back_office()


def _enter_back_office() -> ResponseReturnValue | None:
    """Ask for the second factor, or note in the audit log who asks for what and let them in."""
    now = clock.now()
    sign_in: SignIn = g.sign_in
    if not sign_in.is_in_back_office(now=now):
        return redirect(url_for("admin_second_factor.new", next=_wanted()), 303)
    sign_in.stay_in_back_office(now=now)
    AuditEntry.write(
        "back_office.viewed" if request.method in ("GET", "HEAD") else "back_office.acted",
        subject_type="page",
        subject_id=str(request.endpoint)[:50],
        actor_id=current_user.id,
        address=client_address(),
        facts={"path": request.full_path.rstrip("?")[:500]},
        now=now,
    )
    db.session.commit()
    return None


def _wanted() -> str | None:
    return request.full_path.rstrip("?") if request.method == "GET" else None
