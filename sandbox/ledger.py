"""Keep what "Toss" knows, in one SQLite file."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = Path(__file__).with_name("schema.sql")
_TABLES = (
    "deliveries",
    "cash_receipts",
    "answers",
    "requests",
    "cancels",
    "transactions",
    "payments",
    "billing_keys",
    "windows",
    "payment_windows",
)


class Ledger:
    """One connection for all threads; a lock lets one of them in at a time."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
        self._add_missing_columns()

    def _add_missing_columns(self) -> None:
        """Bring a ledger of an older sandbox up to date."""
        columns = {row["name"] for row in self.all("PRAGMA table_info(windows)")}
        if "way" not in columns:
            self.run("ALTER TABLE windows ADD COLUMN way TEXT NOT NULL DEFAULT 'CARD'")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everyone else out, and keep all of what is written or none of it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, statement: str, *values: object) -> int:
        """Execute one statement and return the number of the row it added."""
        with self._lock:
            return self._connection.execute(statement, values).lastrowid or 0

    def one(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of an answer, if it has any."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return row

    def all(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return every row of an answer."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def add(self, table: str, **columns: object) -> int:
        """Insert one row and return its number."""
        names = ", ".join(columns)
        places = ", ".join("?" for _ in columns)
        return self.run(f"INSERT INTO {table} ({names}) VALUES ({places})", *columns.values())

    def forget_everything(self) -> None:
        """Empty every table; what was set, like the clock, stays set."""
        with self.transaction():
            for table in _TABLES:
                self.run(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
