import os
import socket
import subprocess
import sys

import pytest

from bin.service import ROOT, free_port


def _run(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bin.run"],
        cwd=ROOT,
        env={**os.environ, "TOSS_CLIENT_KEY": "", "TOSS_SECRET_KEY": "", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT"])
def test_a_taken_port_is_said_in_one_sentence_that_names_the_setting(name):
    others = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ran = _run(**{**others, name: port})

    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.strip() == (
        f"Port {port} is taken: set {name} to a free one, as in {name}=8123 make run."
    )


def test_a_port_that_is_no_number_is_refused():
    ran = _run(PORT="eighty")

    assert (ran.returncode, ran.stderr.strip()) == (
        1,
        "PORT must be a number from 1 to 65535, not 'eighty'.",
    )


def test_wrong_settings_are_told_before_anything_starts():
    ran = _run(PORT=str(free_port()), TOSS_SECRET_KEY="live_gsk_" + "x" * 20)

    assert ran.returncode == 1
    assert "TOSS_SECRET_KEY is a widget key" in ran.stderr
    assert "Traceback" not in ran.stderr
