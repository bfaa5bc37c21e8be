"""What the window imports, by its source and in a fresh process."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from engine.project import Project
from tests.test_layers import BODY, ROOT, face

ALSO = {"engine", "engine.shipped", "engine.asking", "engine.conditions", "engine.analysis", "engine.resources"}
LIVE = {"engine.live_client", "engine.live_requests", "engine.live_worker"}


def imports(path: Path) -> set[str]:
    """Modules that a file imports, by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def sources(folder: str = "") -> list[Path]:
    found = sorted((ROOT / "studio" / folder).rglob("*.py"))
    assert found
    return found


def test_of_the_engine_only_the_face_is_used() -> None:
    allowed = set(face()) | ALSO | LIVE
    for path in sources():
        for name in imports(path):
            if name.startswith("engine."):
                known = name in allowed or name.rpartition(".")[0] in allowed
                assert known, f"{path.name} imports {name}, which is no part of the engine's face"


def test_no_view_imports_another_view() -> None:
    """Files whose names begin alike are one view: view3d, view3d_camera, view3d_pane."""
    names = {path.stem for path in sources("views")}
    for path in sources("views"):
        others = {name.split(".")[2] for name in imports(path) if name.startswith("studio.views.")} & names
        family = path.stem.split("_")[0]
        assert {name for name in others if name.split("_")[0] != family} == set(), path.name


def test_models_know_no_widgets() -> None:
    for path in sources("models"):
        assert not {
            name for name in imports(path) if re.match(r"PySide6\.QtWidgets|studio\.(views|widgets|window)", name)
        }


SCRIPT = """
import sys, time
began, cpu = time.monotonic(), time.process_time()
from pathlib import Path
from studio.app import application, build
from studio.models.preferences import Preferences

if __name__ == "__main__":
    app = application(sys.argv[:1])
    window, projects = build(app, Preferences(Path(sys.argv[1]) / "preferences"))
    window.show()
    app.processEvents()
    assert projects.open(Path(sys.argv[1]) / "p")
    for _ in range(20):
        app.processEvents()
        time.sleep(0.01)
    print(time.process_time() - cpu, projects.current.session.pid, projects.current.live.pid)
    print(*sys.modules)
    window.close()
    app.processEvents()
"""


def test_the_window_is_up_quickly_without_torch_and_leaves_nothing(tmp_path: Path, qapp: object) -> None:
    """In a process of its own, with the real engines: 3 s of processor time at most, no torch, no process left, no
    shared memory (of which Python would complain at the end)."""
    Project.create(tmp_path / "p").close()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    first, modules = done.stdout.splitlines()[:2]
    seconds, *pids = first.split()
    assert not (BODY - {"scipy", "pyvista", "vtkmodules"}) & set(modules.split())
    assert float(seconds) < 3
    assert len(pids) == 2 and not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "leaked" not in done.stderr and "Traceback" not in done.stderr, done.stderr
