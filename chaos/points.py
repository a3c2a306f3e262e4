"""Where a process may die: before and after each commit and each call to Toss or the mail server.

The list is read from the code of `billing/`, so that a new commit or call is a new point.
"""

import ast
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from bin.service import ROOT

_OUTSIDE = ("gateway", "mailbox")


@dataclass(frozen=True)
class Point:
    """A line at which something leaves the process; `name` stays when lines move."""

    name: str
    file: str
    line: int


@cache
def points() -> tuple[Point, ...]:
    """Return every point of `billing/`, in the order of the files; read once for all forks."""
    found = []
    for path in sorted((ROOT / "billing").glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for number, (what, line) in enumerate(_leaving(function), 1):
                    name = f"{path.stem}.{function.name} {number} {what}"
                    found.append(Point(name, str(path), line))
    return tuple(found)


def _leaving(function: ast.FunctionDef) -> Iterator[tuple[str, int]]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        text = ast.unparse(call.func)
        if text == "db.session.commit":
            yield "commit", call.lineno
        elif text.partition(".")[0] in _OUTSIDE and text.count(".") == 1:
            yield text.partition(".")[2], call.lineno


class Tracer:
    """Notes the points that are passed, and kills this process at one of them.

    `at` names a point and a side: `("collect.send 1 commit", "before")`.
    """

    def __init__(self, at: tuple[str, str] | None = None) -> None:
        self.passed: list[str] = []
        self._at = at
        self._names = {(point.file, point.line): point.name for point in points()}

    def reached(self, frame: FrameType, side: str) -> None:
        """Note where `frame` is, and die if this is the place."""
        name = self._names.get((str(Path(frame.f_code.co_filename).resolve()), frame.f_lineno))
        if name is None:
            return
        if side == "before":
            self.passed.append(name)
        if self._at == (name, side):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, session: Any) -> None:
        """Watch every commit of a scoped session."""
        commit = session.commit

        def watched() -> None:
            frame = sys._getframe(1)
            self.reached(frame, "before")
            commit()
            self.reached(frame, "after")

        session.commit = watched


class Watched:
    """A gateway or a mailbox whose calls are points.

    `answers` may change what a call answers, or do something before the answer is read: it maps
    the name of a method to a function of the answer, used once.
    """

    def __init__(self, inner: Any, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer
        self.answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            frame = sys._getframe(1)
            self._tracer.reached(frame, "before")
            answer = value(*args, **kwargs)
            self._tracer.reached(frame, "after")
            change = self.answers.pop(name, None)
            return change(answer) if change else answer

        return call
