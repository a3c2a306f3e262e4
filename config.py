"""Every setting of the shop: its default, its meaning, its check.

`load` reads the defaults, then `.env`, then the environment, then what a caller overrides, and
refuses to start with every mistake listed at once, each with what to do. No message shows a value
that is secret.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from rules import business_number

ROOT = Path(__file__).resolve().parent

SANDBOX_CLIENT_KEY = "test_ck_dalbit0sandbox0billing0key"
SANDBOX_WEBHOOK_SECRET = "sandbox-only-the-end-of-the-address-of-webhooks"
SANDBOX_SECRET_KEY = "test_sk_dalbit0sandbox0billing0key"
SANDBOX_PASS_CLIENT_KEY = "test_ck_dalbit0sandbox0pass0key00"
SANDBOX_PASS_SECRET_KEY = "test_sk_dalbit0sandbox0pass0key00"

DEFAULTS: dict[str, str] = {
    # Where the shop keeps things and how it is reached.
    "DATABASE_URL": "sqlite:///instance/shop.sqlite",
    "SECRET_KEY": "sandbox-only-change-me-before-any-real-key",
    "BILLING_KEY_SECRETS": "c2FuZGJveC1vbmx5LWJpbGxpbmcta2V5LXNlY3JldC4=",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "TRUSTED_PROXIES": "0",
    "RATELIMIT_STORAGE_URI": "memory://",
    "CELERY_BROKER_URL": "",
    "MAIL_URL": "console:",
    "SECOND_CHANNEL": "",
    "MAINTENANCE": "",
    "PAGE_CACHE_SECONDS": "60",
    # Toss Payments. Without keys the shop runs on the built-in sandbox.
    "TOSS_CLIENT_KEY": "",
    "TOSS_SECRET_KEY": "",
    "TOSS_PASS_CLIENT_KEY": "",
    "TOSS_PASS_SECRET_KEY": "",
    "TOSS_WEBHOOK_SECRET": "",
    "TOSS_API_BASE": "https://api.tosspayments.com",
    "TOSS_SDK_URL": "https://js.tosspayments.com/v2/standard",
    "TOSS_TIMEOUT": "65",
    "WAYS_TO_PAY": "card",
    "PASS_DOMESTIC_CARDS": "0",
    "TOSS_WEB_ROOM": "8",
    "TOSS_WEB_WAIT": "4",
    "SANDBOX_PORT": "9090",
    "SANDBOX_CONTROL_URL": "",
    # What the shop promises its customers.
    "BILLING_HOUR": "9",
    "GRACE_DAYS": "7",
    "RETRY_DAYS": "1,3,5",
    "BILLING_RATE": "20",
    "REFUND_WITHDRAW_DAYS": "7",
    "REFUND_PENALTY_PCT": "0",
    "REFUND_PAY_BDAYS": "3",
    "TERMS_VERSION": "2026-11-26",
    "PRIVACY_VERSION": "2026-11-26",
    "REFUND_VERSION": "2026-11-26",
    # The merchant, exactly as on the 사업자등록증.
    "SHOP_NAME": "달빛서재",
    "SHOP_NAME_EN": "Moonlight Library",
    "SHOP_NAME_JA": "月明かりの書斎",
    "SHOP_NAME_ZH": "月光书斋",
    "BIZ_COMPANY": "주식회사 달빛서재",
    "BIZ_REP": "문서연",
    "BIZ_NO": "999-99-00005",
    "BIZ_MAILORDER_NO": "제2026-서울마포-00000호",
    "BIZ_MAILORDER_EXEMPT": "",
    "BIZ_ADDR": "서울특별시 마포구 달빛로 12, 3층 301호",
    "BIZ_TEL": "02-000-0000",
    "BIZ_EMAIL": "help@dalbit.example",
    "CS_HOURS": "평일 10:00~18:00",
    "CS_HOURS_EN": "Weekdays 10:00–18:00 KST",
    "CS_HOURS_JA": "韓国時間の平日10:00～18:00",
    "CS_HOURS_ZH": "韩国时间工作日10:00–18:00",
    "BIZ_HOSTING": "주식회사 달빛서재",
    "CPO_NAME": "문서연",
    "CPO_CONTACT": "privacy@dalbit.example",
}

FACTS = tuple(name for name in DEFAULTS if name.startswith(("SHOP_", "BIZ_", "CPO_")))
"""The merchant's facts: with live keys none of them may keep its demo value."""

TRANSLATED_FACTS = {
    name: tuple(each for each in DEFAULTS if each.startswith(f"{name}_"))
    for name in ("SHOP_NAME", "CS_HOURS")
}
"""What visitors may read of the merchant in their own language; where empty, they read Korean."""

_MAY_BE_EMPTY = {
    *(each for names in TRANSLATED_FACTS.values() for each in names),
    "CELERY_BROKER_URL",
    "SECOND_CHANNEL",
    "MAINTENANCE",
    "TOSS_CLIENT_KEY",
    "TOSS_SECRET_KEY",
    "TOSS_PASS_CLIENT_KEY",
    "TOSS_PASS_SECRET_KEY",
    "TOSS_WEBHOOK_SECRET",
    "SANDBOX_CONTROL_URL",
    "BIZ_MAILORDER_NO",
    "BIZ_MAILORDER_EXEMPT",
}


def demo_facts(settings: Mapping[str, Any]) -> list[str]:
    """Return the merchant's facts that still hold the demo shop's value."""
    return [name for name in FACTS if settings[name] and settings[name] == DEFAULTS[name]]


class ConfigError(Exception):
    """The shop refuses to start; `mistakes` has one sentence for each setting to mend."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__(
            "The shop did not start. Mend these settings (in .env or the environment):\n"
            + "\n".join(f"  - {mistake}" for mistake in mistakes)
        )


def load(
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = ROOT / ".env",
) -> dict[str, Any]:
    """Return every setting, checked and in its own type, with Flask's names added.

    :raises ConfigError: with every mistake that was found, not only the first.
    """
    environ = os.environ if environ is None else environ
    overrides = dict(overrides or {})
    given = {**_read_env_file(env_file), **{k: v for k, v in environ.items() if k in DEFAULTS}}
    given.update({k: str(v) for k, v in overrides.items() if k in DEFAULTS})
    raw = {**DEFAULTS, **_without_demo_translations(given), **given}
    uses_sandbox = not any(raw[name] for name in _KEY_NAMES)
    if uses_sandbox:
        _point_at_sandbox(raw, given)

    mistakes: list[str] = []
    settings: dict[str, Any] = {name: _checked(name, raw[name], mistakes) for name in DEFAULTS}
    settings["USES_SANDBOX"] = uses_sandbox
    settings["IS_LIVE"] = raw["TOSS_SECRET_KEY"].startswith("live_")
    _check_key_pair(raw, "TOSS_CLIENT_KEY", "TOSS_SECRET_KEY", mistakes)
    _check_key_pair(raw, "TOSS_PASS_CLIENT_KEY", "TOSS_PASS_SECRET_KEY", mistakes)
    _check_pairs_agree(raw, mistakes)
    _check_mail_order(raw, mistakes)
    if settings["IS_LIVE"]:
        _check_live(raw, settings, mistakes, debug=bool(environ.get("FLASK_DEBUG")))
    if mistakes:
        raise ConfigError(mistakes)
    return {**settings, **_flask_settings(settings), **_flask_overrides(overrides)}


def _without_demo_translations(given: Mapping[str, str]) -> dict[str, str]:
    """Return empty translations of what the merchant set in Korean: the demo's are of its own."""
    return {
        each: ""
        for name, names in TRANSLATED_FACTS.items()
        for each in names
        if given.get(name, DEFAULTS[name]) != DEFAULTS[name]
    }


def _flask_overrides(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in overrides.items() if name not in DEFAULTS}


_KEY_NAMES = ("TOSS_CLIENT_KEY", "TOSS_SECRET_KEY", "TOSS_PASS_CLIENT_KEY", "TOSS_PASS_SECRET_KEY")


def _read_env_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    pairs = {}
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name in DEFAULTS:
            pairs[name] = _unquoted(value.strip())
    return pairs


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _point_at_sandbox(raw: dict[str, str], given: Mapping[str, str]) -> None:
    sandbox = f"http://127.0.0.1:{raw['SANDBOX_PORT']}"
    raw["TOSS_CLIENT_KEY"] = SANDBOX_CLIENT_KEY
    raw["TOSS_SECRET_KEY"] = SANDBOX_SECRET_KEY
    raw["TOSS_PASS_CLIENT_KEY"] = SANDBOX_PASS_CLIENT_KEY
    raw["TOSS_PASS_SECRET_KEY"] = SANDBOX_PASS_SECRET_KEY
    raw["TOSS_WEBHOOK_SECRET"] = raw["TOSS_WEBHOOK_SECRET"] or SANDBOX_WEBHOOK_SECRET
    if "TOSS_API_BASE" not in given:
        raw["TOSS_API_BASE"] = sandbox
    if "TOSS_SDK_URL" not in given:
        raw["TOSS_SDK_URL"] = f"{sandbox}/v2/standard"
    if "SANDBOX_CONTROL_URL" not in given:
        raw["SANDBOX_CONTROL_URL"] = f"{sandbox}/_control"


def _checked(name: str, value: str, mistakes: list[str]) -> Any:
    if not value.strip() and name not in _MAY_BE_EMPTY:
        mistakes.append(f"{name} is empty: give it a value, or remove the line for the default.")
        return value
    check = _CHECKS.get(name)
    if check is None or not value:
        return value
    try:
        return check(value)
    except ValueError as mistake:
        mistakes.append(f"{name} {mistake}")
        return value


def _whole_number(low: int, high: int, unit: str) -> Callable[[str], int]:
    def check(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number of {unit} from {low} to {high}.")
        return int(value)

    return check


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def check(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not low <= number <= high:
            raise ValueError(f"must be a number of seconds from {low:g} to {high:g}.")
        return number

    return check


def _retry_days(value: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,2}(,\d{1,2})*", value):
        raise ValueError("must be days joined by commas, such as 1,3,5.")
    days = tuple(int(day) for day in value.split(","))
    if list(days) != sorted(set(days)) or days[0] < 1:
        raise ValueError("must rise from 1 on, such as 1,3,5.")
    return days


def _ways_to_pay(value: str) -> tuple[str, ...]:
    ways = tuple(way.strip() for way in value.split(","))
    if "card" not in ways or len(set(ways)) < len(ways) or not set(ways) <= set(_WAYS):
        raise ValueError(f"must be card, and of {', '.join(_WAYS[1:])} what your contract allows.")
    return tuple(way for way in _WAYS if way in ways)


_WAYS = ("card", "transfer", "tosspay", "naverpay")


def _yes_or_no(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("must be 1 for yes or 0 for no.")
    return value == "1"


def _rate(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0.1 <= number <= 10_000:
        raise ValueError("must be a number of requests a second from 0.1 to 10000.")
    return number


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as https://shop.example.kr.")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError("must be an origin only: https://host, with nothing behind it.")
    return value.rstrip("/")


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("must be an address that begins with https:// (or http:// for a sandbox).")
    return value


def _database_url(value: str) -> str:
    if value.startswith("sqlite:///"):
        path = value.removeprefix("sqlite:///")
        return value if path in ("", ":memory:") else f"sqlite:///{ROOT / path}"
    if value.startswith("postgresql+psycopg://"):
        return value
    raise ValueError(
        "must be sqlite:///PATH or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        " (postgres:// and postgresql:// lack the driver's name)."
    )


def _secret_key(value: str) -> str:
    if len(value) < 32:
        raise ValueError(
            "is shorter than 32 characters: make one with"
            ' python3 -c "import secrets; print(secrets.token_urlsafe(48))".'
        )
    return value


def _webhook_secret(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{32,128}", value):
        raise ValueError(
            "must have 32 to 128 letters, digits, - and _: make one with"
            ' python3 -c "import secrets; print(secrets.token_urlsafe(32))".'
        )
    return value


def _billing_key_secrets(value: str) -> tuple[str, ...]:
    secrets = tuple(secret.strip() for secret in value.split(","))
    for secret in secrets:
        try:
            Fernet(secret)
        except ValueError:
            raise ValueError(
                "holds something that is no Fernet key: make one with python3 -c"
                ' "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
                " and put the newest first, joined by commas."
            ) from None
    return secrets


def _mail_url(value: str) -> str:
    scheme, parts = value.partition(":")[0], urlsplit(value)
    in_clear = scheme == "smtp" and "starttls=1" not in parts.query
    if in_clear and parts.password and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("would send its password in clear: add ?starttls=1 or use smtps://….")
    if scheme == "console" or (scheme in ("smtp", "smtps") and parts.hostname):
        return value
    raise ValueError("must be console: or smtp://USER:PASSWORD@HOST:PORT?starttls=1 or smtps://….")


def _dotted_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", value):
        raise ValueError("must be empty or package.module:factory.")
    return value


def _storage_uri(value: str) -> str:
    if not value.startswith(("memory://", "redis://", "rediss://", "redis+unix://")):
        raise ValueError("must be memory:// (one web process) or redis://HOST:PORT.")
    return value


def _broker_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://", "amqp://", "amqps://")):
        raise ValueError("must be empty (embedded worker), redis://… or amqp://….")
    return value


def _business_number(value: str) -> str:
    if not business_number.is_valid(value):
        raise ValueError("is no 사업자등록번호: ten digits, the last of which is a check digit.")
    return value


def _iso_date(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a date such as 2026-11-20.") from None
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ValueError("must be an e-mail address.")
    return value


_CHECKS: dict[str, Callable[[str], Any]] = {
    "DATABASE_URL": _database_url,
    "SECRET_KEY": _secret_key,
    "BILLING_KEY_SECRETS": _billing_key_secrets,
    "PUBLIC_URL": _origin,
    "TRUSTED_PROXIES": _whole_number(0, 10, "proxies"),
    "RATELIMIT_STORAGE_URI": _storage_uri,
    "CELERY_BROKER_URL": _broker_url,
    "MAIL_URL": _mail_url,
    "SECOND_CHANNEL": _dotted_name,
    "PAGE_CACHE_SECONDS": _whole_number(0, 3600, "seconds"),
    "TOSS_WEBHOOK_SECRET": _webhook_secret,
    "TOSS_API_BASE": _origin,
    "TOSS_SDK_URL": _web_address,
    "TOSS_TIMEOUT": _seconds(0.1, 600),
    "WAYS_TO_PAY": _ways_to_pay,
    "PASS_DOMESTIC_CARDS": _yes_or_no,
    "TOSS_WEB_ROOM": _whole_number(1, 200, "calls"),
    "TOSS_WEB_WAIT": _seconds(0, 30),
    "SANDBOX_PORT": _whole_number(1, 65535, "a port"),
    "SANDBOX_CONTROL_URL": _web_address,
    "BILLING_HOUR": _whole_number(0, 23, "hours"),
    "GRACE_DAYS": _whole_number(1, 28, "days"),
    "RETRY_DAYS": _retry_days,
    "BILLING_RATE": _rate,
    "REFUND_WITHDRAW_DAYS": _whole_number(7, 90, "days"),
    "REFUND_PENALTY_PCT": _whole_number(0, 10, "per cent"),
    "REFUND_PAY_BDAYS": _whole_number(1, 3, "working days"),
    "TERMS_VERSION": _iso_date,
    "PRIVACY_VERSION": _iso_date,
    "REFUND_VERSION": _iso_date,
    "BIZ_NO": _business_number,
    "BIZ_EMAIL": _email,
}


def _check_key_pair(
    raw: Mapping[str, str], client_name: str, secret_name: str, mistakes: list[str]
) -> None:
    client, secret = raw[client_name], raw[secret_name]
    if not client and not secret:
        return
    found = [
        *_key_mistakes(client_name, client, own="ck", other="sk"),
        *_key_mistakes(secret_name, secret, own="sk", other="ck"),
    ]
    if not found and client.partition("_")[0] != secret.partition("_")[0]:
        found.append(
            f"{client_name} and {secret_name} mix test with live: take both from the same tab"
            " of 개발자센터 > API 키."
        )
    mistakes.extend(found)


def _key_mistakes(name: str, key: str, *, own: str, other: str) -> list[str]:
    kind = "client" if own == "ck" else "secret"
    if not key:
        return [
            f"{name} is missing: copy the {kind} key of the same pair from 개발자센터 > API 키."
        ]
    if re.search(r"\s|\ufeff", key):
        return [f"{name} holds a blank or a line end: copy the key again without it."]
    if re.match(r"(test|live)_g[cs]k_", key):
        return [
            f"{name} is a widget key (_gck_ or _gsk_): billing needs the pair under"
            " 'API 개별 연동 키' (_ck_ and _sk_)."
        ]
    if re.match(rf"(test|live)_{other}_", key):
        return [f"{name} holds the other key of the pair: swap the client and the secret key."]
    if not re.fullmatch(rf"(test|live)_{own}_[A-Za-z0-9]{{10,100}}", key):
        return [f"{name} must look like test_{own}_… or live_{own}_…: copy the key again."]
    return []


def _check_pairs_agree(raw: Mapping[str, str], mistakes: list[str]) -> None:
    modes = {raw[name].partition("_")[0] for name in _KEY_NAMES if raw[name]}
    if raw["TOSS_PASS_SECRET_KEY"] and not raw["TOSS_SECRET_KEY"]:
        mistakes.append("TOSS_SECRET_KEY is missing: set the billing pair before the pass pair.")
    if {"test", "live"} <= modes and not any("mix test with live" in text for text in mistakes):
        mistakes.append(
            "TOSS_SECRET_KEY and TOSS_PASS_SECRET_KEY mix test with live: use one mode for both."
        )


def _check_mail_order(raw: Mapping[str, str], mistakes: list[str]) -> None:
    if bool(raw["BIZ_MAILORDER_NO"]) == bool(raw["BIZ_MAILORDER_EXEMPT"]):
        mistakes.append(
            "BIZ_MAILORDER_NO and BIZ_MAILORDER_EXEMPT: set exactly one, the 통신판매업신고번호"
            " or the reason why none is needed."
        )


def _check_live(
    raw: Mapping[str, str], settings: Mapping[str, Any], mistakes: list[str], *, debug: bool
) -> None:
    for name in ("SECRET_KEY", "BILLING_KEY_SECRETS"):
        if DEFAULTS[name] in raw[name]:
            mistakes.append(f"{name} still holds the demo value: with live keys make your own.")
    for name in demo_facts(raw):
        mistakes.append(f"{name} still holds the demo shop's value: put in your own.")
    if raw["DATABASE_URL"].startswith("sqlite"):
        mistakes.append("DATABASE_URL is SQLite: with live keys use postgresql+psycopg://….")
    for name in ("PUBLIC_URL", "TOSS_API_BASE", "TOSS_SDK_URL"):
        if urlsplit(raw[name]).scheme != "https":
            mistakes.append(f"{name} must begin with https:// with live keys.")
    if not raw["TOSS_WEBHOOK_SECRET"]:
        mistakes.append(
            "TOSS_WEBHOOK_SECRET is missing: make one with python3 -c"
            ' "import secrets; print(secrets.token_urlsafe(32))" and register'
            " PUBLIC_URL/webhooks/toss/<it> in 개발자센터 > 웹훅 for each MID."
        )
    if raw["TOSS_WEBHOOK_SECRET"] == SANDBOX_WEBHOOK_SECRET:
        mistakes.append("TOSS_WEBHOOK_SECRET is the sandbox's, which everybody knows: make one.")
    if raw["SANDBOX_CONTROL_URL"]:
        mistakes.append("SANDBOX_CONTROL_URL must be empty with live keys.")
    if raw["MAIL_URL"].startswith("console"):
        mistakes.append(
            "MAIL_URL is console: with live keys contracts must be mailed: use smtp://…."
        )
    if isinstance(settings["TOSS_TIMEOUT"], float) and settings["TOSS_TIMEOUT"] < 60:
        mistakes.append("TOSS_TIMEOUT must be at least 60 with live keys: Toss may take that long.")
    if debug:
        mistakes.append("FLASK_DEBUG is on: with live keys unset it.")


def _flask_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    address = urlsplit(settings["PUBLIC_URL"])
    is_https = address.scheme == "https"
    return {
        "SERVER_NAME": address.netloc,
        "PREFERRED_URL_SCHEME": address.scheme,
        "SQLALCHEMY_DATABASE_URI": settings["DATABASE_URL"],
        "SESSION_COOKIE_NAME": "__Host-session" if is_https else "session",
        "SESSION_COOKIE_SECURE": is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": 60 * 60 * 24 * 14,
        "SESSION_REFRESH_EACH_REQUEST": False,  # A sign-in ends 14 days after it began.
        "MAX_CONTENT_LENGTH": 64 * 1024,
        "MAX_FORM_MEMORY_SIZE": 64 * 1024,
        "MAX_FORM_PARTS": 100,
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,
        "RATELIMIT_HEADERS_ENABLED": False,
    }
