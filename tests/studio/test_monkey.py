"""A minute of a monkey in front of the window with the real engines; `make monkey` lets it stay for ten."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("engines", ["fake", "real"])
def test_a_minute_of_a_monkey(engines: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.studio.monkey", "--seconds", "60", "--seed", "1"]
    command += ["--engines", engines, "--folder", str(tmp_path)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-8000:]
