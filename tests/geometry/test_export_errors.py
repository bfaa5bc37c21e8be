"""Whatever goes wrong: one clear error, and every file as it was."""

import errno
import os
import resource
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DamagedFileError, InputError, MeshError, StudioError
from engine.geometry.export import ExportOptions, export_mesh
from engine.geometry.export.place import put
from engine.geometry.mesh import Mesh
from tests.geometry.shapes import box, sphere

SUFFIXES = [".glb", ".obj", ".ply", ".stl", ".3mf"]
BALL = sphere(0.4, 3)


def contents(folder: Path) -> Mapping[str, bytes | None]:
    """Everything in a folder, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with files of the names that are going to be written."""
    for suffix in [*SUFFIXES, ".mtl"]:
        (tmp_path / f"a{suffix}").write_bytes(b"before")
    return tmp_path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_there_stays_unless_asked_otherwise(kept: Path, suffix: str) -> None:
    before = contents(kept)
    with pytest.raises(InputError, match=r"exists; choose another place"):
        export_mesh(kept / f"a{suffix}", BALL, {}, {}, overwrite=False)
    assert contents(kept) == before
    export_mesh(kept / f"a{suffix}", BALL, {}, {}, overwrite=True)
    assert contents(kept).keys() == before.keys() and contents(kept) != before


def test_the_file_beside_counts_too(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_bytes(b"before")
    with pytest.raises(InputError, match=r"a\.mtl exists"):
        export_mesh(tmp_path / "a.obj", BALL, {}, {}, overwrite=False)
    assert contents(tmp_path) == {"a.mtl": b"before"}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "number, text",
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "cannot be written to"), (errno.EIO, "choose another place")],
)
def test_a_failing_disk(kept: Path, suffix: str, number: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    before = contents(kept)
    monkeypatch.setattr(os, "fsync", fail)
    for path in (kept / f"a{suffix}", kept / "new" / "deep" / f"a{suffix}"):
        with pytest.raises(InputError, match=text) as caught:
            export_mesh(path, BALL, {}, {})
        assert "\n" not in str(caught.value) and "temp" not in str(caught.value)
        assert contents(kept) == before


def test_a_disk_that_takes_no_more(kept: Path) -> None:
    """The limit on file sizes stops a write in its middle, as a full disk does."""
    before = contents(kept)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(InputError, match="larger than this place allows"):
            export_mesh(kept / "a.glb", BALL, {}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(kept) == before


def test_two_files_come_together_or_not_at_all(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = os.replace

    def replace(source: Path, target: Path) -> None:
        if target.suffix == ".obj":
            raise OSError(errno.ENOSPC, "No space left on device")
        true(source, target)

    before = contents(kept)
    monkeypatch.setattr("engine.geometry.export.place.os.replace", replace)
    with pytest.raises(InputError, match="disk is full"):
        export_mesh(kept / "a.obj", BALL, {}, {})
    monkeypatch.setattr("engine.geometry.export.place.os.replace", true)
    assert contents(kept) == before


@pytest.mark.parametrize("fails", [False, True])
def test_large_files_are_replaced_without_being_read_into_memory(
    tmp_path: Path, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {tmp_path / f"{k}": tmp_path / "made" / f"{k}" for k in range(3)}
    (tmp_path / "made").mkdir()
    for path, source in paths.items():
        path.write_bytes(b"before")
        source.write_bytes(b"after")
    true = os.replace

    def replace(source: Path, target: Path) -> None:
        if fails and target.name == "2":
            raise OSError(errno.ENOSPC, "No space left on device")
        true(source, target)

    def read(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    with monkeypatch.context() as patch:
        patch.setattr("engine.geometry.export.place.os.replace", replace)
        patch.setattr(Path, "read_bytes", read)
        if fails:
            with pytest.raises(InputError, match="disk is full"):
                put(paths)
        else:
            put(paths)
    found = {name: data for name, data in contents(tmp_path).items() if not name.startswith("made")}
    assert found == {f"{k}": b"before" if fails else b"after" for k in range(3)}


def test_a_disk_that_lies(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(kept)
    with monkeypatch.context() as patch, pytest.raises(DamagedFileError, match="does not give back"):
        patch.setattr(Path, "read_bytes", lambda path: b"something else")
        export_mesh(kept / "a.stl", BALL, {}, {})
    assert contents(kept) == before


def test_places_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.glb").mkdir()
    (tmp_path / "file").write_bytes(b"")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is a folder"):
        export_mesh(tmp_path / "folder.glb", BALL, {}, {})
    with pytest.raises(InputError, match="cannot be written"):
        export_mesh(tmp_path / "file" / "a.glb", BALL, {}, {})
    with pytest.raises(InputError, match="too long"):
        export_mesh(tmp_path / f"{'a' * 300}.glb", BALL, {}, {})
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # a folder without rights; root would have them all
    with pytest.raises(InputError, match="cannot be written to; choose another place"):
        export_mesh(tmp_path / "a.glb", BALL, {}, {})
    assert contents(tmp_path) == before


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_that_are_none(kept: Path, suffix: str, value: float) -> None:
    vertices = BALL.vertices.copy()
    vertices[[3, 7], 1] = value
    before = contents(kept)
    with pytest.raises(MeshError, match="2 vertices of 'wing' are not finite"):
        export_mesh(kept / f"a{suffix}", None, {"body": box(), "wing": Mesh(vertices, BALL.faces)}, {})
    with pytest.raises(MeshError, match="2 vertices of 'shape' are not finite"):
        export_mesh(kept / f"a{suffix}", Mesh(vertices, BALL.faces), {}, {})
    assert contents(kept) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_and_damaged_shapes(kept: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(kept)
    nothing = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    for surface in (nothing, None):
        with pytest.raises(InputError, match="empty"):
            export_mesh(kept / f"a{suffix}", surface, {"body": nothing}, {})
    monkeypatch.setattr("engine.geometry.export.write._pieces", lambda path, data: {"shape": box()})
    with pytest.raises(DamagedFileError):
        export_mesh(kept / f"a{suffix}", BALL, {}, {})
    assert contents(kept) == before


REFUSED = [
    (".stl", ExportOptions(pieces="parts"), "pieces=parts"),
    (".ply", ExportOptions(pieces="parts"), "pieces=parts"),
    (".stl", ExportOptions(uvs=True), "uvs"),
    (".3mf", ExportOptions(uvs=True), "uvs"),
    (".stl", ExportOptions(normals="smooth"), "normals=smooth"),
    (".3mf", ExportOptions(normals="flat"), "normals=flat"),
    (".fbx", ExportOptions(), "unknown mesh format"),
]


@pytest.mark.parametrize("suffix, options, text", REFUSED)
def test_what_a_format_cannot_hold_is_refused(tmp_path: Path, suffix: str, options: ExportOptions, text: str) -> None:
    with pytest.raises(InputError, match=text):
        export_mesh(tmp_path / f"a{suffix}", None, {"body": box(), "ball": BALL}, {}, None, options)
    assert not contents(tmp_path)


def test_names_that_no_file_can_hold(tmp_path: Path) -> None:
    for name in ("", " wing", "left\nwing"):
        with pytest.raises(StudioError, match="plain name"):
            export_mesh(tmp_path / "a.obj", None, {name: BALL}, {})
    assert not contents(tmp_path)
