"""Rows written by one statement each: what every charge does must cost little.

The unit of work looks at every relation of every table that a row touches; in a charge that was a
third of all it cost (`python -m benchmarks renewals`). What is written here is what a flush would
write, and whatever else waits for one is left to it.
"""

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, Update, bindparam, insert, update
from sqlalchemy.orm import (
    InstanceState,
    Mapper,
    RelationshipDirection,
)
from sqlalchemy.orm.attributes import instance_state
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
    states = {instance_state(row): None for row in rows}
    waiting = (*session.new, *session.dirty, *session.deleted)
    if any(instance_state(row) not in states for row in waiting):
        session.flush()
        return
    connection = session.connection()
    unset = []
    for state in states:
        shape = _shape(state.mapper)
        shape.refer(state)
        held = state.dict
        if state.key is None:
            given = {name: value for name, value in held.items() if name in shape.columns}
            held["id"] = connection.execute(shape.insert, given).scalar_one()
            unset.append((state.obj(), shape.with_default - given.keys()))
        elif changed := shape.columns & state.committed_state.keys():
            given = {name: held[name] for name in changed}
            written = connection.execute(shape.update, {**given, "id_": held["id"]})
            if written.rowcount != 1:
                raise StaleDataError(f"{state.obj()} is gone")
    session._register_persistent(set(states))  # As every flush ends.
    for row, names in unset:
        if names:
            session.expire(row, names)


class _Shape:
    """How the rows of one table are written."""

    def __init__(self, mapper: Mapper[Any]) -> None:
        table = mapper.local_table
        assert isinstance(table, Table)
        self.columns = frozenset(mapper.column_attrs.keys()) - {"id"}
        self.with_default = {
            name
            for name in self.columns
            if (column := mapper.columns[name]).default or column.server_default
        }
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
