import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path):
    started = []

    def run(*options):
        command = [sys.executable, "-m", "sandbox", "--database", str(tmp_path / "s.sqlite")]
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_it_listens_says_where_and_stops_when_asked(start):
    process = start("--port", "0")
    [port] = re.findall(r"http://127\.0\.0\.1:(\d+);", process.stderr.readline())
    connection = HTTPConnection("127.0.0.1", int(port), timeout=5)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b"ok"

    taken = start("--port", port)
    assert taken.wait(timeout=10) == 1
    assert taken.stderr.read().splitlines() == [
        f"sandbox: port {port} is taken; stop what uses it or choose another with --port."
    ]

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    connection.close()
