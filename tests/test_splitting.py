"""Clouds become shapes with named parts: shapes of a model that comes along, which mix with those that it draws."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine import splitting
from engine.basis.representation import BasisRepresentation
from engine.cards import card_of
from engine.cloud_codes import CloudCodes
from engine.cloud_moves import shifted
from engine.datasets.procedural import make
from engine.errors import InputError
from engine.geometry.occupancy import surface_points
from engine.jobs import ExportJob, GenerateJob, MixJob, SamplesJob, SplitJob
from engine.joining import fit_behind
from engine.latents import Latents
from engine.method import Shapes, Workspace
from engine.opened import open_model, open_shape
from engine.project import Project
from engine.protocol import Stage
from engine.stages import ended
from tests.clouds.drawn import keep_clouds
from tests.hearing import finished

UNSEEN = 700_003  # seed of a chair that the model has not learned from


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def points_of(seed: int = UNSEEN, count: int = 1024) -> np.ndarray:
    return surface_points(make("chair", seed).geometry.surface, count, np.random.default_rng(0))


def known_codes(points: np.ndarray, representation: object, known: Shapes) -> Stage[CloudCodes]:
    """As `codes_of_drawn_cloud`, which takes seconds: the first training shape, whatever the cloud."""
    yield from ()
    return CloudCodes(known.row(0), 0, 0.5, (0, 1, 0, 0), 0.9)


def test_a_split_cloud_is_a_shape_of_the_model(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a card, tells whose it is, and its parts go into drawn shapes of the model bit for bit, and the other way."""
    monkeypatch.setattr(splitting, "codes_of_drawn_cloud", known_codes)
    (cloud,) = keep_clouds(project, [points_of(count=256)])
    found = finished(SplitJob(shapes=(cloud,), heal=False), project)
    (split,) = found["shapes"]
    row = project.catalogue.shape(split)
    card = card_of(row, project)
    assert (row.kind, row.parents) == ("split", (cloud,)) and found["made"][0]["parts"] == list(row.present)
    assert found["model"].startswith("shipped:chair@") and found["model"] == card.model == fit_behind(row, project)
    assert {source.origin for source in card.sources}  # what the model learned from
    names, (made,) = splitting.read_known("shipped:chair", project).about.items, found["made"]
    assert (made["start"], made["lent"], made["near"]) == (names[0], {"seat": names[1]}, 0.9)
    assert card.measured["near"] == 0.9
    drawn = finished(GenerateJob(model="shipped:chair", count=1, picture=False, whole=False), project)["shapes"][0]
    (mixed,) = finished(MixJob(base=split, parts={"seat": drawn}), project)["shapes"]
    taken, of = (card_of(project.catalogue.shape(name), project).hashes for name in (mixed, drawn))
    assert taken["seat"] == of["seat"] and taken["back"] == card.hashes["back"]
    assert fit_behind(project.catalogue.shape(mixed), project) == found["model"]


def test_what_cannot_be_split_says_why(project: Project) -> None:
    chair, thing = (keep_clouds(project, [points_of(count=64)], prompt)[0] for prompt in ("a chair", "something"))
    car = keep_clouds(project, [points_of(count=64)], "a red car")[0]
    for shapes, category, words in [
        ((thing,), "", f"what {thing} is"),
        ((chair, car), "", "car, chair"),
        ((chair,), "teapot", "knows teapot"),
        (("nothing/0000",), "chair", "nothing/0000"),
    ]:
        with pytest.raises(InputError, match=words):
            finished(SplitJob(shapes=shapes, category=category), project)
    assert not project.catalogue.runs("split")


def test_shifted_parts_stand_elsewhere_and_are_the_same(project: Project) -> None:
    """A row says what a pose says: fields agree where the part stands."""
    model = ended(open_model("shipped:airplane", project, Workspace(project.folder, torch.device("cpu"))))
    assert isinstance(model.representation, BasisRepresentation)
    wing = next(k for k, part in enumerate(model.representation.parts) if part.name == "wing")
    known = splitting.read_known("shipped:airplane", project).shapes
    at = next(
        i for i in range(len(known.latent)) if bool(model.representation.present(known.latent[i : i + 1])[0, wing])
    )
    row, step = known.latent[at : at + 1], torch.tensor([0.0, 0.03, -0.05])
    moved = shifted(model.representation, row, {"wing": (0.0, 0.03, -0.05)})
    before, after = model.representation.decode(Shapes(torch.cat([row, moved])))
    points = torch.from_numpy(np.random.default_rng(0).uniform(-0.4, 0.4, (4096, 3)).astype(np.float32))
    here, there = before.part("wing")(points), after.part("wing")(points + step)
    assert bool((here > 0).any()) and torch.allclose(here, there, atol=1e-3)
    others = [name for name in before.parts if name != "wing"]
    assert all(torch.equal(before.part(name)(points), after.part(name)(points)) for name in others)


@pytest.mark.slow
def test_a_cloud_of_a_chair_becomes_that_chair(project: Project) -> None:
    """Its parts, healed, near the points that it is of; and its file is watertight. So does an item."""
    cloud = points_of()
    names = [*keep_clouds(project, [cloud]), finished(SamplesJob(category="chair", count=1), project)["items"][0]["id"]]
    found = finished(SplitJob(shapes=tuple(names)), project)
    assert not found["refused"] and [one["of"] for one in found["made"]] == names
    shape = found["shapes"][0]
    assert set(found["made"][0]["parts"]) == set(make("chair", UNSEEN).geometry.parts)
    opened = ended(open_shape(shape, project, Workspace(project.folder, torch.device("cpu"))))
    assert opened.card.measured["joint score after"] <= opened.card.measured["joint score before"]
    written = finished(ExportJob(shapes=(shape,), out=str(project.folder / "out"), resolution=96), project)["files"][0]
    assert written["watertight"] and set(written["parts"]) == set(opened.row.present)
    assert Latents(project.run_folder(opened.row.run) / "latents.safetensors").categories == ()
