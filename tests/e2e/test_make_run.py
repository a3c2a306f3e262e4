"""What `make run` starts, in a copy of the repository where nothing is prepared."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bin.service import ROOT, Service, answers, free_port, is_free

pytestmark = pytest.mark.e2e


@pytest.fixture
def ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}


@pytest.fixture
def copy(tmp_path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def running(copy, ports) -> Iterator[Service]:
    service = Service(
        "make run",
        [sys.executable, "-m", "bin.run"],
        ready="Ctrl-C stops everything.",
        environ={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **ports},
        folder=copy,
    )
    service.start()
    service.wait_until_ready(90)
    yield service
    service.stop(40)


def test_it_answers_prints_the_sign_ins_and_stops_whole(running, ports, copy):
    kept = copy / "instance" / "sign-ins.json"
    sign_ins = json.loads(kept.read_text())
    printed = "\n".join(running.lines)

    assert answers(f"http://127.0.0.1:{ports['PORT']}/")
    assert f"http://127.0.0.1:{ports['PORT']}" in printed
    assert f"http://127.0.0.1:{ports['SANDBOX_PORT']}" in printed
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(sign_ins) == ["customer", "reviewer", "merchant"]
    for account in sign_ins.values():
        assert account["email"] in printed
        assert account["password"] in printed

    children = _children(running.pid)
    running.stop(40)

    assert len(children) == 3
    assert not any(_is_alive(child) for child in children.values())
    assert all(is_free(int(port)) for port in ports.values())

    kept.unlink()
    running.start()
    _wait_for(lambda: not running.is_alive())
    assert "instance/sign-ins.json with their passwords is gone" in running.last_words("")
    assert not kept.exists()


def test_when_one_part_dies_the_rest_stop_and_it_is_named(running, ports):
    children = _children(running.pid)

    os.kill(children["flask billing work"], signal.SIGKILL)
    _wait_for(lambda: not running.is_alive())

    assert "worker ended, so everything else was stopped" in running.last_words("")
    assert not any(_is_alive(child) for child in children.values())
    assert all(is_free(int(port)) for port in ports.values())


def _children(pid: int | None) -> dict[str, int]:
    """Return the processes that were started, by what follows `python -m` in their command."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], stdout=subprocess.PIPE, check=True, text=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return {
        args.partition(" -m ")[2]: int(child) for child, parent, args in rows if int(parent) == pid
    }


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(condition) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
