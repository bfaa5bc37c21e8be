"""Folders as people have them: links, hidden files, whatever depth and number."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.datasets.source import Source
from engine.errors import InputError
from engine.protocol import Note

Look = Callable[..., tuple[list[Source], list[Note]]]
Lay = Callable[..., Path]


def test_what_is_hidden_is_left_out_and_the_order_is_that_of_paths(lay: Lay, look: Look) -> None:
    root = lay(
        "b.obj", "a/z.STL", "a/b.glb", "__MACOSX/._b.obj", ".git/x.obj", "a/.DS_Store", "a/._b.glb", "readme.txt"
    )
    sources, notes = look(root)
    assert [source.files[0] for source in sources] == [str(root / name) for name in ("a/b.glb", "a/z.STL", "b.obj")]
    assert [source.name for source in sources] == ["b", "z", "b"] and notes == []


def test_a_file_named_twice_is_found_once(lay: Lay, look: Look) -> None:
    root = lay("a/b.obj", "c.obj")
    assert len(look(root, root / "a", root / "a/b.obj")[0]) == 2
    assert len(look(root / "a/b.obj", root)[0]) == 2
    assert len(look(root / "a/b.obj", root / "c.obj")[0]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_followed_once(lay: Lay, look: Look) -> None:
    root = lay("named/b.obj", "far/c.obj")
    named = root / "named"
    (named / "round").symlink_to(named)
    (named / "up").symlink_to(root)
    (named / "far").symlink_to(root / "far")
    (named / "gone.obj").symlink_to(root / "nowhere.obj")
    (named / "self.obj").symlink_to(named / "self.obj")
    sources, _ = look(named)
    found = [os.path.relpath(source.files[0], named) for source in sources]
    assert found == ["b.obj", "far/c.obj", "gone.obj", "self.obj"]  # what leads nowhere is told of when it is read


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open everything")
def test_a_closed_folder_is_told_of(lay: Lay, look: Look) -> None:
    root = lay("a/b.obj", "shut/c.obj")
    (root / "shut").chmod(0)
    try:
        sources, notes = look(root)
    finally:
        (root / "shut").chmod(0o700)
    assert len(sources) == 1 and any("cannot be opened" in note.text and note.warning for note in notes)


@pytest.mark.skipif(sys.platform != "linux", reason="names there are always text")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, look: Look) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfd"))
    folder.mkdir()
    for place in (
        folder / "c.obj",
        *(Path(os.fsdecode(os.fsencode(tmp_path) + end)) for end in (b"/\xff.obj", b"/\xfe.pth")),
    ):
        place.write_text("")
    sources, _ = look(tmp_path)
    assert len({source.files for source in sources}) == 3 and all("rename" in source.refused for source in sources)
    for source in sources:  # as it is sent to the process that reads it
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(source), type=Source) == source


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_links_to_pipes_are_never_opened(tmp_path: Path, look: Look) -> None:
    os.mkfifo(tmp_path / "pipe")
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    for name in ("LICENSE", "a.obj", "train.lst"):
        (shapes / name).symlink_to(tmp_path / "pipe")
    (shapes / "b.obj").symlink_to(shapes / "b.obj")
    (shapes / "c.obj").symlink_to(tmp_path / "nothing")
    assert [source.name for source in look(shapes)[0]] == ["b", "c"]


def test_what_is_absent_or_unknown_is_refused_in_words(lay: Lay, look: Look) -> None:
    root = lay("a.obj")
    with pytest.raises(InputError, match="no such file or folder"):
        look(root / "b.obj")
    with pytest.raises(InputError, match="known: shapenet-v2"):
        look(root, kind="shapenet")


def test_files_that_look_like_shapes_are_not_passed_over_in_silence(lay: Lay, look: Look) -> None:
    root = lay("a.fbx", "b.fbx", "c.npz", "d.jpg", "e.md", "03001627.zip")
    notes = look(root)[1]
    assert len(notes) == 2 and all(note.warning for note in notes)
    assert "2 .fbx, 1 .npz" in notes[0].text and "1 .zip; unpack" in notes[1].text
    assert "1 .jpg" in look(root / "d.jpg")[1][0].text  # it was named


def test_lists_beside_loose_meshes_count(lay: Lay, look: Look) -> None:
    root = lay("a.obj", "deep/b.off", "deep/c.off", **{"train.lst": "a\n", "test_split.lst": "b.off\n"})
    lay(**{"deep/val.lst": "c\n"})
    assert {source.name: source.split for source in look(root)[0]} == {"a": "train", "b": "test", "c": "val"}


def test_a_kind_leaves_out_the_rest_and_says_so(lay: Lay, look: Look) -> None:
    root = lay("cup/train/cup_0001.off", "cup/train/x.off", "02691156/y.obj")
    assert [source.dataset for source in look(root, kind="modelnet")[0]] == ["modelnet"]
    assert "1 .obj, 1 .off" in look(root, kind="modelnet")[1][-1].text
    plain = {source.name: source.category for source in look(root, kind="mesh")[0]}
    assert plain == {"cup_0001": "", "x": "", "y": "airplane"}


def test_a_broken_list_is_told_of(lay: Lay, look: Look) -> None:
    root = lay("a.obj", **{"shuffled_train_file_list.json": '{"a": 1}'})
    sources, notes = look(root)
    assert sources[0].split == "" and any("not a JSON list" in note.text for note in notes)


def test_many_files_take_moments(tmp_path: Path, look: Look) -> None:
    for i in range(500):
        models = tmp_path / "03001627" / f"{i:032x}" / "models"
        models.mkdir(parents=True)
        for name in ("obj", "mtl", "json", "solid.binvox"):
            (models / f"model_normalized.{name}").touch()
    loose = tmp_path / "loose"
    loose.mkdir()
    for i in range(8000):
        (loose / f"{i}.obj").touch()
    start = time.process_time()
    sources, _ = look(tmp_path)
    assert len(sources) == 8500
    assert time.process_time() - start < 2.0  # for 10,000 files, on a slow machine
