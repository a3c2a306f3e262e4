"""The schema by migrations is the schema of the models, on both databases, up and down."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from config import ROOT
from models import db

pytestmark = pytest.mark.slow

MIGRATIONS = str(Path(ROOT) / "migrations")


def checks():
    """Return the checks of every table as the database has them."""
    inspector = inspect(db.engine)
    return {
        (table, check["name"])
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }


ADD_ENTRY = (
    "INSERT INTO audit_entry (id, at, action, subject_type, subject_id, facts)"
    " VALUES (:id, :at, 'seen', 'page', '1', '{}')"
)


def refusal(statement, **values):
    """Return what the database says against a statement; nothing if it does as told."""
    try:
        with db.engine.begin() as connection:
            connection.execute(text(statement), values)
    except DBAPIError as error:
        return str(error.orig)
    return ""


def test_the_audit_log_is_only_added_to_and_kept_for_a_year(app):
    db.session.remove()
    db.drop_all()
    today = datetime.now(UTC).replace(tzinfo=None)
    try:
        flask_migrate.upgrade(MIGRATIONS)
        assert not refusal(ADD_ENTRY, id=1, at=today - timedelta(days=364))
        assert not refusal(ADD_ENTRY, id=2, at=today - timedelta(days=367))

        assert "only added to" in refusal("UPDATE audit_entry SET action = 'x' WHERE id = 2")
        assert "kept for a year" in refusal("DELETE FROM audit_entry WHERE id = 1")
        assert not refusal("DELETE FROM audit_entry WHERE id = 2")
        flask_migrate.downgrade(MIGRATIONS, revision="base")
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        db.create_all()


def test_migrations_go_up_to_the_models_and_down_to_nothing(app):
    db.session.remove()
    wanted = checks()
    db.drop_all()
    try:
        flask_migrate.upgrade(MIGRATIONS)
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, db.metadata) == []
        assert checks() == wanted
        flask_migrate.downgrade(MIGRATIONS, revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        db.create_all()
