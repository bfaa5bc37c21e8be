from collections.abc import Callable
from pathlib import Path

import pytest

from engine.datasets.found import find
from engine.datasets.source import Source
from engine.protocol import Note
from engine.stages import ended, noting

Look = Callable[..., tuple[list[Source], list[Note]]]


@pytest.fixture
def look() -> Look:
    """Runs ``find`` to its end: the items, and what was said."""

    def run(*paths: Path, kind: str = "") -> tuple[list[Source], list[Note]]:
        notes: list[Note] = []
        return ended(noting(find(paths, kind), notes)), notes

    return run


@pytest.fixture
def lay(tmp_path: Path) -> Callable[..., Path]:
    """Writes files by their path in the test's folder: names alone are empty files, names given as text have contents."""

    def write(*names: str, **texts: str) -> Path:
        for name, text in {**dict.fromkeys(names, ""), **texts}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write
