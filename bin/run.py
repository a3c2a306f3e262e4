"""Run the whole shop on this machine, sandbox, web and worker, until Ctrl-C."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import config
from bin.service import ROOT, Service, ServiceFailed, is_free

ROLES = {"customer": "김서재", "reviewer": "심사 담당자", "merchant": "달빛서재 운영자"}
SIGN_INS = ROOT / "instance" / "sign-ins.json"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Prepare and start the shop, then stay until someone or something stops it."""
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    started: list[Service] = []
    try:
        try:
            _run(started)
        finally:
            _stop(started)
    except KeyboardInterrupt:
        return 0
    except (config.ConfigError, _Refused, ServiceFailed) as problem:
        print(f"\n{problem}", file=sys.stderr, flush=True)
        return 1


class _Refused(Exception):
    """The shop cannot start here; the text says what to do."""


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(started: list[Service]) -> NoReturn:
    settings = config.load()
    ports = _free_ports(settings)
    environ = _environ(settings["PUBLIC_URL"], ports)
    sign_ins = _prepare(environ)
    for service in _services(ports, environ):
        started.append(service)
        service.start()
        service.wait_until_ready()
    _print_welcome(ports, sign_ins)
    raise ServiceFailed(_wait_for_an_end(started))


def _free_ports(settings: dict[str, Any]) -> dict[str, int]:
    ports = {"PORT": _free_port("PORT", os.environ.get("PORT", "8000"))}
    if settings["USES_SANDBOX"]:
        ports["SANDBOX_PORT"] = _free_port("SANDBOX_PORT", str(settings["SANDBOX_PORT"]))
    return ports


def _free_port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise _Refused(f"{name} must be a number from 1 to 65535, not {text!r}.")
    if not is_free(int(text)):
        raise _Refused(
            f"Port {text} is taken: set {name} to a free one, as in {name}=8123 make run."
        )
    return int(text)


def _environ(public_url: str, ports: dict[str, int]) -> dict[str, str]:
    environ = {**os.environ, **{name: str(port) for name, port in ports.items()}}
    environ["PYTHONUNBUFFERED"] = "1"
    if public_url == config.DEFAULTS["PUBLIC_URL"]:
        environ["PUBLIC_URL"] = f"http://127.0.0.1:{ports['PORT']}"
    return environ


def _prepare(environ: dict[str, str]) -> dict[str, dict[str, str]]:
    SIGN_INS.parent.mkdir(exist_ok=True)
    print("Preparing the database, the catalogue and three accounts ...", flush=True)
    _flask(["db", "upgrade"], environ)
    _flask(["catalog", "load", "demo/catalog.toml", "--if-empty"], environ)
    are_new = not SIGN_INS.exists()
    sign_ins = _sign_ins(SIGN_INS)
    for role, sign_in in sign_ins.items():
        account = ["--role", role, "--email", sign_in["email"], "--name", ROLES[role]]
        command = ["users", "create", *account, "--password-stdin", "--if-missing"]
        told = _flask(command, environ, typed=sign_in["password"])
        if are_new and "exists already" in told:
            SIGN_INS.unlink()
            raise _Refused(
                "The accounts are in the database, but instance/sign-ins.json with their passwords"
                " is gone: put it back, or remove instance/ to begin anew."
            )
    return sign_ins


def _flask(arguments: Sequence[str], environ: dict[str, str], typed: str = "") -> str:
    command = [sys.executable, "-m", "flask", *arguments]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        input=f"{typed}\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ran.returncode:
        raise _Refused(f"flask {' '.join(arguments[:2])} failed:\n{ran.stdout}")
    return ran.stdout


def _sign_ins(path: Path) -> dict[str, dict[str, str]]:
    """Return the three accounts; their passwords are drawn once and kept for the owner only."""
    if path.exists():
        kept: dict[str, dict[str, str]] = json.loads(path.read_text())
        return kept
    drawn = {
        role: {"email": f"{role}@dalbit.example", "password": secrets.token_urlsafe(12)}
        for role in ROLES
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(drawn, file, indent=2)
    return drawn


def _services(ports: dict[str, int], environ: dict[str, str]) -> list[Service]:
    python, web = sys.executable, f"http://127.0.0.1:{ports['PORT']}/readyz"
    services = [
        _service(
            "web", [python, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"], web, environ
        ),
        _service("worker", [python, "-m", "flask", "billing", "work"], "worker ready", environ),
    ]
    if "SANDBOX_PORT" in ports:
        port = str(ports["SANDBOX_PORT"])
        hook = f"http://127.0.0.1:{ports['PORT']}/webhooks/toss/{config.SANDBOX_WEBHOOK_SECRET}"
        command = [python, "-m", "sandbox", "--port", port, "--database", "instance/sandbox.sqlite"]
        command += ["--webhook-url", hook]
        ready = f"http://127.0.0.1:{port}/healthz"
        services.insert(0, _service("sandbox", command, ready, environ))
    return services


def _service(name: str, command: list[str], ready: str, environ: dict[str, str]) -> Service:
    def relay(line: str) -> None:
        print(f"{name:>7} | {line}", flush=True)

    return Service(name, command, ready=ready, environ=environ, relay=relay)


def _print_welcome(ports: dict[str, int], sign_ins: dict[str, dict[str, str]]) -> None:
    lines = ["", f"  The shop     http://127.0.0.1:{ports['PORT']}"]
    if "SANDBOX_PORT" in ports:
        lines.append(f"  The sandbox  http://127.0.0.1:{ports['SANDBOX_PORT']}  (no money moves)")
    lines += ["", "  Sign-in      e-mail                     password"]
    lines += [
        f"  {role:<11}  {who['email']:<25}  {who['password']}" for role, who in sign_ins.items()
    ]
    print("\n".join([*lines, "", "  Ctrl-C stops everything.", ""]), flush=True)


def _wait_for_an_end(services: Sequence[Service]) -> str:
    while all(service.is_alive() for service in services):
        time.sleep(0.5)
    ended = next(service for service in services if not service.is_alive())
    return ended.last_words("ended, so everything else was stopped")


def _stop(services: Sequence[Service]) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if services:
        print("\nStopping ...", flush=True)
    for service in reversed(services):
        service.stop()


if __name__ == "__main__":
    sys.exit(main())
