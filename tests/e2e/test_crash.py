"""A process killed before and after every commit and every call: no promise breaks."""

import json
import os
import subprocess
import sys

import pytest

from bin.service import ROOT
from chaos.points import points

pytestmark = pytest.mark.e2e


def test_a_crash_anywhere_breaks_no_promise() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "chaos.crash"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=400,
    )
    deaths = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [death for death in deaths if death["broken"]] == [], ran.stderr[-3000:]
    reading = {point.name for point in points() if point.name.startswith("audit.")}
    assert {death["point"] for death in deaths} == {point.name for point in points()} - reading
    assert ran.returncode == 0
