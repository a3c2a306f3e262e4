import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from bin.service import Service, ServiceFailed

STUBBORN_PARENT = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("child", child.pid, flush=True)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def python() -> Iterator[Callable[[str], Service]]:
    services: list[Service] = []

    def start(code: str) -> Service:
        command = [sys.executable, "-u", "-c", code]
        services.append(Service("clock", command, ready="ready", environ=os.environ))
        services[-1].start()
        return services[-1]

    yield start
    for service in services:
        service.kill()


def test_a_service_that_will_not_stop_is_ended_with_its_children(python):
    service = python(STUBBORN_PARENT)
    service.wait_until_ready(30)
    child = int(service.lines[0].split()[1])

    service.stop(seconds=0.2)

    assert not service.is_alive()
    assert _is_gone(child)


def test_a_service_that_ends_early_is_told_with_its_last_lines(python):
    service = python("print('the disk is full')")

    with pytest.raises(ServiceFailed, match=r"clock ended before it was ready(.|\n)*disk is full"):
        service.wait_until_ready(30)


def test_a_service_that_stays_silent_is_given_up(python):
    service = python("import time; time.sleep(600)")

    with pytest.raises(ServiceFailed, match="clock did not answer within 0.3 seconds"):
        service.wait_until_ready(0.3)


def _is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _runs(pid)


def _runs(pid: int) -> bool:
    """A child that nobody has reaped yet is dead all the same."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.startswith("Z")
