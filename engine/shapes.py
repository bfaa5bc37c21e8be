"""Shapes of a project: how fitted and generated latents are kept, and found again with what decodes them."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from engine import methods
from engine.asking import Askable
from engine.checkpoint import load_model, read_about, read_header
from engine.conditions import Classes, Seen
from engine.diffusion.denoiser import NONE
from engine.errors import InputError
from engine.jobs import FitJob, GenerateJob
from engine.latents import LatentFile, Latents, write_latents
from engine.layout import Layout
from engine.method import Data, Encoded, LatentSet, Representation, Shapes, Workspace
from engine.methods import MethodSettings
from engine.project import Project
from engine.protocol import Stage
from engine.rows import ShapeRow
from engine.shipped import is_shipped, shipped_file


def keep_fitted(project: Project, run: str, latents: LatentSet) -> None:
    """Enter the rows of a fit into the catalogue, each as ``run/item``."""
    project.catalogue.add_shapes(
        [
            ShapeRow(
                id=f"{run}/{record.item}",
                run=run,
                row=row,
                kind="fitted",
                item=record.item,
                quality=record.iou,
                verdict=record.verdict,
                reason=record.reason,
                cpu_s=record.cpu_s,
                present=record.present,
                parents=(record.item,),
                added=time.time(),
            )
            for row, record in enumerate(latents.records)
        ]
    )


def keep_generated(
    project: Project,
    job: GenerateJob,
    layout: Layout,
    names: tuple[str, ...],
    shapes: Shapes,
    categories: tuple[str, ...] = (),
    numbers: Sequence[int] = (),
) -> list[str]:
    """Write generated latents into the run's folder and enter them into the catalogue -> their ids, ``run/number``.

    categories : names of the classes that the model knows; () when it is one
    numbers : of the shapes, where they are not all that the job makes
    """
    count = len(shapes.latent)
    numbers = numbers or range(count)
    present = torch.ones(count, len(names), dtype=torch.bool) if shapes.present is None else shapes.present.cpu()
    records = tuple(
        Encoded(f"{i:04d}", None, 0.0, "generated", "", tuple(n for n, flag in zip(names, row, strict=True) if flag))
        for i, row in zip(numbers, present, strict=True)
    )
    path = project.run_folder(job.run) / "latents.safetensors"
    asked = categories.index(job.category) if job.category in categories else NONE  # the rest is in the job
    shapes = replace(shapes, condition={"category": torch.full((count,), asked)})
    file = LatentFile(layout.of_size(shapes.latent.shape[1]), names, records, categories)
    write_latents(path, shapes.latent.cpu().numpy(), present.numpy(), classes_of(shapes), file)
    project.catalogue.add_shapes(
        [
            ShapeRow(
                id=f"{job.run}/{record.item}",
                run=job.run,
                row=row,
                kind="generated",
                verdict="generated",
                present=record.present,
                parents=(job.model,),
                added=time.time(),
            )
            for row, record in enumerate(records)
        ]
    )
    return [f"{job.run}/{record.item}" for record in records]


def classes_of(shapes: Shapes) -> NDArray[np.int64]:
    """(N,) class ids as files keep them, ``NONE`` for shapes that were asked to be anything."""
    ids = shapes.condition.get("category", torch.tensor([NONE]))
    return ids.cpu().expand(len(shapes.latent)).numpy().astype(np.int64)


class FitAbout(msgspec.Struct, frozen=True, kw_only=True):
    """What a representation's file says of itself (a model's says more)."""

    settings: MethodSettings
    vocabulary: tuple[str, ...]
    items: tuple[str, ...] = ()  # what its run, or the model that its run drew from, learned from
    model_hash: str = ""  # of the model that its run drew from
    model: str = ""  # whose shapes clouds became in its run, of shipped ones the version


class ModelAbout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model file says of itself: all that is needed to build its networks again, and what it learned from.

    conditions : name -> names of its classes; seen : category -> condition -> classes that its training shapes had
    """

    settings: MethodSettings
    vocabulary: tuple[str, ...]
    layout: Layout
    categories: tuple[str, ...]
    conditions: Classes
    items: tuple[str, ...]
    seen: Seen = {}

    @property
    def sizes(self) -> dict[str, int]:
        """Number of classes of each condition, from which the denoiser is built."""
        return {name: len(classes) for name, classes in self.conditions.items()}

    @property
    def reads_words(self) -> bool:
        """Whether the model is asked with a prompt."""
        return hasattr(self.settings.sampler, "prompt")

    @property
    def askable(self) -> Askable:
        """What the model can be asked for."""
        return Askable(self.categories, self.vocabulary, self.conditions, self.seen)


def read_model_about(path: Path) -> ModelAbout:
    """The description of a model file. Raises InputError when the file is something else."""
    try:
        return msgspec.convert(read_about(path), ModelAbout)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{path} is no model that this version can generate with ({error}); give a model.safetensors, "
            "and train again if it is one of an older version"
        ) from error


def read_fit_about(name: str, project: Project) -> FitAbout:
    """What the representation of a run says of itself. Raises InputError when the run has none (yet)."""
    path = project.run_folder(project.catalogue.run(name).id) / "representation.safetensors"
    if not path.is_file():
        raise InputError(f"run {name} has no finished fit; `resume {name}` first")
    try:
        return msgspec.convert(read_about(path), FitAbout)
    except msgspec.ValidationError as error:
        raise InputError(f"{path} was made by another version of this program ({error}); fit again") from error


def fit_of(name: str, project: Project, work: Workspace) -> Stage[tuple[Representation, LatentSet]]:
    """The representation of a run, frozen, and the run's latents. Raises InputError when the run has none (yet)."""
    about = read_fit_about(name, project)
    folder = project.run_folder(name)
    path = folder / "representation.safetensors"
    representation = methods.load(about.settings).representation(about.settings, about.vocabulary)
    load_model(path, {"representation": representation})
    representation.to(work.device).requires_grad_(False)
    if not isinstance(project.job(name), FitJob):
        return representation, Latents(folder / "latents.safetensors")
    data = Data(project, tuple(project.catalogue.item(item) for item in about.items))
    latents = yield from representation.encode(data, Workspace(folder, work.device))
    return representation, latents


def hash_of_file(path: Path) -> str:
    """Short hash of the tensors and settings of a model or representation file, as cards show it; "" when it is gone."""
    return read_header(path).sha256[:16] if path.is_file() else ""


def model_path(name: str, project: Project) -> Path:
    """A model by train run, by file, or one that comes with the program, as ``shipped:NAME``. Raises InputError."""
    if is_shipped(name):
        return shipped_file(name, project=project.folder)
    if Path(name).suffix == ".safetensors":
        return Path(name).resolve()
    path = project.run_folder(project.catalogue.run(name).id) / "model.safetensors"
    if not path.is_file():
        raise InputError(f"run {name} has no model; it must be a finished training run (`list runs`)")
    return path


def version_of(run: str, project: Project) -> str:
    """The shipped model that a run has drawn from or fitted with, as ``shipped:NAME@HASH``: the version that it was."""
    job = project.job(run)
    assert isinstance(job, GenerateJob | FitJob)
    return f"{job.model.partition('@')[0]}@{read_fit_about(run, project).model_hash}"
