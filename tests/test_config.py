import re

import pytest

import config
from config import DEFAULTS, FACTS, ROOT, ConfigError
from sandbox.keys import BUILT_IN

CLIENT, SECRET = "test_ck_D5GePWvyJnrK0W0k6q8g", "test_sk_zXLkKEypNArWmo50nX3l"
LIVE = {
    **{name: f"실제 {name}" for name in FACTS},
    "BIZ_NO": "220-81-62517",
    "BIZ_EMAIL": "real@shop.kr",
    "TOSS_CLIENT_KEY": "live_ck_D5GePWvyJnrK0W0k6q8g",
    "TOSS_SECRET_KEY": "live_sk_zXLkKEypNArWmo50nX3l",
    "TOSS_WEBHOOK_SECRET": "w" * 32,
    "SECRET_KEY": "a" * 48,
    "BILLING_KEY_SECRETS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "DATABASE_URL": "postgresql+psycopg://shop@db/shop",
    "PUBLIC_URL": "https://shop.kr",
    "MAIL_URL": "smtp://mail:25",
    "BIZ_MAILORDER_EXEMPT": "",
}


def load(**environ):
    return config.load(environ=environ, env_file=None)


def mistakes(**environ):
    with pytest.raises(ConfigError) as refused:
        load(**environ)
    return refused.value.mistakes


def only_mistake(**environ):
    (mistake,) = mistakes(**environ)
    return mistake


def test_without_keys_the_shop_runs_on_the_sandbox():
    settings = load(SANDBOX_PORT="9191")

    assert settings["USES_SANDBOX"]
    assert settings["TOSS_API_BASE"] == "http://127.0.0.1:9191"
    assert settings["TOSS_SDK_URL"] == "http://127.0.0.1:9191/v2/standard"


def test_the_sandbox_knows_the_keys_that_the_shop_has_for_it():
    settings = load()

    assert [
        (settings[f"{name}_CLIENT_KEY"], settings[f"{name}_SECRET_KEY"])
        for name in ("TOSS", "TOSS_PASS")
    ] == [(pair.client_key, pair.secret_key) for pair in BUILT_IN]


def test_own_test_keys_speak_with_toss():
    settings = load(TOSS_CLIENT_KEY=CLIENT, TOSS_SECRET_KEY=SECRET)

    assert not settings["USES_SANDBOX"]
    assert settings["TOSS_API_BASE"] == "https://api.tosspayments.com"
    assert settings["TOSS_PASS_SECRET_KEY"] == ""


def test_keys_and_any_server_that_speaks_toss_go_together():
    settings = load(
        TOSS_CLIENT_KEY=CLIENT, TOSS_SECRET_KEY=SECRET, TOSS_API_BASE="http://127.0.0.1:7/"
    )

    assert settings["TOSS_API_BASE"] == "http://127.0.0.1:7"


@pytest.mark.parametrize(
    ("client", "secret", "words"),
    [
        ("test_gck_abcdefghijkl", SECRET, "widget key"),
        (CLIENT, "test_gsk_abcdefghijkl", "widget key"),
        (SECRET, CLIENT, "swap"),
        (CLIENT, "live_sk_zXLkKEypNArWmo50nX3l", "mix test with live"),
        (CLIENT + "\n", SECRET, "blank or a line end"),
        (CLIENT, " " + SECRET, "blank or a line end"),
        ("\ufeff" + CLIENT, SECRET, "blank or a line end"),
        (CLIENT, "", "missing"),
        ("", SECRET, "missing"),
        ("abc", SECRET, "must look like"),
    ],
)
def test_a_wrong_key_is_told_apart(client, secret, words):
    found = mistakes(TOSS_CLIENT_KEY=client, TOSS_SECRET_KEY=secret)

    assert any(words in mistake for mistake in found)
    assert not any(client.strip() in mistake for mistake in found if len(client) > 5)
    assert not any(secret.strip() in mistake for mistake in found if len(secret) > 5)


def test_pairs_of_two_modes_are_refused():
    found = mistakes(
        **LIVE,
        TOSS_PASS_CLIENT_KEY="test_ck_abcdefghijkl",
        TOSS_PASS_SECRET_KEY="test_sk_abcdefghijkl",
    )
    assert any("mix test with live" in mistake for mistake in found)


def test_every_mistake_is_listed_at_once():
    found = mistakes(RETRY_DAYS="x", GRACE_DAYS="99", TOSS_TIMEOUT="soon", BIZ_NO="1")
    assert [text.split()[0] for text in found] == [
        "TOSS_TIMEOUT",
        "GRACE_DAYS",
        "RETRY_DAYS",
        "BIZ_NO",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://shop@db/shop"),
        ("DATABASE_URL", "mysql://x"),
        ("SECRET_KEY", "short"),
        ("BILLING_KEY_SECRETS", "not-a-fernet-key"),
        ("PUBLIC_URL", "shop.kr"),
        ("PUBLIC_URL", "https://shop.kr/path"),
        ("TRUSTED_PROXIES", "-1"),
        ("RATELIMIT_STORAGE_URI", "file://x"),
        ("CELERY_BROKER_URL", "http://x"),
        ("MAIL_URL", "pop3://x"),
        ("MAIL_URL", "smtp://shop:word@mail.example:587"),
        ("TOSS_API_BASE", "api.tosspayments.com"),
        ("TOSS_SDK_URL", "//js"),
        ("TOSS_WEB_ROOM", "0"),
        ("TOSS_WEB_WAIT", "31"),
        ("SANDBOX_PORT", "70000"),
        ("BILLING_HOUR", "24"),
        ("RETRY_DAYS", "3,1"),
        ("RETRY_DAYS", "0,1"),
        ("REFUND_PENALTY_PCT", "11"),
        ("REFUND_WITHDRAW_DAYS", "6"),
        ("TERMS_VERSION", "2026-13-01"),
        ("BIZ_NO", "123-45-67890"),
        ("BIZ_EMAIL", "nobody"),
        ("BIZ_REP", ""),
        ("BIZ_MAILORDER_NO", ""),
        ("BIZ_MAILORDER_EXEMPT", "간이과세자"),
    ],
)
def test_a_wrong_value_stops_the_start_and_says_its_name(name, value):
    assert name in only_mistake(**{name: value})


def test_live_keys_with_everything_in_place_start():
    assert load(**LIVE)["IS_LIVE"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", DEFAULTS["SECRET_KEY"]),
        ("BILLING_KEY_SECRETS", DEFAULTS["BILLING_KEY_SECRETS"]),
        ("DATABASE_URL", DEFAULTS["DATABASE_URL"]),
        ("PUBLIC_URL", "http://shop.kr"),
        ("TOSS_API_BASE", "http://127.0.0.1:9090"),
        ("TOSS_SDK_URL", "http://127.0.0.1:9090/v2/standard"),
        ("SANDBOX_CONTROL_URL", "http://127.0.0.1:9090"),
        ("MAIL_URL", "console:"),
        ("TOSS_TIMEOUT", "59"),
        *[(name, DEFAULTS[name]) for name in FACTS if DEFAULTS[name]],
    ],
)
def test_live_keys_refuse_what_is_only_for_the_demo(name, value):
    assert name in only_mistake(**{**LIVE, name: value})


def test_live_keys_refuse_a_debug_mode():
    assert "FLASK_DEBUG" in only_mistake(**LIVE, FLASK_DEBUG="1")


def test_cookies_are_only_sent_over_https_where_the_shop_is():
    assert load(**LIVE)["SESSION_COOKIE_SECURE"]
    assert load(**LIVE)["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert not load()["SESSION_COOKIE_SECURE"]


def test_a_file_gives_values_and_the_environment_stands_above_it(tmp_path):
    file = tmp_path / ".env"
    file.write_text('\ufeff# facts\nBIZ_REP="이순신"\nBIZ_TEL=02-1\nUNKNOWN=1\n', "utf-8")

    settings = config.load(environ={"BIZ_TEL": "02-2"}, env_file=file)

    assert (settings["BIZ_REP"], settings["BIZ_TEL"]) == ("이순신", "02-2")


def test_the_example_file_names_every_setting_with_its_default():
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    settings = [line.partition("=") for line in lines if re.match(r"[A-Z_]+=", line)]
    pairs = {name: value for name, _, value in settings}

    assert pairs == DEFAULTS


def test_the_end_of_the_webhook_address_is_long_and_random_with_live_keys():
    assert "TOSS_WEBHOOK_SECRET must have 32" in only_mistake(TOSS_WEBHOOK_SECRET="short")
    assert "TOSS_WEBHOOK_SECRET is missing" in only_mistake(**{**LIVE, "TOSS_WEBHOOK_SECRET": ""})
    sandboxs = {**LIVE, "TOSS_WEBHOOK_SECRET": config.SANDBOX_WEBHOOK_SECRET}
    assert "TOSS_WEBHOOK_SECRET is the sandbox's" in only_mistake(**sandboxs)


def test_webhooks_are_off_with_own_test_keys_until_their_address_is_set():
    assert load(TOSS_CLIENT_KEY=CLIENT, TOSS_SECRET_KEY=SECRET)["TOSS_WEBHOOK_SECRET"] == ""
    assert load()["TOSS_WEBHOOK_SECRET"] == config.SANDBOX_WEBHOOK_SECRET


def test_a_shop_of_another_name_is_not_called_by_the_demos_in_another_language():
    demo = config.load({}, environ={}, env_file=None)
    assert demo["SHOP_NAME_EN"] == "Moonlight Library"

    own = {"SHOP_NAME": "새벽책방", "SHOP_NAME_JA": "夜明け書店"}
    settings = config.load(own, environ={}, env_file=None)
    assert settings["SHOP_NAME_EN"] == ""
    assert settings["SHOP_NAME_JA"] == "夜明け書店"
    assert settings["CS_HOURS_EN"] == demo["CS_HOURS_EN"]
