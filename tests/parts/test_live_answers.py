"""What the live engine shows is what is kept: surfaces, frames, sections and judgements equal those of the jobs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from PIL import Image

from engine import Project, joining
from engine.card import MirrorMove, ShiftMove, TurnMove
from engine.device import choose, name_of
from engine.errors import InputError
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.surface import extract
from engine.jobs import ExportJob, InterpolateJob, JointsJob
from engine.live_answers import LiveAnswers
from engine.live_requests import (
    Blend,
    Computer,
    Cut,
    Decode,
    File,
    Filed,
    Frames,
    Hardware,
    Joined,
    Joints,
    Meshes,
    Mixture,
    Nothing,
    Picture,
    Plausibility,
    Request,
    Section,
    Thumbnail,
    Tween,
    job_to_keep,
)
from engine.live_surfaces import Kept
from engine.live_worker import Given
from engine.method import Field, Workspace
from engine.opened import open_shape
from engine.parts.order import Rule
from engine.parts.settings import Curve
from engine.protocol import Stage
from tests.hearing import finished
from tests.parts.projects import AIRPLANES, Solids, keep_fit
from tests.parts.toys import drive, exact

A, B, C = (f"fit/fit-{name}" for name in "abc")


def varied(number: int) -> Solids:
    """An aeroplane a little larger or smaller, whose parts meet as those of the others."""
    size = 0.8 + 0.05 * number
    return {name: ([size * one for one in centre], size * radius) for name, (centre, radius) in AIRPLANES["a"].items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A fit of three aeroplanes, of which c has no wing, and one of eight whose parts meet alike."""
    torch.set_num_threads(1)
    with Project.create(tmp_path_factory.mktemp("live") / "p") as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.opened.PICTURE_GRID", 33)  # pictures are looked at elsewhere
        patch.setattr("engine.opened.PICTURE_SIZE", 64)
        patch.setattr("engine.joining.GRID", 48)
        keep_fit(made, "fit")
        keep_fit(made, "even", {str(number): varied(number) for number in range(8)})
        yield made


@pytest.fixture
def answers(project: Project) -> Iterator[LiveAnswers]:
    made = LiveAnswers(project.folder)
    yield made
    made.close()


def ask(answers: LiveAnswers, request: Request) -> list[Given]:
    """All that is given, the last word too."""
    given: list[Given] = []
    steps = answers.answer(request)
    while True:
        try:
            event: Any = next(steps)
        except StopIteration as end:
            return [*given, end.value]
        assert torch.is_grad_enabled()
        given += [event] if isinstance(event, Given) else []


def kept_field(project: Project, name: str) -> Field:
    work = Workspace(project.folder, choose("cpu"))
    field: Field = drive(open_shape(name, project, work)).decoded()
    return field


def in_order(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same triangles in one order, each from its lowest corner on: a search lists them as it finds them."""
    turned = np.stack([np.roll(face, -face.argmin()) for face in faces])
    return turned[np.lexsort(turned.T)]


def same_surfaces(given: Given, field: Field, resolution: int) -> None:
    """Every piece of an answer is what the field's own part gives, vertex by vertex, and there are no others."""
    assert isinstance(given.content, Meshes) and given.content.resolution == resolution
    assert sorted(piece.name for piece in given.content.pieces) == sorted(field.parts)
    for name in field.parts:
        mesh = drive(extract(field.part(name), resolution))
        assert len(mesh.faces) > 100
        assert np.array_equal(given.arrays[f"vertices/{name}"], mesh.vertices.astype(np.float32))
        assert np.array_equal(in_order(given.arrays[f"faces/{name}"]), in_order(mesh.faces))


MIXTURES = [
    Mixture(base=A),
    Mixture(base=A, parts={"wing": B}),
    Mixture(base=B, parts={"tail": C}, removed=("wing",)),
    Mixture(
        base=A,
        parts={"tail": B},
        copies={"wing.2": "wing"},
        moves=(MirrorMove(part="wing.2", axis="x", middle=True), TurnMove(part="tail", axis="y", degrees=20)),
    ),
    Mixture(base=C, blends={"wing": Blend(shapes=(A, B), alpha=0.3)}, moves=(ShiftMove(part="wing", by=(0, 0.1, 0)),)),
    Mixture(base=A, parts={"tail": C}, blends={"body": Blend(shapes=(A, B, C), alpha=0.5, way="spherical")}),
]


@pytest.mark.parametrize("mixture", MIXTURES)
def test_what_is_kept_is_what_was_shown(project: Project, answers: LiveAnswers, mixture: Mixture) -> None:
    shown, refined = ask(answers, Decode(of=mixture, resolution=32, refine=48))
    kept = finished(job_to_keep(mixture), project)["shapes"] if mixture.changed else [mixture.base]
    field = kept_field(project, kept[0])
    same_surfaces(shown, field, 32)
    same_surfaces(refined, field, 48)


def test_an_exchange_costs_the_part_and_sends_nothing_else(answers: LiveAnswers) -> None:
    *_, whole = ask(answers, Decode(of=Mixture(base=A)))
    assert isinstance(whole.content, Meshes) and answers.surfaces.decoded == 6, "three parts, twice"
    have = {piece.name: piece.key for piece in whole.content.pieces}
    swap = Decode(of=Mixture(base=A, parts={"wing": B}), have=have)
    first, last = ask(answers, swap)
    assert answers.surfaces.decoded == 8
    assert isinstance(first.content, Meshes) and isinstance(last.content, Meshes)
    assert set(first.arrays) == set(last.arrays) == {"vertices/wing", "faces/wing"}
    changed = {piece.name for piece in last.content.pieces if have[piece.name] != piece.key}
    assert changed == {"wing"}
    (again,) = ask(answers, swap)
    assert answers.surfaces.decoded == 8 and set(again.arrays) == {"vertices/wing", "faces/wing"}, "fine at once"
    (back,) = ask(answers, Decode(of=Mixture(base=A), have=have))
    assert not back.arrays and answers.surfaces.decoded == 8
    (gone,) = ask(answers, Decode(of=Mixture(base=A, removed=("wing",)), have=have))
    assert isinstance(gone.content, Meshes)
    assert [piece.name for piece in gone.content.pieces] == ["body", "tail"] and not gone.arrays


def test_one_resolution_is_one_answer(answers: LiveAnswers) -> None:
    (only,) = ask(answers, Decode(of=Mixture(base=A), resolution=32, refine=0))
    assert isinstance(only.content, Meshes) and only.content.resolution == 32


def test_what_a_person_should_know_comes_along(answers: LiveAnswers) -> None:
    mixture = Mixture(base=A, moves=(ShiftMove(part="wing", by=(0.3, 0, 0)),))
    first, *_ = ask(answers, Decode(of=mixture, resolution=32))
    assert isinstance(first.content, Meshes) and "cut off there" in first.content.notes[0]


def test_frames_are_those_that_are_kept(project: Project, answers: LiveAnswers) -> None:
    tween = Tween(shapes=(A, B, C), frames=3, curves={"wing": Curve(), "tail": Curve(((0, 0), (0.5, 1), (1, 0)))})
    *frames, end = ask(answers, Frames(of=tween, which=(2, 0, 1), resolution=32))
    assert end.content == Nothing()
    job = project.submit(InterpolateJob(shapes=tween.shapes, frames=3, curves=tween.curves))
    kept = finished(job, project)["shapes"]
    for given, number in zip(frames, (2, 0, 1), strict=True):
        assert isinstance(given.content, Meshes) and given.content.frame == number
        same_surfaces(given, kept_field(project, kept[number]), 32)
    with pytest.raises(InputError, match="frames 0 to 2"):
        ask(answers, Frames(of=tween, which=(3,)))


def test_a_section_is_the_field_on_its_plane(answers: LiveAnswers) -> None:
    plane = Section(of=Mixture(base=A), corner=(-0.6, -0.5, 0.02), across=(1.2, 0, 0), up=(0, 1, 0), resolution=61)
    (given,) = ask(answers, plane)
    assert isinstance(given.content, Cut) and given.content.parts == ("body", "wing", "tail")
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 61), np.linspace(-0.5, 0.5, 61), indexing="ij")
    points = torch.from_numpy(np.stack([x, y, np.full_like(x, 0.02)], -1).reshape(-1, 3).astype(np.float32))
    each = torch.stack([exact(points, AIRPLANES["a"][name]) for name in given.content.parts])  # (3, P)
    within = (points.abs() <= 0.5).all(1).reshape(61, 61).numpy()
    best, part = (one.reshape(61, 61).numpy() for one in each.max(0))
    assert np.allclose(given.arrays["logits"][within], best[within], atol=1e-5)
    assert (given.arrays["logits"][~within] < 0).all() and not within.all()
    clear = within & ((each.sort(0).values[-1] - each.sort(0).values[-2]).reshape(61, 61).numpy() > 1e-4)
    assert np.array_equal(given.arrays["part"][clear], part[clear])


def test_joints_are_judged_as_those_of_the_kept_shape(project: Project, answers: LiveAnswers) -> None:
    moves = (ShiftMove(part="tail", by=(0, 0.15, 0)),)
    mixture = Mixture(base="even/even-1", parts={"wing": "even/even-6"}, moves=moves)
    (given,) = ask(answers, Joints(of=mixture))
    assert isinstance(given.content, Joined)
    kept = finished(job_to_keep(mixture), project)["shapes"]
    (row,) = finished(project.submit(JointsJob(shapes=tuple(kept))), project)["shapes"]
    assert given.content.score == pytest.approx(row["joint score"], rel=1e-6) and row["joint score"] > 0
    assert given.content.words == row["unusual"] != ""
    (usual,) = ask(answers, Joints(of=Mixture(base="even/even-2")))
    assert isinstance(usual.content, Joined) and usual.content.score == 0 and usual.content.words == ""


def test_parts_out_of_order_are_told_as_those_of_the_kept_shape(
    project: Project, answers: LiveAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a rule that no shape keeps, the live answer says what the job says."""
    known = joining.usual_of

    def ruled(fit: str, own: Project, work: Workspace) -> Stage[joining.Usual]:
        return replace((yield from known(fit, own, work)), order=(Rule("wing", "tail", 1, -0.5),))

    monkeypatch.setattr(joining, "usual_of", ruled)
    (given,) = ask(answers, Joints(of=Mixture(base="even/even-1")))
    (row,) = finished(project.submit(JointsJob(shapes=("even/even-1",))), project)["shapes"]
    assert isinstance(given.content, Joined) and "too high beside tail" in given.content.words
    assert given.content.words == row["unusual"]
    assert given.content.score == pytest.approx(row["joint score"], rel=1e-6)


def test_without_a_model_nothing_is_plausible_and_that_is_said(answers: LiveAnswers) -> None:
    with pytest.raises(InputError, match="train"):
        ask(answers, Plausibility(of=Mixture(base=A)))


def test_a_thumbnail_is_kept(project: Project, answers: LiveAnswers) -> None:
    (given,) = ask(answers, Thumbnail(name=B, size=64))
    assert isinstance(given.content, Picture)
    with Image.open(given.content.path) as image:
        assert image.size == (64, 64) and np.asarray(image).std() > 5, "there is something to see"
    decoded = answers.surfaces.decoded
    assert ask(answers, Thumbnail(name=B, size=64)) == [given] and answers.surfaces.decoded == decoded


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Decode(of=Mixture(base="fit/nobody")), "nobody"),
        (Decode(of=Mixture(base=A, parts={"nose": B})), "no part named nose"),
        (Decode(of=Mixture(base=A, removed=("body", "wing", "tail"))), "nothing would be left"),
        (Thumbnail(name="nobody"), "nobody"),
        (Frames(of=Tween(shapes=(A, B), curves={"nose": Curve()})), "no part named nose"),
    ],
)
def test_what_cannot_be_is_refused_in_words(answers: LiveAnswers, request_: Request, text: str) -> None:
    with pytest.raises(InputError, match=text):
        ask(answers, request_)


def keep_block(project: Project, item: str, part: str) -> None:
    """Its geometry, a block of one part."""
    block = trimesh.creation.box((0.4, 0.5, 0.6))
    mesh = Mesh(np.asarray(block.vertices), block.faces.astype(np.int32))
    save_geometry(project.geometry_path(item), Geometry(mesh, {part: mesh}, np.eye(4), True))


def test_files_and_pictures_of_items_follow_the_names_of_their_parts(project: Project, answers: LiveAnswers) -> None:
    """Nor is an item taken for the shape whose file has the same name."""
    item = A.replace("/", "-")
    row = project.catalogue.item("fit-a")
    seen: list[tuple[Path, set[str], bytes]] = []
    for part in ("wing", "keel"):
        keep_block(project, item, part)
        project.catalogue.add_items([msgspec.structs.replace(row, id=item, parts=(part,), hash="")])
        (filed,), (shown,) = ask(answers, File(name=item, resolution=64)), ask(answers, Thumbnail(name=item, size=64))
        assert isinstance(filed.content, Filed) and isinstance(shown.content, Picture)
        path = Path(filed.content.path)
        scene: Any = trimesh.load(path, force="scene")
        seen.append((path, set(scene.geometry), Path(shown.content.path).read_bytes()))
    assert [parts for _, parts, _ in seen] == [{"wing"}, {"keel"}] and seen[0][2] != seen[1][2]
    (shape,) = ask(answers, File(name=A, resolution=64))
    assert isinstance(shape.content, Filed) and Path(shape.content.path) not in {path for path, *_ in seen}
    assert ask(answers, File(name=A, resolution=64)) == [shape]


def test_the_device_has_a_name(answers: LiveAnswers) -> None:
    (given,) = ask(answers, Hardware())
    device = answers.shapes.work.device
    assert given.content == Computer(name="CPU" if device.type == "cpu" else name_of(device))


def test_memory_is_given_back(answers: LiveAnswers) -> None:
    ask(answers, Decode(of=Mixture(base=A), resolution=32))
    assert answers.relieve() and len(answers.surfaces.kept) == 0 and not answers.relieve()


def test_kept_values_stay_within_their_room() -> None:
    kept: Kept[str] = Kept(10)
    for name, size in (("a", 4), ("b", 4), ("a", 5), ("c", 1)):
        kept.put(name, name, size)
    assert kept.get("b") == "b" and kept.size == 10
    kept.put("d", "d", 5)  # "a" is the one that was used longest ago
    assert kept.get("a") is None and kept.get("b") and kept.get("d") and kept.size == 10
    kept.put("huge", "huge", 99)
    assert len(kept) == 1 and kept.get("huge") == "huge"


def test_a_file_is_what_an_export_writes(project: Project, answers: LiveAnswers, tmp_path: Path) -> None:
    (given,) = ask(answers, File(name=A, resolution=64))
    assert isinstance(given.content, Filed)
    path = Path(given.content.path)
    finished(ExportJob(shapes=(A,), out=str(tmp_path), resolution=64), project)
    assert path.name == "fit-fit-a.glb" and path.read_bytes() == (tmp_path / path.name).read_bytes()
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with pytest.raises(InputError):
        ask(answers, File(name="fit/nobody"))
