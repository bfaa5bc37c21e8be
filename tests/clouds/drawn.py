"""Clouds of known points as shapes of a project, as if a model had drawn them from a prompt."""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from engine.checkpoint import save_model
from engine.clouds.representation import CloudRepresentation
from engine.jobs import GenerateJob
from engine.layout import Layout, Slot
from engine.method import Shapes
from engine.methods.tiny3d.settings import CloudSettings, Tiny3dSettings
from engine.project import Project
from engine.shapes import FitAbout, keep_generated


def keep_clouds(project: Project, clouds: Sequence[NDArray[np.floating]], prompt: str = "a chair") -> list[str]:
    """Clouds (P, 3) of one size as shapes of one run -> their ids; (P, 6) with sRGB from -0.5 to 0.5 behind."""
    change = f"sampler.prompt={msgspec.json.encode(prompt).decode()}"
    job = project.submit(GenerateJob(model="nowhere.safetensors", count=len(clouds), changes=(change,)))
    assert isinstance(job, GenerateJob)
    latent = torch.from_numpy(np.stack(clouds).astype(np.float32)).flatten(1)
    settings = Tiny3dSettings(fit=CloudSettings(colours=clouds[0].shape[1] == 6))
    layout = Layout((Slot("points", clouds[0].shape),))
    ids = keep_generated(project, job, layout, (), Shapes(latent))
    about = msgspec.to_builtins(FitAbout(settings=settings, vocabulary=()))
    path = project.run_folder(job.run) / "representation.safetensors"
    save_model(path, {"representation": CloudRepresentation(settings)}, about)
    project.catalogue.end_run(job.run, "finished")
    return ids
