"""The database: its base class, its column types, and how SQLite is made to behave."""

import enum
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, DateTime, Dialect, Engine, Enum, MetaData, event, tuple_
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator


class InvalidTransition(Exception):
    """A record was asked to go where its state does not lead: a programming error."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware UTC in code, naive UTC in the database (SQLite drops time zones)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store an aware instant; a naive one is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored instant as aware UTC."""
        return value and value.replace(tzinfo=UTC)


_NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table: enums as checked text, instants as UTC."""

    registry = registry(
        metadata=MetaData(naming_convention=_NAMES),
        type_annotation_map={
            datetime: UtcDateTime,
            enum.Enum: Enum(
                enum.Enum,
                native_enum=False,
                create_constraint=True,
                length=20,
                values_callable=lambda kind: [member.value for member in kind],
            ),
        },
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
"""What was read stays readable after a commit; who changes anything locks and reads anew first."""


def read_aside(engine: Engine, query: Any) -> Any:
    """Return one value, read beside whatever transaction this thread is in."""
    with engine.connect().execution_options(only_reads=True) as connection:
        return connection.execute(query).scalar()


def batch(query: Any, *, after: Any, limit: int) -> list[Any]:
    """Return the next rows of a select in the order of its columns, the last of which is the key.

    `after` is the last row of the batch before: nothing is read twice, however long the list.
    """
    columns = query.selected_columns
    if after is not None:
        query = query.where(tuple_(*columns) > tuple_(*after))
    return [tuple(row) for row in db.session.execute(query.order_by(*columns).limit(limit))]


def beginning_with(column: Any, text: str) -> ColumnElement[bool]:
    """Return the test whether a column begins with `text`, letter by letter.

    The index of the column with `varchar_pattern_ops` finds it on PostgreSQL.
    """
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return cast(ColumnElement[bool], column.like(f"{escaped}%", escape="\\"))


if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def prepare_sqlite(engine: Engine) -> None:
    """Give SQLite what PostgreSQL has: foreign keys, readers beside a writer, one writer at a time.

    Every transaction begins IMMEDIATE, so that what it read cannot change before it writes.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin_immediate(connection: Any) -> None:
        if not connection.get_execution_options().get("only_reads"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
