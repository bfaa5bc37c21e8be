"""A GLB brings the shape back: byte for byte, in any project; and whatever else a file holds, it is a plain mesh."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import trimesh

import engine.embedded
from engine import Project
from engine.analysis.rows import origin
from engine.bringing import bring, live_in
from engine.card import ShiftMove, Source, TurnMove
from engine.cards import card_of
from engine.device import choose
from engine.embedded import pack, unpack
from engine.errors import InputError
from engine.fitting import _items
from engine.geometry.export import attach, read_carried
from engine.geometry.export.carried import Carried, packed
from engine.jobs import ExportJob, FitJob, ImportJob, MixJob
from engine.method import Workspace
from engine.opened import Opened, open_shape
from engine.parts.pose import unmoved
from engine.rows import ItemRow
from tests.hearing import finished
from tests.parts.projects import AIRPLANES, SETTINGS, keep_fit, keep_samples
from tests.parts.toys import drive

A, B, C = (f"fit/fit-{name}" for name in "abc")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as made:
        keep_fit(made, "fit")
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "other") as made:
        yield made


def opened(project: Project, name: str) -> Opened:
    return drive(open_shape(name, project, Workspace(project.folder, choose("cpu"))))


def exported(project: Project, *names: str, **more: Any) -> list[Path]:
    out = project.folder.parent / f"out-{len(list(project.folder.parent.iterdir()))}"
    job = ExportJob(shapes=names, out=str(out), resolution=32, **more)
    return [Path(file["path"]) for file in finished(job, project)["files"]]


def brought(project: Project, *paths: Path) -> tuple[list[str], list[str]]:
    """Shapes that files bring into a project whose items they are already; and what is said."""
    items = [
        ItemRow(
            id=path.stem,
            kind="mesh",
            category="",
            path=str(path),
            hash="",
            verdict="accepted",
            reason="Closed.",
            split="train",
        )
        for path in paths
    ]
    project.catalogue.add_items(items)
    job, notes = project.submit(ImportJob(paths=tuple(map(str, paths)))), list[str]()
    assert isinstance(job, ImportJob)
    _, shapes = drive(bring(job, project, items, 0), notes)
    return shapes, notes


def bytes_of(found: Opened) -> dict[str, Any]:
    """All that is kept of a shape; parts that were never moved have the pose of those that were moved back."""
    shape = found.shape
    pose = unmoved(1, len(found.representation.parts)) if shape.pose is None else shape.pose
    assert shape.present is not None
    tensors = {"latent": shape.latent, "present": shape.present, "pose": pose}
    return {"copies": shape.copies or ((),)} | {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def rewritten(path: Path, **extras: Any) -> Path:
    """The file with other extras, as another program may leave them."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + length])
    tree["asset"]["generator"] = "Another program"
    tree["scenes"][0]["extras"] |= extras
    path.write_bytes(packed(tree, data[28 + length :]))
    return path


def test_a_mix_comes_back_in_another_project_and_goes_on(project: Project, other: Project) -> None:
    """Import, mix and export again by jobs alone; everything byte for byte, with the licences of all that went in."""
    turn, shift = TurnMove(part="wing", axis="y", degrees=15), ShiftMove(part="tail.2", by=(0, 0, 0.2))
    job = MixJob(base=A, parts={"wing": B}, copies={"tail.2": "tail"}, moves=(turn, shift))
    mix = finished(job, project)["shapes"][0]
    paths = exported(project, mix, C)
    result = finished(ImportJob(paths=tuple(map(str, paths))), other)
    assert [item["verdict"] for item in result["items"]] == ["watertight"] * 2 and len(result["shapes"]) == 2
    assert all("It carries live parts" in item["reason"] for item in result["items"])
    back = {name.split("/")[1]: name for name in result["shapes"]}
    for name, path in zip((mix, C), paths, strict=True):
        before, after = opened(project, name), opened(other, back[path.stem])
        assert bytes_of(before) == bytes_of(after) and after.row.kind == "imported"
        assert before.card.hashes == after.card.hashes
        assert before.card.sources == after.card.sources and len(after.card.sources) > (name == mix)
        assert after.card.operation == "imported" and after.card.model_hash == before.card.model_hash
        assert {s.licence for s in before.card.sources} == set(other.catalogue.item(after.row.item).licence.split("; "))
        points = torch.rand(500, 3, generator=torch.Generator().manual_seed(0)) - 0.5
        assert torch.equal(before.decoded()(points), after.decoded()(points))
    again = exported(other, *(back[path.stem] for path in paths))
    for one, two in zip(paths, again, strict=True):
        first, second = read_carried(one), read_carried(two)
        assert first.about == second.about and first.latents.keys() == second.latents.keys()
        assert all(first.latents[name].tobytes() == second.latents[name].tobytes() for name in first.latents)
        assert trimesh.load_mesh(one).volume == pytest.approx(trimesh.load_mesh(two).volume, rel=1e-6)
    mixed = finished(MixJob(base=back[paths[1].stem], parts={"body": back[paths[0].stem]}), other)["shapes"][0]
    assert card_of(other.catalogue.shape(mixed), other).hashes["body"] == opened(project, A).card.hashes["body"]


def test_what_is_said_of_the_file_comes_to_the_card_too(project: Project, other: Project) -> None:
    (path,) = exported(project, C)
    (name,) = finished(ImportJob(paths=(str(path),), origin="a friend", licence="CC0-1.0"), other)["shapes"]
    before, after = opened(project, C).card.sources, opened(other, name).card.sources
    assert before and after == (*before, Source("a friend", "CC0-1.0"))


def test_shapes_mix_with_those_that_are_there(project: Project) -> None:
    (shape,), _ = brought(project, *exported(project, B))
    mixed = finished(MixJob(base=A, parts={"wing": shape}), project)["shapes"][0]
    assert opened(project, mixed).card.hashes["wing"] == opened(project, B).card.hashes["wing"]
    assert opened(project, mixed).card.hashes["body"] == opened(project, A).card.hashes["body"]


def test_what_decodes_differently_is_kept_in_runs_of_its_own(project: Project, other: Project) -> None:
    keep_samples(project, "drawn", {"a": AIRPLANES["c"]}, seed=7)
    shapes, _ = brought(other, *exported(project, A, "drawn/0000", B))
    runs = [name.split("/")[0] for name in shapes]
    assert sorted(map(runs.count, set(runs))) == [1, 2]
    for name, source in zip(sorted(shapes), sorted(["drawn/0000", A, B]), strict=True):
        mine, theirs = opened(other, name), opened(project, source)
        assert name.endswith(source.replace("/", "-")) and bytes_of(mine) == bytes_of(theirs)
        assert torch.equal(mine.representation.absent(), theirs.representation.absent())


@pytest.mark.parametrize(
    "extras, words",
    [
        ({"latents": []}, "saved the file without its live parts"),
        ({"sha256": "0"}, "not those that were written"),
        ({"about": {}}, "not those that were written"),
        ({"latents": 5}, "not those that were written"),
        ({"latents": [{"name": "latent"}]}, "not those that were written"),
    ],
)
def test_changed_files_are_plain_meshes_and_say_so(project: Project, extras: dict[str, Any], words: str) -> None:
    (path,) = exported(project, A)
    shapes, notes = brought(project, rewritten(path, **extras))
    assert shapes == [] and len(notes) == 1 and words in notes[0] and "plain mesh" in notes[0]
    assert "\n" not in notes[0] and "live parts" not in project.catalogue.item(path.stem).reason


def test_another_program_that_keeps_everything(project: Project) -> None:
    (path,) = exported(project, A)
    shapes, notes = brought(project, rewritten(path))
    assert len(shapes) == 1 and "as they were exported" in notes[0]
    assert bytes_of(opened(project, shapes[0])) == bytes_of(opened(project, A))


def test_other_files_have_nothing_to_say(project: Project, tmp_path: Path) -> None:
    trimesh.creation.box().export(tmp_path / "box.glb")
    assert live_in(tmp_path / "box.glb") == (None, {}, "")
    assert brought(project, tmp_path / "box.glb") == ([], [])


def test_learned_decoders_are_named_and_found(
    project: Project, other: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a method whose experts are shared: the file says what it needs, and works where that is."""
    monkeypatch.setattr(engine.embedded, "_learned", lambda representation: True)
    (path,) = exported(project, A)
    carried = read_carried(path)
    assert set(carried.latents) == {"latent"} and carried.about["meaning"] == "weights, relu"
    shapes, notes = brought(project, path)
    assert bytes_of(opened(project, shapes[0])) == bytes_of(opened(project, A)) and notes == []
    shapes, notes = brought(other, path)
    assert shapes == [] and "which this project does not have" in notes[0]


def mutated(value: Any, generator: np.random.Generator) -> Any:
    """Plain data with one place of it replaced, removed or doubled."""
    value = copy.deepcopy(value)
    while True:
        if isinstance(value, dict) and value:
            key = list(value)[generator.integers(len(value))]
        elif isinstance(value, list) and value:
            key = int(generator.integers(len(value)))
        else:
            return ODD[generator.integers(len(ODD))]
        if not isinstance(value[key], dict | list) or generator.random() < 0.3:
            if generator.random() < 0.2:
                del value[key]
            else:
                value[key] = ODD[generator.integers(len(ODD))]
            return value
        value[key] = mutated(value[key], generator)
        return value


ODD: list[Any] = [
    None,
    -1,
    0,
    1,
    7,
    2**31,
    2**62,
    2**64 - 1,
    1.5,
    "",
    "wing",
    "body",
    " ",
    [],
    {},
    [2**62] * 4,
    ["body"],
    "ex\nx",
]


def test_no_description_makes_a_fault(project: Project) -> None:
    """Files made to harm, hashes and all: a shape like any other comes out, or one clear error."""
    arrays, about = pack(opened(project, A))
    generator = np.random.default_rng(0)
    text = msgspec.to_builtins(about)
    refused = 0
    for case in range(1500):
        given = mutated(json.loads(json.dumps(text)), generator)
        kept = {name: array for name, array in arrays.items() if case % 50 or name == "latent"}
        try:
            live = unpack(Carried(about=given if isinstance(given, dict) else {}, latents=kept))
        except InputError as error:
            assert "\n" not in str(error) or "ex" in str(error)
            refused += 1
            continue
        assert live.latent.numpy().tobytes() == arrays["latent"].tobytes()
    assert 700 < refused < 1500


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none(project: Project, value: float, tmp_path: Path) -> None:
    arrays, about = pack(opened(project, A))
    (path,) = exported(project, A)
    spoiled = {name: array.copy() for name, array in arrays.items()}
    spoiled["latent"][3] = value
    path.write_bytes(attach(path.read_bytes(), spoiled, about))
    shapes, notes = brought(project, path)
    assert shapes == [] and "not finite" in notes[0]


def test_made_shapes_are_no_real_ones(project: Project, other: Project) -> None:
    """What a file with a card of a shape becomes is neither learned from nor held against, unless it is named."""
    whole = exported(project, A)[0]
    emptied = rewritten(exported(project, B)[0], latents=[], sha256="")
    result = finished(ImportJob(paths=(str(whole), str(emptied), *_boxes(project))), other)
    assert len(result["shapes"]) == 1
    splits = {item.path: item.split for item in other.catalogue.items()}
    assert splits.pop(str(whole)) == splits.pop(str(emptied)) == "made" and "made" not in splits.values()
    assert "2 made" in " ".join(result["summary"])
    real = [item.id for item in other.catalogue.items() if item.split != "made"]
    made = [item.id for item in other.catalogue.items() if item.split == "made"]
    assert [item.id for item in _items(FitJob(settings=SETTINGS), other)] == real
    assert [item.id for item in _items(FitJob(settings=SETTINGS, items=tuple(made)), other)] == made
    again = finished(ImportJob(paths=(str(emptied),)), other)["items"]
    assert [other.catalogue.item(item["id"]).split for item in again] == ["made"]


def _boxes(project: Project) -> list[str]:
    paths = [project.folder.parent / f"box-{i}.glb" for i in range(2)]
    for i, path in enumerate(paths):
        trimesh.creation.box((1, 1, 1 + i)).export(path)
    return [str(path) for path in paths]


def test_shapes_that_came_back_belong_to_their_fit(project: Project, other: Project) -> None:
    mix = finished(MixJob(base=A, parts={"wing": B}), project)["shapes"][0]
    paths = exported(project, A, mix)
    back = finished(ImportJob(paths=tuple(map(str, paths))), project)["shapes"]
    assert origin(back[0].split("/")[0], project) == ("fit", None)
    again = finished(MixJob(base=back[0], parts={"tail": back[1]}), project)["shapes"][0]
    assert origin(again.split("/")[0], project) == ("fit", None)
    keep_fit(other, "fit", AIRPLANES, seed=3)  # of the same name, but another one
    alien = finished(ImportJob(paths=tuple(map(str, paths))), other)["shapes"]
    runs = {name.split("/")[0] for name in alien}
    assert all(origin(run, other) == (run, None) for run in runs)
