"""Rows read once more, under a lock, at little cost.

To load an object anew costs several times what it costs to read its row, and mostly finds what the
session knew: in a charge it was a tenth of all it cost (`python -m benchmarks renewals`).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper, RelationshipDirection

from models.base import Model, db


def reread(row: Sequence[Any], *models: type[Model]) -> None:
    """Let the session go by a row that was just read, one record of each of these models.

    The row has every column of their tables, in their order. Records that the session holds just
    so stay as they are, and only what other rows refer to them by is read again when it is needed.
    Where one differs, or is not held, the session forgets whatever it had read before: nothing may
    wait to be flushed.
    """
    session = db.session()
    values = iter(row)
    known = []
    for model in models:
        mapper = inspect(model)
        columns = {name: next(values) for name in _columns(mapper)}
        record = session.identity_map.get(mapper.identity_key_from_primary_key((columns["id"],)))
        if record is None or _differs(record.__dict__, columns):
            session.expire_all()
            return
        known.append((record, _referring(mapper) & record.__dict__.keys()))
    for record, names in known:
        if names:
            session.expire(record, names)


def _differs(known: dict[str, Any], columns: dict[str, Any]) -> bool:
    """Test whether a column that was read before has another value now."""
    return any(known.get(name, value) != value for name, value in columns.items())


@cache
def _columns(mapper: Mapper[Any]) -> list[str]:
    return [mapper.get_property_by_column(column).key for column in mapper.local_table.columns]


@cache
def _referring(mapper: Mapper[Any]) -> set[str]:
    """Return the relations that other rows decide, not the row itself."""
    return {
        relation.key
        for relation in mapper.relationships
        if relation.direction is not RelationshipDirection.MANYTOONE or relation.viewonly
    }
