"""What each layer loads, seen in a fresh process. The import contracts say the same of the source."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

BODY = {"torch", "igl", "manifold3d", "pyvista", "scipy", "skimage", "trimesh", "vtkmodules"}
WINDOW = {"PySide6", "pyvistaqt", "qtpy", "studio", "tests"}
FORBIDDEN_LICENCE = {"igl.copyleft", "igl.triangle"}  # GPL, and no commercial use; both lie in the libigl wheel


def loaded_by(source: str) -> dict[str, list[str]]:
    """What ``source`` has loaded when it ends, in a new process, by module it reports.

    The source calls ``report(name)`` after each of its steps; returned are the names in ``sys.modules`` at that moment.
    """
    frame = (
        "import json, sys\nloaded = {}\n"
        "def report(name):\n    loaded[name] = sorted(sys.modules)\n"
        f"{source}\nprint(json.dumps(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", frame], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def face() -> list[str]:
    """The torch-free modules, from the contract in pyproject.toml, which is the one place that lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    names: list[str] = next(c for c in contracts if c["id"] == "face")["source_modules"]
    methods = sorted(path.parent.name for path in (ROOT / "engine/methods").glob("*/settings.py"))
    assert methods
    return [n for n in names if "*" not in n] + [f"engine.methods.{method}.settings" for method in methods]


def test_the_face_loads_no_torch() -> None:
    names = face()
    steps = "\n".join(f"import {name}; report({name!r})" for name in names)
    loaded = loaded_by(steps)
    assert set(loaded) == set(names)
    for name, modules in loaded.items():
        assert not BODY.intersection(modules), f"{name} loads {sorted(BODY.intersection(modules))}"


def test_the_package_offers_project_and_run_without_torch() -> None:
    loaded = loaded_by("import engine; engine.Project, engine.run; report('engine')")["engine"]
    assert not BODY.intersection(loaded)


def test_processes_for_files_start_without_torch() -> None:
    """It takes seconds to load and 200 MB, and what reads, looks at and writes files has no use for it."""
    found = set()
    for path in (ROOT / "engine").rglob("*.py"):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name in re.findall(r'\bChild\(f?"([^":]+):', path.read_text(encoding="utf-8")):
            found.add(own if name == "{__name__}" else name)
    found.remove("engine.somewhere")  # of a docstring
    assert {"engine.datasets.reading", "engine.checkup", "engine.geometry.export.slowly"} <= found
    loaded = loaded_by("\n".join(f"import {name}; report({name!r})" for name in sorted(found)))
    assert [name for name, modules in loaded.items() if "torch" in modules] == []


def test_the_whole_engine_loads_no_window_and_nothing_copyleft() -> None:
    loaded = loaded_by(
        "import importlib, pkgutil, engine\n"
        "for found in pkgutil.walk_packages(engine.__path__, 'engine.'):\n"
        "    importlib.import_module(found.name)\n"
        "report('all')"
    )["all"]
    assert {"engine.pipeline", "igl", "torch"} <= set(loaded)
    assert not (WINDOW | FORBIDDEN_LICENCE).intersection(loaded)
