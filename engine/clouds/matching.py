"""The best of several candidates: clouds that were drawn for a prompt, ranked by how well they go with it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.clouds.representation import CloudRepresentation
from engine.errors import InputError
from engine.jobs import GenerateJob, TrainJob
from engine.method import Shapes, Workspace
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.methods.tiny3d.matcher import Matcher
from engine.methods.tiny3d.reading import read_prompt
from engine.opened import Model, open_model
from engine.project import Project
from engine.protocol import Note, Stage
from engine.settings import SamplerSettings
from engine.shapes import model_path, read_model_about
from engine.shipped import MATCH, is_shipped, shipped_file
from engine.stages import noting
from engine.text.word_encoder import WordNetwork

ROLE = "match"  # of what is trained


@dataclass(frozen=True)
class Ranking:
    """What tells how well clouds go with a prompt: a matcher, and how likely the prompt tells each fact (F,)."""

    matcher: Matcher
    told: Tensor

    @torch.no_grad()
    def of(self, clouds: Shapes) -> list[float]:
        """The text match of each cloud: log-likelihood ratios, 0 = the prompt tells nothing of it; more is better."""
        found: list[float] = self.matcher.match(clouds.latent, self.told).tolist()
        return found

    def best(self, clouds: Shapes, count: int) -> tuple[Shapes, list[float]]:
        """Those ``count`` of some clouds that go best with the prompt, the best first, and their text matches."""
        matches = torch.tensor(self.of(clouds))
        order = matches.argsort(descending=True, stable=True)[:count]
        return Shapes(clouds.latent[order], model_id=clouds.model_id), matches[order].tolist()


def ranking_for(
    job: GenerateJob, model: Model, sampler: SamplerSettings, project: Project, work: Workspace
) -> Stage[Ranking | None]:
    """What ranks the clouds of a job; None where nothing does and nothing needs to.

    Raises InputError where there are candidates and nothing to rank them by.
    """
    prompt, several = getattr(sampler, "prompt", ""), job.candidates > 1
    if several and not prompt.strip():
        raise InputError("candidates are ranked by how well they go with a prompt; give one, or leave --candidates out")
    reader = getattr(model.trainee, "reader", None)
    name = _at_hand(job.model, project) if isinstance(reader, WordNetwork) and reader.facts else ""
    if not prompt.strip() or not name:
        if several:
            raise InputError(
                f"nothing tells how well clouds of {job.model} go with a prompt; train what does on the same fit with "
                f"--set denoiser.role={ROLE} (both with text.facts=384), or leave --candidates out"
            )
        return None
    matcher = (yield from open_model(name, project, work)).trainee
    assert isinstance(matcher, Matcher) and isinstance(reader, WordNetwork)
    assert isinstance(model.trainee, PointDenoiser) and isinstance(model.representation, CloudRepresentation)
    folder = getattr(sampler, "encoder_folder", "")
    text = yield from noting(read_prompt(prompt, model.trainee, model.representation, folder), [])  # said by who draws
    if text is None:
        yield Note(text="the prompt has no word that the model knows, so its clouds are not ranked", warning=True)
        return None
    with torch.no_grad():
        return Ranking(matcher, reader.facts_told(text / math.sqrt(model.trainee.dim))[0])


def _at_hand(model: str, project: Project) -> str:
    """The file beside a model that comes with the program, or the newest training on the same fit; "" without one."""
    if is_shipped(model):
        try:
            return str(shipped_file(model, MATCH, project.folder))
        except InputError:  # a version that was kept without it
            return ""
    runs = {run.id for run in project.catalogue.runs("train")}
    own = project.job(model) if model in runs else None
    for run in reversed(project.catalogue.runs("train")):
        job = project.job(run.id)
        if isinstance(own, TrainJob) and isinstance(job, TrainJob) and job.fit == own.fit and run.state == "finished":
            try:
                settings = read_model_about(model_path(run.id, project)).settings
            except InputError:  # of an older version
                continue
            if getattr(settings.denoiser, "role", "") == ROLE:
                return run.id
    return ""
