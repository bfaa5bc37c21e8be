"""The command that does an export, to be pasted into a terminal."""

import shlex
import sys
from pathlib import Path

import msgspec

from engine.jobs import ExportJob
from engine.settings import ExportOptions


def command_of(job: ExportJob, project: Path) -> str:
    """The command; what is as the command line has it anyway is left out."""
    words = [sys.executable or "python", "-m", "engine", "export", *job.shapes, "--format", job.format]
    words += ["--out", job.out]
    plain = ExportJob(shapes=job.shapes, out=job.out)
    for name in ("resolution", "crumbs", "device"):
        if (value := getattr(job, name)) != getattr(plain, name):
            words += [f"--{name}", str(value)]
    words += [f"--{name}" for name in ("overwrite", "health") if getattr(job, name)]
    usual = msgspec.to_builtins(ExportOptions())
    for name, value in msgspec.to_builtins(job.options).items():
        if value != usual[name]:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            words += ["--set", f"{name}={text}"]
    return shlex.join([*words, "--project", str(project)])
