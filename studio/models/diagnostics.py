"""What a person sends along with a question: versions, machine, memory, and the last words of the engines."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import psutil
from PySide6.QtCore import qVersion

PACKAGES = ("shape-studio", "torch", "numpy", "vtk", "pyvista", "PySide6-Essentials", "msgspec", "trimesh")
LOGS = ("engine.log", "live.log")  # of a project
TAIL_BYTES, TAIL_LINES = 16_384, 40


def report(folder: Path | None, pids: Sequence[int]) -> str:
    """The page as text. folder : of the open project; pids : processes of the engine. Reads files: for a thread."""
    memory = psutil.virtual_memory()
    lines = [
        "Shape Studio, diagnostics",
        "",
        *(f"{name} {version_of(name)}" for name in PACKAGES),
        f"Python {platform.python_version()}, Qt {qVersion()}",
        f"{platform.platform()}, {platform.machine()}, {psutil.cpu_count() or 1} processors",
        f"memory: {memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB free",
        f"window: {_used(os.getpid())}" + "".join(f"; engine {pid}: {_used(pid)}" for pid in pids),
    ]
    if folder is not None:
        free = psutil.disk_usage(str(folder)).free
        lines += [f"disk of the project: {free / 1e9:.1f} GB free"]
        for name in LOGS:
            lines += ["", f"--- {name}", tail(folder / name)]
        for path in sorted(folder.glob("runs/*/engine.log"), key=lambda path: path.stat().st_mtime)[-1:]:
            lines += ["", f"--- {path.parent.name}/engine.log", tail(path)]
    return "\n".join(lines).replace(str(Path.home()), "~") + "\n"


def version_of(package: str) -> str:
    """Its version, without loading it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed"


def tail(path: Path) -> str:
    """The last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "(there is none)"
    except OSError as error:
        return f"(cannot be read: {error})"
    return "\n".join(lines[-TAIL_LINES:])


def _used(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).memory_info().rss / 1e9:.2f} GB"
    except psutil.NoSuchProcess:
        return "ended"
