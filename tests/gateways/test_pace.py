import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from config import ROOT
from gateways.pace import Pace

COUNT, RATE = 30, 60.0


@pytest.fixture
def name(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return "test"


def test_threads_together_keep_the_rate(name):
    pace = Pace(RATE, name)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: pace.wait(), range(COUNT)))
    assert time.monotonic() - started >= (COUNT - 1) / RATE


@pytest.mark.slow
def test_processes_of_one_machine_keep_it_together(name):
    code = (
        "from gateways.pace import Pace\n"
        f"pace = Pace({RATE}, {name!r})\n"
        f"for _ in range({COUNT}): pace.wait()\n"
    )
    started = time.monotonic()
    ran = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [process.wait(30) for process in ran] == [0, 0]
    assert time.monotonic() - started >= (2 * COUNT - 1) / RATE


def test_a_file_that_lies_about_the_future_holds_nobody_up(name, tmp_path):
    pace = Pace(RATE, name)
    pace.wait()
    [file] = tmp_path.glob("*.pace")
    file.write_text(f"{time.monotonic() + 10**6:<40.6f}")
    started = time.monotonic()
    pace.wait()
    file.write_text("rubbish" + " " * 40)
    pace.wait()
    assert time.monotonic() - started < 5
