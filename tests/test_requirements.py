"""`pip install -r requirements.txt` is all that the shop and the fast tests need."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OURS = {path.stem for path in ROOT.iterdir() if not path.name.startswith(".")}
FOLDERS = (
    "billing", "bin", "commands", "gateways", "models", "review", "rules", "sandbox", "tests",
    "views",
)  # fmt: skip
ONLY_FOR_MAKE_TEST = {ROOT / "bin" / f"{name}.py" for name in ("test", "browser", "postgres")}
WITH_A_BROWSER = {ROOT / "review" / "walk.py"}


def test_every_import_of_the_shop_and_its_fast_tests_is_pinned():
    pinned, provided = _pinned(), metadata.packages_distributions()

    missing = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _sources()
        for name in _imported(path) - OURS - sys.stdlib_module_names
        if not {_plain(distribution) for distribution in provided.get(name, [])} & set(pinned)
    }

    assert missing == set()


def test_every_package_that_a_pinned_one_needs_is_pinned():
    pinned = _pinned()

    missing = {
        f"{name} needs {needed}"
        for name, extras in pinned.items()
        for needed in _needed(name, extras)
        if needed not in pinned
    }

    assert missing == set()


def test_every_line_names_one_exact_version():
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in _lines(file):
            assert re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+(; .+)?", line), f"{file}: {line}"


def _sources() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if "e2e" not in path.parts and path not in ONLY_FOR_MAKE_TEST | WITH_A_BROWSER:
                yield path


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def _pinned() -> dict[str, set[str]]:
    requirements = [Requirement(line) for line in _lines("requirements.txt")]
    return {_plain(each.name): each.extras for each in requirements}


def _needed(name: str, extras: set[str]) -> Iterator[str]:
    try:
        needs = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # pinned for another version of Python
        return
    for need in map(Requirement, needs):
        if need.marker is None or any(need.marker.evaluate({"extra": x}) for x in {"", *extras}):
            yield _plain(need.name)


def _lines(file: str) -> list[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
