"""The command line as a script sees it: JSON on stdout, progress on stderr, exit status."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import msgspec

from engine import __main__


@dataclass
class Said:
    """What a command wrote on ``stdout`` and ``stderr``."""

    stdout: str
    stderr: str

    @property
    def answer(self) -> dict[str, Any]:
        """The object that ``--json`` promises: stdout is that and nothing else."""
        answer: dict[str, Any] = msgspec.json.decode(self.stdout)
        return answer


def call(*arguments: str, status: int = 0) -> Said:
    """Run ``python -m engine ARGUMENTS`` in this process, which spares seconds of imports each time.

    `spawned` is a process of its own, as a shell starts one.
    """
    out, err, given = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["engine", *arguments]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            __main__.main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = given
    assert code == status, err.getvalue()
    return Said(out.getvalue(), err.getvalue())


def spawned(*arguments: str, status: int = 0) -> Said:
    """Run ``python -m engine ARGUMENTS`` in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "engine", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return Said(done.stdout, done.stderr)
