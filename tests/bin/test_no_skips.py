import subprocess
import sys

import pytest

from bin.service import ROOT

PASSES = "def test_passes(): pass\n"
SKIPS = "import pytest\n@pytest.mark.skip\ndef test_skips(): pass\n" + PASSES
SKIPS_THE_FILE = "import pytest\npytest.importorskip('no_such_package')\n"


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize(
    ("code", "status"), [(PASSES, 0), (SKIPS, 1), (PASSES + SKIPS_THE_FILE, 1)]
)
def test_a_skip_fails_the_run(tmp_path, code, status, processes):
    (tmp_path / "test_planted.py").write_text(code)
    (tmp_path / "test_other.py").write_text(PASSES)
    command = [sys.executable, "-m", "pytest", "-p", "bin.no_skips", "-c", "/dev/null", "-q"]
    command += ["-n", processes]

    ran = subprocess.run(
        [*command, "--import-mode=importlib", f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ("which fails this run" in ran.stdout) == bool(status)
