"""Projects whose shapes are the octahedra of toys.py, kept as the engine keeps fitted, generated and imported ones."""

import time
from collections.abc import Mapping

import msgspec
import numpy as np
import torch

from engine import Project
from engine.checkpoint import save_model
from engine.fields.mlp import fill_absent
from engine.fields.representation import WeightRepresentation
from engine.jobs import FitJob, GenerateJob, ImportJob
from engine.latents import LatentFile, Latents, write_latents
from engine.method import Encoded, Shapes
from engine.methods.semantic.settings import SemanticSettings
from engine.rows import ItemRow, ShapeRow
from engine.shapes import FitAbout, keep_fitted, keep_generated
from tests.parts.toys import FIELD, LAYOUT, NAMES, Octahedron, row

Solids = Mapping[str, Octahedron]
SETTINGS = SemanticSettings(parts=NAMES, field=FIELD)
AIRPLANES: dict[str, Solids] = {
    "a": {"body": ((0, 0, 0), 0.2), "wing": ((0.15, 0, 0), 0.15), "tail": ((0, 0.2, 0), 0.1)},
    "b": {"body": ((0.0, 0.05, 0.0), 0.25), "wing": ((-0.2, 0, 0), 0.12), "tail": ((0.1, 0.3, 0), 0.08)},
    "c": {"body": ((0.1, 0.0, 0.1), 0.15), "tail": ((0.0, -0.3, 0.0), 0.1)},  # without wing
}


def representation(seed: int = 0) -> WeightRepresentation:
    """One whose anchor, which no octahedron needs, is random."""
    made = WeightRepresentation(SETTINGS, dict.fromkeys(NAMES, (0.5, 0.5, 0.5)))
    made.anchor = torch.randn(LAYOUT.size, generator=torch.Generator().manual_seed(seed))
    return made


def shapes_of(airplanes: Mapping[str, Solids], made: WeightRepresentation) -> Shapes:
    """Rows of airplanes, absent parts as they are learned."""
    present = torch.tensor([[name in solids for name in NAMES] for solids in airplanes.values()])
    rows = torch.stack([row(solids) for solids in airplanes.values()])
    return Shapes(fill_absent(rows, present, made.anchor, LAYOUT), present)


def keep_items(project: Project, run_name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """An item for each name, each with an origin and a licence of its own."""
    rows = [
        ItemRow(
            id=f"{run_name}-{name}",
            kind="mesh",
            category="airplane",
            path="",
            hash="",
            verdict="accepted",
            reason="",
            split="train",
            origin=f"maker of {run_name}-{name}",
            licence=f"licence of {run_name}-{name}",
        )
        for name in names
    ]
    project.catalogue.add_items(rows)
    return tuple(item.id for item in rows)


def keep_fit(project: Project, name: str, airplanes: Mapping[str, Solids] = AIRPLANES, seed: int = 0) -> list[str]:
    """A finished fit -> its shapes, in order."""
    job = project.submit(FitJob(run=name, settings=SETTINGS))
    folder, made = project.run_folder(job.run), representation(seed)
    items = keep_items(project, name, tuple(airplanes))
    shapes = shapes_of(airplanes, made)
    assert shapes.present is not None
    there = [tuple(solids) for solids in airplanes.values()]
    records = tuple(Encoded(item, 0.9, 0.0, "accepted", "", parts) for item, parts in zip(items, there, strict=True))
    category = np.zeros(len(items), np.int64)
    file = LatentFile(LAYOUT, NAMES, records)
    write_latents(folder / "latents.safetensors", shapes.latent.numpy(), shapes.present.numpy(), category, file)
    about = FitAbout(settings=SETTINGS, vocabulary=NAMES, items=items)
    save_model(folder / "representation.safetensors", {"representation": made}, msgspec.to_builtins(about))
    keep_fitted(project, job.run, Latents(folder / "latents.safetensors"))
    return [f"{job.run}/{item}" for item in items]


def keep_samples(project: Project, name: str, airplanes: Mapping[str, Solids] = AIRPLANES, seed: int = 1) -> list[str]:
    """A finished run of fresh samples, whose model learned from items of its own -> its shapes."""
    job = GenerateJob(run=name, model=f"model-of-{name}", count=len(airplanes), seed=5)
    project.submit(job)
    made = representation(seed)
    keep_generated(project, job, LAYOUT, NAMES, shapes_of(airplanes, made))
    items = keep_items(project, name, ("one", "two"))
    about = FitAbout(settings=SETTINGS, vocabulary=NAMES, items=items, model_hash="0123456789abcdef")
    folder = project.run_folder(job.run)
    save_model(folder / "representation.safetensors", {"representation": made}, msgspec.to_builtins(about))
    return [f"{job.run}/{number:04d}" for number in range(len(airplanes))]


def keep_import(project: Project, name: str, solids: Solids) -> str:
    """An imported network -> its shape."""
    job = ImportJob(run=name, paths=("network.pth",))
    project.submit(job)
    folder, made = project.run_folder(job.run), representation(2)
    (item,) = keep_items(project, name, ("net",))
    record = Encoded("net", None, 0.0, "imported", "", NAMES)
    rows = shapes_of({"net": solids}, made)
    assert rows.present is not None
    file = LatentFile(LAYOUT, NAMES, (record,))
    path = folder / "latents.safetensors"
    write_latents(path, rows.latent.numpy(), rows.present.numpy(), np.zeros(1, np.int64), file)
    about = FitAbout(settings=SETTINGS, vocabulary=NAMES)
    save_model(folder / "representation.safetensors", {"representation": made}, msgspec.to_builtins(about))
    shape = ShapeRow(
        id=f"{name}/net",
        run=name,
        row=0,
        kind="imported",
        item=item,
        verdict="imported",
        present=NAMES,
        parents=(item,),
        added=time.time(),
    )
    project.catalogue.add_shapes([shape])
    return shape.id
