"""Shapes to mix, and mixes of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import Project
from engine.device import choose
from engine.jobs import MixJob
from engine.latents import Latents
from engine.method import Workspace
from engine.opened import Opened, open_shape
from engine.parts.pose import places_of
from engine.parts.spans import part_values
from tests.hearing import finished
from tests.parts.projects import AIRPLANES, keep_fit, keep_import, keep_samples
from tests.parts.toys import NAMES, PARTS, drive


@contextmanager
def make_project(folder: Path) -> Iterator[Project]:
    """Fits and fresh samples of aeroplanes a, b, c (which has no wing), and an imported network like b."""
    with Project.create(folder) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.opened.PICTURE_GRID", 33)  # pictures are looked at elsewhere
        patch.setattr("engine.opened.PICTURE_SIZE", 64)
        keep_fit(made, "fit")
        keep_samples(made, "drawn")
        keep_import(made, "brought", AIRPLANES["b"])
        yield made


A, B, C = (f"fit/fit-{name}" for name in "abc")


def opened(project: Project, name: str) -> Opened:
    """A shape, opened anew from its files."""
    return drive(open_shape(name, project, Workspace(project.folder, choose("cpu"))))


def stored(project: Project, name: str, part: str) -> bytes:
    """The bytes of one part as they lie in the run's file."""
    row = project.catalogue.shape(name)
    latents = Latents(project.run_folder(row.run) / "latents.safetensors")
    return part_values(latents.shapes([row.row]).latent[0], PARTS[NAMES.index(part)]).numpy().tobytes()


def mixed(project: Project, notes: list[str] | None = None, **asked: Any) -> str:
    """A mix, kept -> its name."""
    return str(finished(MixJob(**{"base": A, **asked}), project, notes)["shapes"][0])


def pose_of(project: Project, name: str, part: str) -> torch.Tensor:
    """Where a part or copy stands."""
    return places_of(opened(project, name).shape, PARTS)[part][1]
