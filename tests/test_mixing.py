"""Mixes as they are kept: parts byte for byte their parents', poses and copies in store and export, honest cards."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from engine import Project
from engine.card import Card, MirrorMove, Move, ScaleMove, ShiftMove, TurnMove
from engine.cards import card_of
from engine.errors import InputError
from engine.fields.mlp import WeightField
from engine.geometry.surface import extract
from engine.jobs import InterpolateJob, MixJob
from engine.loose import made
from engine.method import Shapes
from engine.parts.mix import mix
from engine.parts.pose import apply
from engine.parts.settings import Blend, Curve, Way
from tests.hearing import finished
from tests.mixed import A, B, C, make_project, mixed, opened, pose_of, stored
from tests.parts.projects import AIRPLANES, representation, shapes_of
from tests.parts.toys import LAYOUT, NAMES, PARTS, drive, exact


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with make_project(tmp_path_factory.mktemp("mixing") / "project") as made:
        yield made


@pytest.mark.parametrize(
    "parts",
    [
        {"wing": "drawn/0001"},
        {"wing": "drawn/0001", "tail": "brought/net"},
        {"wing": "brought/net", "tail": C, "body": "drawn/0002"},
        {"wing": "drawn/0000", "tail": "mix-of-others", "body": "brought/net"},
    ],
)
def test_parts_are_their_parents_byte_for_byte_after_saving(project: Project, parts: dict[str, str]) -> None:
    other = mixed(project, base=B, parts={"tail": "drawn/0002"})
    parts = {part: other if name == "mix-of-others" else name for part, name in parts.items()}
    name = mixed(project, parts=parts)
    card = opened(project, name).card
    for part in NAMES:
        parent = parts.get(part, A)
        assert stored(project, name, part) == stored(project, parent, part)
        assert card.parents[part] == parent
        assert card.hashes[part] == card_of(project.catalogue.shape(parent), project).hashes[part]
    assert set(card.held) == set(parts) and card.operation == "mixed" and card.shape == name
    row = project.catalogue.shape(name)
    assert row.kind == "mixed" and set(row.parents) == set(card.parents.values()) and row.present == NAMES


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_a_blended_part_is_that_of_a_frame_between_its_donors(project: Project, way: Way) -> None:
    curves = {"wing": Curve(((0, 0), (1, 0.3)), way)}
    _, frame = finished(InterpolateJob(shapes=(A, B), frames=2, curves=curves), project)["shapes"]
    name = mixed(
        project, base="drawn/0002", blends={"wing": Blend(shapes=(A, B), alpha=0.3, way=way)}, parts={"tail": B}
    )
    assert stored(project, name, "wing") == stored(project, frame, "wing") not in (stored(project, A, "wing"), b"")
    assert stored(project, name, "tail") == stored(project, B, "tail")
    card = opened(project, name).card
    assert card.parents == {"wing": A, "tail": B, "body": "drawn/0002"} and card.blended == (A, B)
    assert set(card.held) == {"wing", "tail"} and {A, B} < set(project.catalogue.shape(name).parents)
    at_a_shape = mixed(project, blends={"wing": Blend(shapes=(A, "drawn/0001", B), alpha=0.5, way=way)})
    assert stored(project, at_a_shape, "wing") == stored(project, "drawn/0001", "wing")
    assert set(opened(project, at_a_shape).card.made_of) == {"drawn/0001", A}


def test_faders_that_cannot_be_are_refused_in_words(project: Project) -> None:
    runs = len(project.catalogue.runs())
    fader = Blend(shapes=(A, B), alpha=0.3)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"blends": {"wing": fader}, "parts": {"wing": B}}, "wing cannot be taken from one shape and blended"),
        ({"blends": {"wing": fader}, "removed": ("wing",)}, "removed as well"),
        ({"blends": {"rotor": fader}}, "rotor"),
        ({"blends": {"wing": Blend(shapes=(A, B), alpha=1.5)}}, "<= 1"),
    ]
    for asked, words in refused:
        with pytest.raises(InputError, match=words):
            mixed(project, **asked)
    assert len(project.catalogue.runs()) == runs


def test_surface_far_from_what_was_exchanged_stays(project: Project) -> None:
    before, after = (opened(project, name) for name in (A, mixed(project, parts={"tail": "drawn/0001"})))
    meshes = [drive(extract(one.decoded(), 64)) for one in (before, after)]

    def far(
        vertices: np.ndarray,
    ) -> torch.Tensor:  # from both tails; an octahedron's field falls by at least 1 per unit
        points = torch.from_numpy(vertices).float()
        tails = [exact(points, AIRPLANES[name]["tail"]) for name in "ab"]
        return points[torch.stack(tails).amax(0) < -0.03 * 3**0.5]

    first, second = (far(mesh.vertices).double() for mesh in meshes)  # cdist is not precise in float32
    assert len(first) > 100 and len(first) == len(second)
    assert torch.cdist(first, second).amin(1).max() < 1e-6


def test_a_removed_part_is_what_is_learned_as_absent(project: Project) -> None:
    name = mixed(project, removed=("wing",))
    without = {"a": {part: solid for part, solid in AIRPLANES["a"].items() if part != "wing"}}
    learned = shapes_of(without, representation()).latent[0]
    found = opened(project, name)
    assert found.shape.latent[0].numpy().tobytes() == learned.numpy().tobytes()
    assert found.decoded().parts == ("body", "tail") and project.catalogue.shape(name).present == ("body", "tail")
    assert set(found.card.parents) == set(found.card.hashes) == {"body", "tail"}
    assert found.representation.present(found.shape.latent).tolist() == [[True, False, True]]  # the numbers say so too


def test_a_part_that_its_donor_lacks_is_absent_and_that_is_said(project: Project) -> None:
    notes: list[str] = []
    name = mixed(project, notes, parts={"wing": C})
    assert opened(project, name).decoded().parts == ("body", "tail")
    assert any("wing (fit/fit-c)" in note for note in notes)


@pytest.mark.parametrize(
    ("move", "expected"),
    [  # the wing of a is centred at (0.15, 0, 0)
        (ShiftMove(part="wing", by=(0.1, 0.2, 0)), [0.25, 0.2, 0]),
        (TurnMove(part="wing", axis="z", degrees=30), [0.15, 0, 0]),
        (ScaleMove(part="wing", factors=(2, 1, 0.5)), [0.15, 0, 0]),
        (MirrorMove(part="wing", axis="x"), [0.15, 0, 0]),
        (MirrorMove(part="wing", axis="x", middle=True), [-0.15, 0, 0]),
    ],
)
def test_motions_are_about_the_middle_of_the_part(project: Project, move: Move, expected: list[float]) -> None:
    name = mixed(project, moves=(move,))
    centre = apply(pose_of(project, name, "wing"), torch.tensor([[0.15, 0, 0]]))[0]
    torch.testing.assert_close(centre, torch.tensor(expected), atol=2e-3, rtol=0)
    card = opened(project, name).card
    assert card.moves == (move,) and card.held == () and card.parents == dict.fromkeys(NAMES, A)
    assert pose_of(project, name, "body").equal(torch.eye(3, 4))


def test_motions_act_one_after_the_other_also_on_a_mix_of_a_mix(project: Project) -> None:
    first = mixed(project, moves=(ShiftMove(part="wing", by=(-0.1, 0, 0)), TurnMove(part="wing", axis="y", degrees=90)))
    second = mixed(project, base=B, parts={"wing": first}, moves=(ShiftMove(part="wing", by=(0, 0.1, 0)),))
    where = torch.tensor([[0.25, 0, 0]])  # a tip of the wing, 0.1 beside its middle, which comes to stand in front
    tip = apply(pose_of(project, second, "wing"), where)[0]
    torch.testing.assert_close(tip, torch.tensor([0.05, 0.1, -0.1]), atol=4e-3, rtol=0)
    assert stored(project, second, "wing") == stored(project, A, "wing")


def test_whose_crumbs_are_a_models(project: Project) -> None:
    """What is put together from fits alone has the crumbs of fits; one part that was drawn, however long ago, changes it."""
    held = mixed(project, base=mixed(project, parts={"wing": B}), parts={"tail": C})
    drawn = mixed(project, base=mixed(project, parts={"wing": "drawn/0001"}), parts={"tail": C})
    away = mixed(project, base="drawn/0001", moves=(ShiftMove(part="wing", by=(0.1, 0, 0)),))
    found = {name: made(opened(project, name), project) for name in (A, held, "drawn/0001", drawn, away)}
    assert found == {A: False, held: False, "drawn/0001": True, drawn: True, away: False}


def test_a_copy_that_nobody_moved_and_a_part_outside_the_cube_are_said(project: Project) -> None:
    notes: list[str] = []
    mixed(project, notes, copies={"tail.2": "tail"}, moves=(ShiftMove(part="wing", by=(0.4, 0, 0)),))
    assert any("tail.2 stands exactly where tail stands" in note for note in notes)
    assert any("wing reaches out of the cube" in note and "move it back" in note for note in notes)
    notes.clear()
    mixed(project, notes, moves=(ScaleMove(part="wing", factors=(5, 1, 1)),))
    assert any("wing reaches out of the cube" in note and "make it smaller" in note for note in notes)
    with pytest.raises(InputError, match="nothing of wing is left"):
        mixed(project, notes, moves=(ShiftMove(part="wing", by=(0, 5, 0)),))


def test_a_mix_that_changes_nothing_decodes_as_its_base_bit_for_bit(project: Project) -> None:
    same = opened(project, mixed(project, parts={"wing": A}))
    points = torch.rand(300, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    field = same.decoded()
    assert isinstance(field, WeightField) and field(points).equal(opened(project, A).decoded()(points))


def test_the_card_has_the_licences_of_all_that_went_in(project: Project) -> None:
    first = mixed(project, parts={"wing": "brought/net"})
    second = mixed(project, base="drawn/0000", parts={"wing": first, "tail": C})
    found = [source.licence for source in opened(project, second).card.sources]
    expected = {"drawn-one", "drawn-two", "brought-net", "fit-a", "fit-c"}  # a gave the first mix its other parts
    assert set(found) == {f"licence of {name}" for name in expected} and len(found) == len(expected)
    assert {source.origin for source in opened(project, second).card.sources} == {f"maker of {n}" for n in expected}


def test_cards_of_shapes_that_are_not_derived(project: Project) -> None:
    fitted, drawn, brought = (opened(project, name).card for name in (A, "drawn/0001", "brought/net"))
    assert (fitted.operation, fitted.model, fitted.seed) == ("fitted", "fit", 0) and fitted.model_hash
    assert set(fitted.parents.values()) == {"fit-a"}
    assert (drawn.operation, drawn.model, drawn.seed) == ("generated", "model-of-drawn", 5)
    assert drawn.model_hash == "0123456789abcdef" and drawn.hashes["wing"] == opened(project, B).card.hashes["wing"]
    assert (brought.operation, brought.model, brought.seed) == ("imported", "", None)
    assert [source.licence for source in brought.sources] == ["licence of brought-net"]


def test_what_is_held_can_be_chosen(project: Project) -> None:
    name = mixed(project, parts={"wing": B, "tail": B}, held=("body",), free=("tail",))
    assert opened(project, name).card.held == ("body", "wing")
    assert opened(project, mixed(project, base=name, parts={"tail": A})).card.held == NAMES  # as one mix would hold
    assert opened(project, mixed(project, base=name, parts={"tail": A}, free=("wing",))).card.held == ("body", "tail")


def test_a_run_that_is_run_again_gives_the_same(project: Project) -> None:
    job = MixJob(run="again", base=A, parts={"wing": B}, moves=(TurnMove(part="wing", axis="x", degrees=20),))
    first = finished(job, project)
    folder = project.run_folder("again")
    names = ("latents.safetensors", "representation.safetensors", "cards/0000.json", "pictures/0000.png")
    before = {name: (folder / name).read_bytes() for name in names}
    assert finished(job, project) == first  # finished: at once
    (folder / "result.json").unlink()  # as if it had been killed before its end
    assert finished(job, project) == first
    assert {name: (folder / name).read_bytes() for name in names} == before
    assert len(project.catalogue.shapes("again")) == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "say what of fit/fit-a is to change"),
        ({"base": "fit/nothing", "removed": ("wing",)}, "no shape 'fit/nothing'"),
        ({"parts": {"wing": "fit-b"}}, "'fit-b' is an item"),
        ({"parts": {"rotor": B}}, "no part named rotor; the model's parts are body, wing, tail"),
        ({"removed": ("rotor",)}, "no part named rotor"),
        ({"base": C, "removed": ("wing",)}, "has no wing to remove"),
        ({"removed": NAMES}, "nothing would be left"),
        ({"parts": {"wing": B}, "removed": ("wing",)}, "taken from another shape and removed"),
        ({"copies": {"tail": "wing"}}, "cannot be named 'tail'"),
        ({"copies": {"a/b": "wing"}}, "cannot be named 'a/b'"),
        ({"copies": {"x": "rotor"}}, "no rotor to copy"),
        ({"base": C, "moves": (ShiftMove(part="wing", by=(0, 0, 0)),)}, "no wing to move; the mix has body, tail"),
        ({"parts": {"wing": B}, "held": ("wing",), "free": ("wing",)}, "held and free"),
        ({"parts": {"wing": B}, "held": ("rotor",)}, "no part named rotor"),
        ({"moves": (ScaleMove(part="wing", factors=(0, 1, 1)),)}, "cannot be run"),
        ({"moves": (ScaleMove(part="wing", factors=(1, 1e9, 1)),)}, "cannot be run"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_leaves_nothing(
    project: Project, asked: dict[str, Any], says: str
) -> None:
    before = [row.id for row in project.catalogue.runs()]
    with pytest.raises(InputError, match=says):
        mixed(project, **asked)
    assert [row.id for row in project.catalogue.runs()] == before


def test_networks_that_fire_otherwise_do_not_mix(project: Project) -> None:
    base, donor = opened(project, A), opened(project, B)
    assert base.shape.model_id == donor.shape.model_id
    sine = Shapes(donor.shape.latent, donor.shape.present, model_id="weights, sine")
    with pytest.raises(InputError, match="different models"):
        mix(base.parent, {"wing": type(donor.parent)("b", LAYOUT, sine)}, PARTS)


def test_a_card_of_a_newer_program_is_refused_not_guessed(project: Project) -> None:
    name = mixed(project, parts={"wing": B})
    path = project.run_folder(name.partition("/")[0]) / "cards" / "0000.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "new": 1}))
    with pytest.raises(ValueError, match="card of .* cannot be read"):
        card_of(project.catalogue.shape(name), project)
    assert Card().version == 1
