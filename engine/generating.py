"""The stage of a GenerateJob: a model, of the project or one that comes with the program, draws new shapes."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from torch import Tensor

from engine import device, methods
from engine.asking import Asked, class_ids, unusual
from engine.clouds.matching import nth, ranking_for
from engine.clouds.representation import CloudRepresentation
from engine.clouds.upsampled import open_refiner, with_points
from engine.errors import InputError
from engine.finished import Finished
from engine.forming import TO_COME, Forming
from engine.geometry.mesh import Mesh
from engine.holding import GRID
from engine.jobs import GenerateJob
from engine.method import Shapes, Workspace
from engine.metrics.decoding import keep_solids
from engine.nearest import nearest_training
from engine.opened import Model, open_model
from engine.ordering import order_to_draw_in
from engine.previews import FIRST, first_look
from engine.project import Project
from engine.protocol import Note, Stage
from engine.settings import override
from engine.shapes import model_path, read_model_about
from engine.shipped import is_shipped, shipped_card, shipped_cards, shipped_for
from engine.stages import ended
from engine.storage import digest, seed_of
from engine.telling import missed_parts, tell_missed
from engine.whole import Draw, Lift, whole_shapes

GUIDED = 2.0  # guidance scale where parts or attributes are asked for and nothing is said of it
SURFACES = 64  # shapes of a run whose surfaces are kept for exports and measurements, 1 to 2 MB each
COPY = 1.0  # percentile: nearer to a training shape than so few of them are to another one


def generate(job: GenerateJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """A model -> new latents, kept as shapes of the project."""
    model = yield from open_model(job.model, project, work)
    about, representation, settings = model.about, model.representation, model.about.settings
    if not about.reads_words and any(one.startswith("sampler.prompt=") for one in job.changes):
        raise InputError(f"{job.model} takes no prompts; ask it for a category, parts or attributes instead")
    several = job.category if len(about.categories) > 1 else ""
    if about.reads_words and (several or job.with_parts or job.without or job.attributes):
        raise InputError(
            f"{job.model} is asked in words; leave --category, --with, --without and --attribute out, and say it all with "
            '--prompt, such as --prompt "a chair without arms"'
        )
    sampler = override(settings.sampler, [change.removeprefix("sampler.") for change in job.changes])
    if job.points or job.refine:
        sampler = _counted(job, sampler, settings)
    refiner = (yield from open_refiner(job.refine, project, work)) if job.refine else None
    ranking = (yield from ranking_for(job, model, sampler, project, work)) if job.candidates > 1 else None
    device.use_threads(model.trainee)  # as many as suit what draws, not what was opened after it
    draws = job.candidates if ranking else 1
    matches: list[float] = []
    asked = Asked(job.category, job.with_parts, job.without, job.attributes)
    if (job.with_parts or job.without or job.attributes) and not any("guidance_scale" in one for one in job.changes):
        sampler = msgspec.structs.replace(sampler, guidance_scale=max(GUIDED, sampler.guidance_scale))
    condition = class_ids(asked, about.askable)
    yield Note(text=f"drawing with {_told(job.model, project)}")
    if odd := unusual(asked, about.askable):
        rare = f"the model has not seen any {job.category} {', '.join(odd)}; what comes is a guess"
        yield Note(text=rare, warning=True)
    method = methods.load(settings)
    clock, meaning = time.monotonic(), representation.meaning()

    forming = Forming(representation, job.count, work.device, TO_COME if job.whole else 0.0) if job.previews else None
    finished = Finished(job, project, model)

    guesses: dict[int, Shapes] = {}  # clouds as they were seen last

    def look_at(indices: range, share: float, guess: Tensor) -> Stage[None]:
        if not representation.ordered:
            guesses.update((number, Shapes(guess[row : row + 1])) for row, number in enumerate(indices))
        if forming:
            yield from forming.look(indices, share, guess)

    def draw(attempt: int) -> Stage[Shapes]:
        seed = seed_of(job.seed, "again", attempt) if attempt else job.seed
        look = look_at if forming and not attempt else None
        first = method.sample(model.trainee, representation, job.count, sampler, seed, condition, look)
        found = yield from nth(first, 0, draws)
        for number in range(1, draws):
            assert ranking is not None
            own = seed_of(seed, "candidate", number)
            more = method.sample(model.trainee, representation, job.count, sampler, own, condition)
            found, matches[:] = yield from ranking.best(found, (yield from nth(more, number, draws)))
            guesses.update((place, found.row(place)) for place in guesses)
        if matches:
            said = f"{job.count} of {draws * job.count} candidates are kept, the best first"
            yield Note(text=f"{said}; text match {matches[0]:.1f} to {matches[-1]:.1f}")
        if job.points:
            assert isinstance(representation, CloudRepresentation)
            words = (getattr(sampler, name, "") for name in ("prompt", "encoder_folder"))
            found = yield from with_points(found, job.points, seed, refiner, representation.width, *words)
            guesses.update((number, found.row(number)) for number in guesses)
        return found

    def settled(number: int, row: Shapes, joint: float, lift: Lift | None) -> None:
        finished.add(number, row, joint, lift)
        if forming:
            forming.settled(number, row)

    def surfaces(number: int, row: Shapes, solids: Mapping[str, Mesh]) -> None:
        if number < SURFACES:
            one = Shapes(row.latent.cpu(), row.present if representation.parts else None, model_id=meaning)
            keep_solids(solids, one, settings, GRID, 0.0, project)

    if job.whole:
        order = order_to_draw_in(job.model, project) if representation.parts else ()
        by = f"-{digest(msgspec.json.encode(order))[:8]}" if order else ""
        looked = work.folder / f"looked-{model.hash}{by}.json"  # another model, or order, has other draws

        def as_asked(row: Shapes) -> bool:
            return not any(missed_parts(asked, about.vocabulary, row))

        drawing = whole_shapes(draw, representation, work.device, as_asked, looked, settled, surfaces, order)
    else:
        drawing = _as_drawn(draw)
    try:
        shapes, vain = yield from forming.beside(drawing) if forming else drawing
    except GeneratorExit:  # a person stopped it, who keeps what is finished, and clouds as they were seen last
        finished.rows |= {number: row for number, row in guesses.items() if number not in finished.rows}
        if finished.has_more:
            ids, shapes = finished.keep_stopped()
            near = ended(nearest_training(model, ids, shapes, project)) if representation.ordered else []  # or guesses
            finished.tell(ids, near)
        raise
    ids = finished.keep_all(shapes)
    for name in ids if guesses else ():  # a picture may be of what the cloud was when it was stopped
        project.thumbnail_path(name).unlink(missing_ok=True)
    seconds = round(time.monotonic() - clock, 2)
    nearest = yield from _nearest(model, ids, shapes, project)
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
        "loose": [name for number, name in enumerate(ids) if job.whole and number not in finished.rows],
        "joints": finished.told_joints(),
        "moved": finished.told_moves(),
        "nearest": nearest,
        "matches": [
            {"shape": name, "match": round(match, 2)} for name, match in zip(ids, matches, strict=bool(matches))
        ],
    }


def model_to_draw_with(project: Project | None, category: str = "", method: str = "", words: bool = False) -> str:
    """What draws where no model is named: the newest training of the project, of that method, that knows the category, or
    else the shipped model of it. Models that this version cannot generate with are passed over. Raises InputError that
    says what there is.

    words : it is asked with a prompt, which others do not read; those that read one know no category by its name
    """
    unusable = ""
    if project is not None:
        for run in reversed(project.catalogue.runs("train")):
            if run.state != "finished" or method not in ("", run.method):
                continue
            try:
                about = read_model_about(model_path(run.id, project))
            except InputError as error:  # of an older version
                unusable = unusable or f" ({error})"
                continue
            if getattr(about.settings.denoiser, "role", "clouds") != "clouds":
                continue  # it puts points into clouds
            wanted = about.reads_words if words else not about.reads_words or bool(method) or not category
            if wanted and (not category or category in about.categories):
                return run.id
    if found := shipped_for(category, method, words):
        return found
    which = f"{f' of {method}' if method else ''}{f' that knows {category}' if category else ''}"
    parted = [card.name for card in shipped_cards() if not card.reads_words]
    brought = f"name a --category that the program brings a model of ({', '.join(parted)}), or " * bool(parted)
    own = "there is no project here, and so no" if project is None else "this project has no"
    raise InputError(f"{own} trained model{which}{unusable}; {brought}run `fit` and `train` first")


def _told(model: str, project: Project) -> str:
    if not is_shipped(model):
        return f"model {model}"
    card = shipped_card(model, project.folder)
    return f"the {card.name} model that comes with the program ({card.training:,} training shapes, {card.data})"


def _nearest(model: Model, ids: list[str], shapes: Shapes, project: Project) -> Stage[list[dict[str, Any]]]:
    """Of each shape the nearest training shape, where they are at hand, with a word about copies."""
    found = yield from nearest_training(model, ids, shapes, project)
    copies = [one.shape for one in found if one.percentile < COPY]
    told = (
        f"{len(copies)} of {len(ids)} are nearer to a training shape than {100 - COPY:g} % of those are to one another"
    )
    if found:
        yield Note(text=told, warning=bool(copies))
    return [msgspec.to_builtins(one) for one in found]


def _counted(job: GenerateJob, sampler: Any, settings: Any) -> Any:
    """The sampler's settings for a job that says how many points it wants: no more are drawn than the model draws."""
    if not hasattr(sampler, "points"):
        raise InputError(f"{job.model} draws no clouds; leave --points and --refine out, and export with points=4096")
    if not job.points:
        raise InputError("say with --points how many points each cloud has in the end")
    return msgspec.structs.replace(sampler, points=min(job.points, sampler.points or settings.fit.points))


def _as_drawn(draw: Draw) -> Stage[tuple[Shapes, int]]:
    return (yield from draw(0)), 0
