"""Bring the schema of the configured database up or down; run by `flask db`."""

from alembic import context
from flask import current_app

from models.base import UtcDateTime

migrate = current_app.extensions["migrate"]

if context.is_offline_mode():
    raise SystemExit("flask db --sql is not supported: run migrations against the database")


def _render(kind, item, _autogen_context):
    """Write our column type as what it is to the database."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


def _switch_foreign_keys(connection, on):
    """Let SQLite copy a table that others refer to; nothing else needs this."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute(f"PRAGMA foreign_keys = {int(on)}")


with migrate.db.engine.connect() as connection:
    _switch_foreign_keys(connection, on=False)
    context.configure(
        connection=connection,
        target_metadata=migrate.db.metadata,
        render_item=_render,
        **migrate.configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    _switch_foreign_keys(connection, on=True)
