"""Rows written by one statement each: what every charge does must cost little.

The unit of work looks at every relation of every table that a row touches; in a charge that was a
third of all it cost (`python -m benchmarks renewals`). What is written here is what a flush would
write, and whatever else waits for one is left to it.
"""

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, Update, bindparam, insert, inspect, update
from sqlalchemy.orm import (
    InstanceState,
    Mapper,
    RelationshipDirection,
)
from sqlalchemy.orm.exc import StaleDataError

from models.base import Model, db


def write(*rows: Model) -> None:
    """Insert or update these rows in this order, as a flush would; new ones get their ids.

    A row may refer to an earlier one. Where more than these rows waits for a flush, all of it is
    flushed instead: the order of the whole is then the unit of work's to know.

    :raises IntegrityError: as a flush does; the transaction is to be rolled back.
    :raises StaleDataError: a row is gone.
    """
    session = db.session()
    ours = {id(row) for row in rows}
    if any(id(row) not in ours for row in (*session.new, *session.dirty, *session.deleted)):
        session.flush()
        return
    connection = session.connection()
    new = []
    for row in rows:
        state = inspect(row)
        shape = _shape(state.mapper)
        shape.refer(state)
        if state.key is None:
            given = {name: state.dict[name] for name in shape.columns if name in state.dict}
            state.dict["id"] = connection.execute(shape.insert, given).scalar_one()
            new.append((row, shape.columns - given.keys()))
        elif changed := shape.columns & state.committed_state.keys():
            given = {name: state.dict[name] for name in changed}
            written = connection.execute(shape.update, {**given, "id_": state.dict["id"]})
            if written.rowcount != 1:
                raise StaleDataError(f"{row} is gone")
    session._register_persistent({inspect(row) for row in rows})  # As every flush ends.
    for row, unset in new:
        session.expire(row, unset)


class _Shape:
    """How the rows of one table are written."""

    def __init__(self, mapper: Mapper[Any]) -> None:
        table = mapper.local_table
        assert isinstance(table, Table)
        self.columns = frozenset(mapper.column_attrs.keys()) - {"id"}
        self.insert: Insert = insert(table).returning(table.c.id)
        self.update: Update = update(table).where(table.c.id == bindparam("id_"))
        self._references = {
            relation.key: mapper.get_property_by_column(own).key
            for relation in mapper.relationships
            if relation.direction is RelationshipDirection.MANYTOONE and not relation.viewonly
            for own, _ in relation.local_remote_pairs
        }

    def refer(self, state: InstanceState[Any]) -> None:
        """Set each foreign key to the row that was assigned to its relation."""
        for relation in self._references.keys() & state.committed_state.keys():
            target = state.dict[relation]
            setattr(state.obj(), self._references[relation], target and target.__dict__["id"])


@cache
def _shape(mapper: Mapper[Any]) -> _Shape:
    return _Shape(mapper)
