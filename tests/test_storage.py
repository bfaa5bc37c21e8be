import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import DamagedFileError
from engine.storage import map_tensor, read_tensors, seed_of, sweep, write_atomic, write_tensors


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("engine.storage.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_mapped_tensors_equal_read_ones(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    generator = np.random.default_rng(0)
    arrays: dict[str, NDArray] = {
        "a": generator.random((5, 3), np.float32),
        "b": np.arange(7),
        "c": np.zeros((4, 0), np.uint8),
    }
    write_tensors(path, arrays, {"about": "x"})
    for name, array in read_tensors(path)[0].items():
        mapped, header = map_tensor(path, name)
        assert np.array_equal(mapped, array)
        assert np.array_equal(array, arrays[name])
        assert header == {"about": "x"}


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_cut_files_are_called_damaged(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": np.zeros((50, 3))})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedFileError):
        read_tensors(path)
    with pytest.raises(DamagedFileError):
        map_tensor(path, "a")


def test_seeds_differ_by_every_argument_and_never_by_process() -> None:
    again = subprocess.run(
        [sys.executable, "-c", "from engine.storage import seed_of; print(seed_of(1, 'a', 2))"],
        capture_output=True,
        text=True,
    )
    assert int(again.stdout) == seed_of(1, "a", 2) < 2**63
    seeds = {seed_of(a, b, c) for a in range(5) for b in ("x", "y", "xy") for c in range(5)}
    assert len(seeds) == 75
    assert seed_of("ab", "c") != seed_of("a", "bc")


def test_sweep_removes_temporary_files_alone(tmp_path: Path) -> None:
    (tmp_path / ".a.1.ff.tmp").write_bytes(b"")
    (tmp_path / "kept.json").write_bytes(b"")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]
