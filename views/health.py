"""Whether the process and its database answer; for machines."""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app
from sqlalchemy.exc import SQLAlchemyError

from models import db
from views.access import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def live() -> Response:
    """Answer while the process is alive."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@public
def ready() -> Response:
    """Answer 200 when the database answers and every migration was run, else 503."""
    try:
        found = MigrationContext.configure(db.session.connection()).get_current_revision()
    except SQLAlchemyError:
        return Response("the database does not answer\n", 503, mimetype="text/plain")
    migrations = ScriptDirectory(current_app.root_path + "/migrations")
    if found != migrations.get_current_head():
        return Response("run `flask db upgrade`\n", 503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
