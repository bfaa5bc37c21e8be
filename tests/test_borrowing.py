"""Names of parts that a mesh without any borrows from a shape that a model learned from."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.spatial import cKDTree

from engine import Project, fitting, run
from engine.basis.representation import BasisRepresentation
from engine.borrowing import BORROWED, borrowed, lenders
from engine.datasets.procedural import make
from engine.errors import InputError
from engine.fitting import open_basis
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Geometry, transform
from engine.geometry.occupancy import surface_points
from engine.geometry.regions import part_names
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.methods import preset
from engine.protocol import Note
from engine.settings import override
from engine.stages import ended
from tests.fields.test_basis_jobs import CHANGES
from tests.hearing import finished

FEW_STEPS = ["fit.code_steps=5"]


def nameless(geometry: Geometry) -> Geometry:
    return replace(geometry, parts={}, regions=None, complete=True)


def add_nameless(project: Project, category: str, seed: int, change: np.ndarray | None = None) -> str:
    """A procedural item whose labels are gone."""
    (made,) = finished(SamplesJob(category=category, count=1, seed=seed), project)["items"]
    item = project.catalogue.item(made["id"])
    path = project.geometry_path(item.id)
    plain = nameless(load_geometry(path))
    save_geometry(path, plain if change is None else replace(plain, surface=transform(plain.surface, change)))
    project.catalogue.add_items([msgspec.structs.replace(item, parts=(), hash=f"nameless {item.id}")])
    return item.id


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.create(tmp_path_factory.mktemp("borrowing") / "p")


def test_a_mesh_without_labels_becomes_a_shape_of_a_model(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is moved onto its plane of symmetry, named, kept so, told of, and mixes as one with these parts."""
    monkeypatch.setattr(fitting, "ROUGH", 1.0)
    lean = np.eye(4)
    lean[0, 3] = 0.02
    item = add_nameless(project, "airplane", 777, lean)
    model = "shipped:airplane"
    settings = override(open_basis(model, project).about.settings, FEW_STEPS)
    *events, last = run(FitJob(settings=settings, items=(item,), model=model, device="cpu"), project)
    notes = [event.text for event in events if isinstance(event, Note)]
    row, geometry = project.catalogue.item(item), load_geometry(project.geometry_path(item))
    assert {"body", "wing"} <= set(row.parts) == set(part_names(geometry)) and row.report[BORROWED].startswith(model)
    assert abs(geometry.surface.bounds[:, 0].sum()) < 0.01 and geometry.to_source[0, 3] == pytest.approx(0.02, abs=4e-3)
    assert any(row.report[BORROWED].split()[1] in note and "plane of symmetry" in note for note in notes)
    (shape,) = last.result["shapes"]  # type: ignore[union-attr]
    assert any(f"{item} ({shape['iou']:.2f}); --fine-tune" in note for note in notes)
    assert set(project.catalogue.shape(shape["id"]).present) == set(row.parts)


def test_only_what_a_model_has_learned_lends_parts(tmp_path: Path) -> None:
    """Not what was fitted beside it; a fit by the codes of a model has the shapes of that model."""
    settings = override(preset("basis", "tiny"), [*CHANGES, "fit.steps=2", "fit.code_steps=1", "train.steps=2"])
    with Project.create(tmp_path / "p") as own:
        made = [one["id"] for one in finished(SamplesJob(category="mug", count=6, seed=1), own)["items"]]
        rows = [own.catalogue.item(name) for name in made]
        own.catalogue.add_items(
            [msgspec.structs.replace(row, split="test" if n % 3 == 0 else "train") for n, row in enumerate(rows)]
        )
        fit = finished(FitJob(settings=settings), own)["run"]
        train = finished(TrainJob(settings=settings, fit=fit, without=(made[1],)), own)["run"]
        again = finished(FitJob(settings=settings, items=(made[0],), model=train), own)["run"]
        for run_id, left_out in ((fit, 0), (train, 1), (again, 1)):
            known = open_basis(run_id, own)
            representation = known.representation(known.about.settings)
            assert isinstance(representation, BasisRepresentation)
            lending = lenders(run_id, representation, own)
            learned = {name for n, name in enumerate(made) if n % 3 and not (left_out and n == 1)}
            assert lending is not None and set(lending.names) == learned
            assert len(lending.shapes.latent) == len(learned)


@pytest.mark.slow
def test_what_is_like_no_shape_of_the_model_gets_no_names(project: Project) -> None:
    item = add_nameless(project, "mug", 778)
    settings = open_basis("shipped:airplane", project).about.settings
    with pytest.raises(InputError, match="no named parts"):
        finished(FitJob(settings=settings, items=(item,), model="shipped:airplane", device="cpu"), project)
    assert project.catalogue.item(item).parts == ()


@pytest.mark.slow
def test_parts_are_borrowed_from_a_like_shape(project: Project) -> None:
    geometry = make("chair", 777_000).geometry
    representation = open_basis("shipped:chair", project)
    known = representation.representation(representation.about.settings)
    assert isinstance(known, BasisRepresentation)
    own = lenders("shipped:chair", known, project)
    assert own is not None
    named = ended(borrowed(nameless(geometry), own)).geometry
    assert named.regions is not None
    names = list(geometry.parts)
    clouds = [surface_points(mesh, 2_000, np.random.default_rng(0)) for mesh in geometry.parts.values()]
    true = np.argmin([cKDTree(cloud).query(named.regions.points)[0] for cloud in clouds], 0)
    told = np.array(named.regions.names)[named.regions.label]
    assert (told == np.array(names)[true]).mean() > 0.8
