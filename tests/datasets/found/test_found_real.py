"""The real files: each mesh file belongs to exactly one item or is known not to be one."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.datasets.found import MESHES
from engine.datasets.source import Source
from engine.protocol import Note

Look = Callable[..., tuple[list[Source], list[Note]]]


def test_every_mesh_file_belongs_to_one_item(test_data: Path, look: Look) -> None:
    sources, _ = look(test_data)
    claimed = Counter(file for source in sources for file in source.files)
    assert set(claimed.values()) == {1}
    there = {str(path) for path in test_data.rglob("*") if path.suffix.lower() in MESHES}
    twins = {path for path in there if "leaf_part_obj_normalized" in path}
    twins |= {path for path in there if path.endswith("model_normalized.ply") and path[:-3] + "obj" in there}
    assert there - set(claimed) == twins
    assert len(twins) == 81


def test_what_the_folders_hold(test_data: Path, look: Look) -> None:
    counts = Counter((source.dataset, source.kind) for source in look(test_data)[0])
    assert counts == {
        ("shapenet-v2", "mesh"): 36
        - 1
        + 1
        - 1,  # of 36 mesh files one is the twin of another; one folder has voxels alone
        ("shapenet-v1", "mesh"): 3,
        ("modelnet", "mesh"): 10,
        ("modelnet-resampled", "cloud"): 3,
        ("shapenetpart", "cloud"): 10,
        ("shapenetpart-normal", "cloud"): 3,
        ("occnet", "cloud"): 3,
        ("partnet", "parts"): 2,
        ("psb", "mesh"): 21,
        ("network", "network"): 23,
        ("", "mesh"): 89,
    }


def test_each_folder_alone_gives_what_it_gives_among_all(test_data: Path, look: Look) -> None:
    among = look(test_data)[0]
    apart = [source for folder in sorted(test_data.iterdir()) if folder.is_dir() for source in look(folder)[0]]
    assert sorted(apart, key=lambda source: source.files) == sorted(among, key=lambda source: source.files)


def test_one_model_alone_is_the_same_item(test_data: Path, look: Look) -> None:
    for source in look(test_data)[0]:
        if source.kind != "parts" and source.dataset:
            alone, _ = look(Path(source.files[0]))
            assert [_without_terms(item) for item in alone] == [_without_terms(source)]


def _without_terms(source: Source) -> Source:
    """An item named alone may lie too deep below the page that states its terms."""
    return msgspec.structs.replace(source, origin="", licence="")


def test_only_the_folder_of_voxels_is_refused(test_data: Path, look: Look) -> None:
    refused = [source for source in look(test_data)[0] if source.refused]
    assert [source.name for source in refused] == ["liren_car0"]


def test_terms_of_all_real_items_are_known(test_data: Path, look: Look) -> None:
    for source in look(test_data)[0]:
        assert source.licence and source.origin, source.files
