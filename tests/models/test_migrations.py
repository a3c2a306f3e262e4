"""The schema by migrations is the schema of the models, on both databases, up and down."""

from pathlib import Path

import flask_migrate
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from config import ROOT
from models import db

MIGRATIONS = str(Path(ROOT) / "migrations")


def checks():
    """Return the checks of every table as the database has them."""
    inspector = inspect(db.engine)
    return {
        (table, check["name"])
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }


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
