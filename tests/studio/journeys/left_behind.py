"""What a window in a process of its own has begun: the processes, shared memory and temporary files that are its own."""

import os
import secrets
import time
from pathlib import Path

import psutil

MARK = "SHAPESTUDIO_TEST_MARK"
SOON_S = 15.0  # an engine that hangs is given up after 5 s, and the machine may be busy


class Trace:
    """Knows a window's processes by a word in their environment, which all that they start inherit."""

    def __init__(self, place: Path) -> None:
        """place : a new folder, which is home and place of temporary files to the window."""
        self.place = place
        self._mark = secrets.token_hex(8)
        self._shared: set[Path] = set()
        for name in ("home", "tmp"):
            (place / name).mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """For the window's process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        home, root = str(self.place / "home"), str(Path(__file__).parents[3])
        return {**kept, MARK: self._mark, "HOME": home, "TMPDIR": str(self.place / "tmp"), "PYTHONPATH": root}

    def processes(self) -> list[psutil.Process]:
        """Those that live."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def look(self) -> None:
        """Remember the shared memory that the processes have now."""
        for process in self.processes():
            try:
                text = Path(f"/proc/{process.pid}/maps").read_text()
            except OSError:
                continue
            self._shared |= {Path(line.split(maxsplit=5)[5]) for line in text.splitlines() if "/dev/shm/" in line}

    def left(self) -> list[str]:
        """What is still there after a while."""
        stop = time.monotonic() + SOON_S
        while (found := self._found()) and time.monotonic() < stop:
            time.sleep(0.1)
        return found

    def _found(self) -> list[str]:
        processes = [f"process {process.pid}" for process in self.processes()]
        files = [*self._shared, *(self.place / "tmp").iterdir()]
        return processes + [str(path) for path in files if path.exists()]


def temporary_files(project: Path) -> list[str]:
    """Names in a project that no whole file has."""
    return [
        str(path) for path in project.rglob("*") if path.name.endswith((".tmp", ".lock")) or "scratch" in path.parts
    ]
