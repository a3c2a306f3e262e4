"""What every answer carries against attackers: CSRF, throttles and headers."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, request
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFProtect, generate_csrf
from markupsafe import Markup

from views.access import client_address
from views.static_files import is_file

csrf = CSRFProtect()
limiter = Limiter(client_address)

_TOSS = ("https://*.tosspayments.com", "https://*.toss.im")


def register(app: Flask) -> None:
    """Check every form's token and give every answer its headers."""
    csrf.init_app(app)
    limiter.init_app(app)
    app.before_request(_refuse_nul)
    app.add_template_global(script_nonce, "script_nonce")
    app.add_template_global(csrf_field, "csrf_field")
    app.after_request(_add_headers)


def csrf_field() -> Markup:
    """Return the hidden field of a form's token; without an id, so that a page may hold many."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def let_card_window_in() -> None:
    """Allow this one answer to load Toss's script and to open Toss's card window."""
    g.has_card_window = True


def script_nonce() -> str:
    """Return what marks a script of this one answer as the shop's own; no other script runs."""
    if "script_nonce" not in g:
        g.script_nonce = secrets.token_urlsafe(16)
    return str(g.script_nonce)


def _refuse_nul() -> None:
    """Refuse a NUL anywhere in what was sent: no database column can hold one."""
    sent = (request.path, *request.args.values(), *request.form.values())
    if any("\0" in text for text in sent):
        abort(400)


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = _content_security_policy()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    # Other sites show the picture of a link preview.
    headers["Cross-Origin-Resource-Policy"] = "cross-origin" if is_file() else "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if not is_file() or response.status_code >= 400:
        headers.setdefault("Cache-Control", "private, no-store")
    return response


def _content_security_policy() -> str:
    toss = " ".join(("", *_TOSS, *_configured_origins())) if "has_card_window" in g else ""
    inline_styles = " 'unsafe-inline'" if toss else ""
    frames = f"frame-src{toss}" if toss else "frame-src 'none'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_script_sources(toss)}",
            f"style-src 'self'{inline_styles}",
            f"img-src 'self' data:{toss}",
            "font-src 'self'",
            f"connect-src 'self'{toss}",
            frames,
            f"form-action 'self'{toss}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "manifest-src 'self'",
        )
    )


def _script_sources(toss: str) -> str:
    if toss:
        return f"'self'{toss}"
    return f"'nonce-{g.script_nonce}'" if "script_nonce" in g else "'none'"


def _configured_origins() -> list[str]:
    origins = []
    for name in ("TOSS_SDK_URL", "TOSS_API_BASE"):
        parts = urlsplit(current_app.config[name])
        origins.append(f"{parts.scheme}://{parts.netloc}")
    return sorted(set(origins))
