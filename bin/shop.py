"""A shop of real processes on free ports, with a database and a sandbox of its own."""

import json
import os
import sqlite3
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, text

import config
from bin import postgres, warm
from bin.service import Service, free_port


class Control:
    """The sandbox's controls: plant faults, read what "Toss" did."""

    def __init__(self, sandbox_url: str) -> None:
        self._url = sandbox_url

    def plant(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Replace the faults: `plant([{"operation": "charge", "kind": "lost", "times": 1}])`."""
        self._ask("PUT", "faults", {"faults": list(faults)})

    def ledger(self) -> Any:
        """Return everything that the sandbox's ledger holds."""
        return self._ask("GET", "ledger")

    def register_webhook(self, url: str) -> None:
        """Set where Toss posts webhooks to; empty for nowhere."""
        self._ask("PUT", "webhook", {"url": url})

    def cancel(self, payment_key: str, amount: int | None = None) -> None:
        """Give money back as the merchant does in Toss's own back office."""
        self._ask("POST", f"payments/{payment_key}/cancel", {"amount": amount})

    def delete_key(self, billing_key: str) -> None:
        """Delete a billing key at Toss, without the shop."""
        self._ask("DELETE", f"billing-keys/{quote(billing_key, safe='')}")

    def _ask(self, method: str, name: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._url}/_control/{name}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")


class Shop:
    """Sandbox, web and worker under one folder; stops and starts again without losing data."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], *, like: "Shop | None" = None
    ) -> None:
        """Make the shop, its database empty, or `like` that of a furnished shop that never ran."""
        port, sandbox_port = str(free_port()), str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self.database_url: str = _new_database(folder, like.database_url if like else "")
        self._is_copy = like is not None
        self.control = Control(self.sandbox_url)
        self.env = {
            **os.environ,
            **config.DEFAULTS,  # so that no .env of the developer's counts
            "PORT": port,
            "SANDBOX_PORT": sandbox_port,
            "DATABASE_URL": self.database_url,
            "PUBLIC_URL": self.url,
            "TOSS_API_BASE": self.sandbox_url,
            "TOSS_SDK_URL": f"{self.sandbox_url}/v2/standard",
            "SANDBOX_CONTROL_URL": f"{self.sandbox_url}/_control",
            "BILLING_RATE": "1000",
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        self.sandbox, self.web, self.worker = self._services(folder, sandbox_port)

    def furnish(self) -> None:
        """Make the tables, and load the demo catalogue."""
        self.flask("db", "upgrade")
        self.flask("catalog", "load", "demo/catalog.toml")

    def start(self) -> None:
        """Furnish the shop, unless it began as a copy, and start every process."""
        if not self._is_copy:
            self.furnish()
        self.ensure_up()

    def ensure_up(self) -> None:
        """Start what does not run, and wait until all of it answers."""
        for service in (self.sandbox, self.web, self.worker):
            if not service.is_alive():
                service.start()
                service.wait_until_ready()

    def open_audit_log(self) -> None:
        """Let the audit log be emptied between two rounds; a real shop's database refuses that."""
        engine = create_engine(self.database_url)
        table = " ON audit_entry" if engine.dialect.name == "postgresql" else ""
        with engine.begin() as connection:
            connection.execute(text(f"DROP TRIGGER audit_entry_is_kept{table}"))
        engine.dispose()

    def flask(self, *arguments: str, typed: str = "") -> str:
        """Run a command of the shop, such as `flask("billing", "reconcile")`; return its output."""
        status, written = warm.flask(*arguments, environ=self.env, typed=f"{typed}\n")
        assert status == 0, f"flask {' '.join(arguments)}: {status}\n{written}"
        return written

    def restart_web(self, *, crash: bool = False) -> None:
        """Stop gunicorn, in order or as a crash would, and start it again."""
        if crash:
            self.web.kill()
        else:
            self.web.stop()
        self.ensure_up()

    def logs(self) -> str:
        """Return what every process has written since it was started."""
        services = (self.sandbox, self.web, self.worker)
        return "\n".join(f"{each.name} | {line}" for each in services for line in list(each.lines))

    def stop(self) -> None:
        """Stop every process; the database and the ledger stay, for `ensure_up`."""
        for service in (self.worker, self.web, self.sandbox):
            service.stop()

    def close(self) -> None:
        """End every process at once, for good, and drop the database."""
        for service in (self.worker, self.web, self.sandbox):
            service.kill()
        if self.database_url.startswith("postgresql"):
            postgres.drop_database(self.database_url)

    def _services(self, folder: Path, sandbox_port: str) -> tuple[Service, Service, Service]:
        python, ledger = sys.executable, str(folder / "sandbox.sqlite")
        hook = f"{self.url}/webhooks/toss/{config.SANDBOX_WEBHOOK_SECRET}"
        sandbox = [python, "-m", "sandbox", "--port", sandbox_port, "--database", ledger]
        sandbox += ["--webhook-url", hook, "--webhook-minute", "1"]
        web = [python, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        worker = [python, "-m", "flask", "billing", "work"]
        return (
            Service("sandbox", sandbox, ready=f"{self.sandbox_url}/healthz", environ=self.env),
            Service("web", web, ready=f"{self.url}/readyz", environ=self.env),
            Service("worker", worker, ready="worker ready", environ=self.env),
        )


def _new_database(folder: Path, like: str) -> str:
    if os.environ.get("TEST_DATABASE_URL"):
        return postgres.new_database("shop", like=like)
    path = folder / "shop.sqlite"
    if like:
        origin = sqlite3.connect(like.removeprefix("sqlite:///"))
        with closing(origin), closing(sqlite3.connect(path)) as copy:
            origin.backup(copy)
    return f"sqlite:///{path}"
