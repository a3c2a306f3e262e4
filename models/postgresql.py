"""How PostgreSQL is spoken to."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import psycopg


class BriefCursor(psycopg.Cursor[Any]):
    """A cursor that describes the columns of an answer only to who looks at them.

    SQLAlchemy asks of each answer whether it has columns, and knows from its cache which. psycopg
    describes all of them each time, which costs as much as reading them.
    """

    @property
    def description(self) -> Any:
        """The columns, described when one of them is looked at; None where there are none."""
        describe = partial(psycopg.Cursor.description.fget, self)  # type: ignore[attr-defined]
        result = self.pgresult
        return _Columns(describe) if result is not None and result.nfields else describe()


class _Columns(Sequence[Any]):
    def __init__(self, describe: Callable[[], Sequence[Any]]) -> None:
        self._describe = describe

    @cached_property
    def _described(self) -> Sequence[Any]:
        return self._describe()

    def __len__(self) -> int:
        return len(self._described)

    def __getitem__(self, index: Any) -> Any:
        return self._described[index]


ENGINE_OPTIONS = {
    "pool_pre_ping": True,
    "pool_size": 20,
    "connect_args": {"cursor_factory": BriefCursor},
}
