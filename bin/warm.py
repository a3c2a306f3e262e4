"""Commands of the shop, each in a process of its own that forks from one that has loaded the shop.

A fresh Python would import the shop for a second or two before each of them.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bin.service import ROOT

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["app", "flask.cli", "alembic.autogenerate"])


def flask(
    *arguments: str, environ: Mapping[str, str], typed: str = "", seconds: float = 120
) -> tuple[int | None, str]:
    """Run `flask …`; return its exit status, None if it took too long, and what it wrote."""
    with tempfile.TemporaryDirectory(prefix="command-") as folder:
        given, written = Path(folder) / "given", Path(folder) / "written"
        given.write_text(typed, encoding="utf-8")
        process = _FORKS.Process(
            target=_flask, args=(arguments, dict(environ), str(given), str(written))
        )
        process.start()
        process.join(seconds)
        process.kill()
        is_late = process.exitcode is None
        process.join()
        return None if is_late else process.exitcode, written.read_text("utf-8", "replace")


def _flask(arguments: Sequence[str], environ: dict[str, str], given: str, written: str) -> None:
    """Become the command: its settings, its files, and nothing of the process before."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(os.open(given, os.O_RDONLY), 0)
    os.dup2(os.open(written, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(1, 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    from flask.cli import cli

    cli.main(args=list(arguments), prog_name="flask")
