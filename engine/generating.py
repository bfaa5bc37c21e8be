"""The stage of a GenerateJob: a model, of the project or one that comes with the program, draws new shapes."""

import time
from typing import Any

import msgspec

from engine import methods
from engine.asking import Asked, class_ids, unusual
from engine.checkpoint import save_model
from engine.conditions import CATEGORY
from engine.errors import InputError
from engine.jobs import GenerateJob
from engine.known import nearness, read_known
from engine.method import Shapes, Workspace
from engine.opened import open_model
from engine.previews import FIRST, first_look
from engine.project import Project
from engine.protocol import Note, Stage
from engine.settings import override
from engine.shapes import keep_generated, model_path, read_model_about
from engine.shipped import is_shipped, keep_version, names, shipped_card, shipped_for
from engine.storage import seed_of
from engine.telling import missed_parts, tell_missed
from engine.whole import whole_shapes

GUIDED = 2.0  # guidance scale where parts or attributes are asked for and nothing is said of it
COPY = 1.0  # percentile: nearer to a training shape than so few of them are to another one


def generate(job: GenerateJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """A model -> new latents, kept as shapes of the project."""
    model = yield from open_model(job.model, project, work)
    about, representation, settings = model.about, model.representation, model.about.settings
    sampler = override(settings.sampler, [change.removeprefix("sampler.") for change in job.changes])
    asked = Asked(job.category, job.with_parts, job.without, job.attributes)
    if (job.with_parts or job.without or job.attributes) and not any("guidance_scale" in one for one in job.changes):
        sampler = msgspec.structs.replace(sampler, guidance_scale=max(GUIDED, sampler.guidance_scale))
    condition = class_ids(asked, about.askable)
    yield Note(text=f"drawing with {_told(job.model, project)}")
    if odd := unusual(asked, about.askable):
        rare = f"the model has not seen any {job.category} {', '.join(odd)}; what comes is a guess"
        yield Note(text=rare, warning=True)
    method = methods.load(settings)
    clock = time.monotonic()

    def draw(attempt: int) -> Stage[Shapes]:
        seed = seed_of(job.seed, "again", attempt) if attempt else job.seed
        return method.sample(model.trainee, representation, job.count, sampler, seed, condition)

    vain = 0
    if job.whole:
        looked = work.folder / f"whole-{model.hash}.json"  # of a model that has changed since, draws are others
        shapes, vain = yield from whole_shapes(
            draw, representation, work.device, lambda row: not any(missed_parts(asked, about.vocabulary, row)), looked
        )
    else:
        shapes = yield from draw(0)
    keep_generated(project, job, about.layout, about.vocabulary, shapes, about.conditions.get(CATEGORY, ()))
    kept = msgspec.to_builtins(about) | {"model_hash": model.hash}
    save_model(work.folder / "representation.safetensors", {"representation": representation}, kept)
    ids = [f"{job.run}/{i:04d}" for i in range(job.count)]
    seconds = round(time.monotonic() - clock, 2)
    nearest = yield from _nearest(job.model, ids, shapes, project)
    drawn = ""
    if job.picture:
        decoded = representation.decode(shapes.rows(slice(FIRST)).to(work.device))
        drawn = yield from first_look(decoded, representation, ids, work.folder / "shapes.png")
    failed = yield from tell_missed(asked, ids, about.vocabulary, shapes)
    return {
        "run": job.run,
        "model": job.model,
        "shapes": ids,
        "seconds": seconds,
        "picture": drawn,
        "missed": failed,
        "drawn_again": vain,
        "nearest": nearest,
    }


def model_to_draw_with(project: Project | None, category: str = "", method: str = "") -> str:
    """What draws where no model is named: the newest training of the project, of that method, that knows the category, or
    else the shipped model of it. Raises InputError that says what there is."""
    if project is not None:
        for run in reversed(project.catalogue.runs("train")):
            if run.state != "finished" or method not in ("", run.method):
                continue
            if not category or category in read_model_about(model_path(run.id, project)).categories:
                return run.id
    found = shipped_for(category) if category else ""
    if found and method in ("", shipped_card(found).method):
        return found
    which = f"{f' of {method}' if method else ''}{f' that knows {category}' if category else ''}"
    brought = f"name a --category that the program brings a model of ({', '.join(names())}), or " if names() else ""
    own = "there is no project here, and so no" if project is None else "this project has no"
    raise InputError(f"{own} trained model{which}; {brought}run `fit` and `train` first")


def _told(model: str, project: Project) -> str:
    if not is_shipped(model):
        return f"model {model}"
    card = shipped_card(model, project.folder)
    return f"the {card.name} model that comes with the program ({card.training:,} training shapes, {card.data})"


def _nearest(model: str, ids: list[str], shapes: Shapes, project: Project) -> Stage[list[dict[str, Any]]]:
    """Of each shape of a shipped model the training shape with the nearest latent, with a word about copies; [] of others.
    The project keeps the model, so that its shapes can be healed and told of whatever comes with the program later."""
    if not is_shipped(model):
        return []
    known = read_known(keep_version(model, project.folder), project)
    found = yield from nearness(ids, shapes.latent.cpu().numpy(), known)
    copies = [one.shape for one in found if one.percentile < COPY]
    told = (
        f"{len(copies)} of {len(ids)} are nearer to a training shape than {100 - COPY:g} % of those are to one another"
    )
    yield Note(text=told, warning=bool(copies))
    return [msgspec.to_builtins(one) for one in found]
