import zipfile
from pathlib import Path

import pytest

from engine.datasets import archive
from engine.datasets.archive import unpack
from engine.errors import InputError
from engine.protocol import Note, Stage


def run(stage: Stage[None]) -> list[str]:
    return [event.text for event in stage if isinstance(event, Note)]


def make(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def test_what_was_packed_comes_out_and_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    packed = make(tmp_path / "a.zip", **{"deep/er/a.obj": b"v 0 0 0\n", "b.off": b"OFF", "__MACOSX/._b.off": b"x"})
    folder = tmp_path / "out"
    run(unpack(packed, folder))
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert found == {"deep/er/a.obj": b"v 0 0 0\n", "b.off": b"OFF"}
    packed.unlink()
    run(unpack(packed, folder))


def test_nothing_leaves_the_folder(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.obj")
    link.external_attr = 0o120777 << 16
    packed = make(tmp_path / "a.zip", **{"../out.obj": b"x", "/abs.obj": b"x", "a/../../b.obj": b"x", "good.obj": b"x"})
    with zipfile.ZipFile(packed, "a") as out:
        out.writestr(link, "/etc/passwd")
    notes = run(unpack(packed, tmp_path / "deep" / "out"))
    assert len(notes) == 1 and "4 entries" in notes[0]
    assert [str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*.obj")] == ["deep/out/good.obj"]


@pytest.mark.parametrize("kind", ["not a zip", "cut", "bomb", "lying"])
def test_bad_archives_are_told_and_leave_nothing(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = make(tmp_path / "a.zip", **{"a.obj": bytes(3_000_000), "b.obj": b"v 1 2 3\n" * 1000})
    data = packed.read_bytes()
    if kind == "not a zip":
        packed.write_bytes(b"hello" * 100)
    elif kind == "cut":
        packed.write_bytes(data[: len(data) // 2])
    elif kind == "bomb":
        monkeypatch.setattr(archive, "RATIO", 2)
    else:  # the directory says less than the data hold
        size = (3_000_000).to_bytes(4, "little")
        packed.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(InputError, match="a.zip"):
        run(unpack(packed, tmp_path / "out"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_two_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    packed = make(tmp_path / "a.zip", **{f"{i}.obj": b"v 0 0 0\n" * 100 for i in range(5)})
    first, second = unpack(packed, tmp_path / "out"), unpack(packed, tmp_path / "out")
    next(first)
    next(second)
    run(first)
    run(second)
    assert len(list((tmp_path / "out").iterdir())) == 5
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zip", "out"]
