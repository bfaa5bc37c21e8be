"""The best of several candidates: clouds that were drawn for a prompt, ranked by how well they go with it."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import Tensor

from engine.clouds.representation import CloudRepresentation
from engine.errors import InputError, StudioError
from engine.jobs import GenerateJob
from engine.method import Shapes, Workspace
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.methods.tiny3d.matcher import Matcher
from engine.methods.tiny3d.reading import read_prompt
from engine.opened import Model, open_model
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.settings import SamplerSettings
from engine.shapes import model_path, read_model_about
from engine.shipped import MATCH, is_shipped, shipped_file
from engine.stages import noting, retold
from engine.storage import once
from engine.text.word_encoder import WordNetwork

ROLE = "match"  # of what is trained
AT_ONCE = 64  # clouds that are judged at a time: 0.15 s


@dataclass(frozen=True)
class Ranking:
    """What tells how well clouds go with a prompt: a matcher, and how likely the prompt tells each fact (F,)."""

    matcher: Matcher
    told: Tensor

    def of(self, clouds: Tensor) -> Stage[Tensor]:
        """(N,) the text match of clouds (N, C P): log-likelihood ratios, 0 = the prompt tells nothing, more is better."""
        found: list[Tensor] = []
        for piece in clouds.split(AT_ONCE):
            yield Progress(stage="match", done=AT_ONCE * len(found), total=len(clouds))
            with torch.no_grad():
                found.append(self.matcher.match(piece, self.told).cpu())
        return torch.cat(found)

    def best(self, some: Shapes, others: Shapes) -> Stage[tuple[Shapes, list[float]]]:
        """As many clouds as ``some`` are, of these and others those that go best with the prompt, the best first, and their
        text matches."""
        every = torch.cat([some.latent, others.latent])
        matches = yield from self.of(every)
        order = matches.argsort(descending=True, stable=True)[: len(some.latent)]
        return Shapes(every[order], model_id=some.model_id), matches[order].tolist()


def ranking_for(
    job: GenerateJob, model: Model, sampler: SamplerSettings, project: Project, work: Workspace
) -> Stage[Ranking | None]:
    """What ranks the candidates of a job; None where the model knows no word of the prompt, which is said.

    Raises InputError where there is nothing to rank them by.
    """
    reader, prompt = getattr(model.trainee, "reader", None), getattr(sampler, "prompt", "")
    if not model.about.reads_words:
        raise InputError(
            f"{job.model} is asked in no words, by which candidates could be ranked; leave --candidates out"
        )
    if not prompt.strip():
        raise InputError("candidates are ranked by how well they go with a prompt; give one, or leave --candidates out")
    if not isinstance(reader, WordNetwork) or not reader.facts:
        raise InputError(
            f"{job.model} has learned no facts, by which candidates could be ranked; fit and train with text.facts=384, or "
            "leave --candidates out"
        )
    if not (name := _at_hand(job.model, project, work)):
        raise InputError(
            f"nothing here tells how well clouds of {job.model} go with a prompt; train what does on its fit with "
            f"--set denoiser.role={ROLE}, or leave --candidates out"
        )
    matcher = (yield from open_model(name, project, work)).trainee
    assert isinstance(matcher, Matcher)
    assert isinstance(model.trainee, PointDenoiser) and isinstance(model.representation, CloudRepresentation)
    folder = getattr(sampler, "encoder_folder", "")
    text = yield from noting(read_prompt(prompt, model.trainee, model.representation, folder), [])  # said by who draws
    if text is None:
        yield Note(text="no candidates are drawn, as there is nothing to rank them by", warning=True)
        return None
    with torch.no_grad():
        return Ranking(matcher, reader.facts_told(text / math.sqrt(model.trainee.dim))[0])


def nth(draw: Stage[Shapes], number: int, of: int) -> Stage[Shapes]:
    """One of several draws, with the progress of all; what it says is said by the first alone."""

    def told(event: Any) -> Any:
        if isinstance(event, Progress):
            return msgspec.structs.replace(event, done=event.done + number * event.total, total=of * event.total)
        return None if number and isinstance(event, Note) else event

    return retold(draw, told)


def _at_hand(model: str, project: Project, work: Workspace) -> str:
    """The file beside a model that comes with the program, or the newest training on the same fit, settled at the first
    start; "" without such a training. Raises InputError where that file is missing."""
    if is_shipped(model):
        try:
            return str(shipped_file(model, MATCH, project.folder))
        except InputError as error:  # a version that was kept without it, or a file that is gone
            raise InputError(
                f"nothing here tells how well clouds of {model} go with a prompt: {error}; or leave --candidates out"
            ) from error
    fit = project.fit_of(model)
    found = [
        run.id
        for run in reversed(project.catalogue.runs("train"))
        if fit and run.state == "finished" and project.fit_of(run.id) == fit and _matches(run.id, project)
    ]
    return str(once(work.folder / "matcher.json", {"matcher": found[0]})["matcher"]) if found else ""


def _matches(run: str, project: Project) -> bool:
    try:
        settings = read_model_about(model_path(run, project)).settings
    except StudioError:  # of another version, or damaged
        return False
    return getattr(settings.denoiser, "role", "") == ROLE
