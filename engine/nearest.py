"""The training shape that each generated shape is nearest to: of a model that comes with the program, and of one's own."""

import numpy as np
import torch

from engine.clouds.cloud import PointCloud
from engine.clouds.nearest import POOL, nearest_clouds
from engine.errors import StudioError
from engine.jobs import TrainJob
from engine.known import PERCENTS, Known, KnownAbout, Nearness, nearness, read_known
from engine.latents import Latents
from engine.method import Shapes
from engine.metrics.latents import nearest_rows, standardised
from engine.opened import Model
from engine.project import Project
from engine.protocol import Note, Stage
from engine.shapes import read_fit_about
from engine.shipped import is_shipped, keep_version, shipped_card

FEWEST = 3  # training shapes that there must be, to tell how far they are from one another
MOST = (
    2e9  # numbers that may be compared among training shapes, about half a second; of more shapes some, evenly chosen
)


def nearest_training(model: Model, ids: list[str], shapes: Shapes, project: Project) -> Stage[list[Nearness]]:
    """Of each shape the training shape with the nearest latent, of clouds the one with the nearest points; [] where the
    training shapes are not at hand, which a Note says where their file cannot be read.

    Of a shipped model they lie with it, and the project keeps that version, so that its shapes can be healed and told of
    whatever comes with the program later. Of a model trained in the project they are the shapes of its fit.
    """
    try:
        if is_shipped(model.name):
            version = keep_version(model.name, project.folder)
            known = None if shipped_card(version, project.folder).reads_words else read_known(version, project)
        elif (fit := _fit_of(model, project)) and (project.run_folder(fit) / POOL).is_file():
            return (yield from _nearest_items(model, ids, shapes, fit, project))
        else:
            known = yield from _own(model, project)
    except StudioError as error:  # the shapes are drawn all the same
        yield Note(text=f"how new they are is not told: {error}", warning=True)
        return []
    if known is None:  # also of clouds of a shipped model, whose points have no order
        return []
    return (yield from nearness(ids, shapes.latent.cpu().numpy(), known))


def _fit_of(model: Model, project: Project) -> str:
    """The run whose latents a model of the project learned from; "" of an imported one."""
    runs = {run.id for run in project.catalogue.runs("train")}
    job = project.job(model.name) if model.name in runs else None
    return job.fit if isinstance(job, TrainJob) else ""


def _nearest_items(model: Model, ids: list[str], shapes: Shapes, fit: str, project: Project) -> Stage[list[Nearness]]:
    """Of clouds, by their points: the items of the fit that the model learned from."""
    items, learned = read_fit_about(fit, project).items, frozenset(model.about.items)
    rows = [row for row, name in enumerate(items) if name in learned]
    if len(rows) < FEWEST:
        return []
    decoded = [one for one in model.representation.decode(shapes) if isinstance(one, PointCloud)]
    clouds = np.stack([one.points for one in decoded])
    names = [f"{fit}/{name}" for name in items]
    return (
        yield from nearest_clouds(ids, clouds, project.run_folder(fit), names, rows, project.folder / "cache" / "apart")
    )


def _own(model: Model, project: Project) -> Stage[Known | None]:
    """What is known of the training shapes of a model of the project; None of an imported one. Raises StudioError."""
    fit = _fit_of(model, project)
    path = project.run_folder(fit) / "latents.safetensors"
    if not fit or not path.is_file():
        return None
    learned = frozenset(model.about.items)
    latents = Latents(path)
    rows = [row for row, record in enumerate(latents.records) if record.item in learned]
    size = latents.layout.size
    step = -(-len(rows) // max(FEWEST, int((MOST / size) ** 0.5)))
    rows = rows[:: max(step, 1)]
    if len(rows) < FEWEST or latents.layout != model.about.layout:
        return None
    shapes = Shapes(latents.batch(torch.tensor(rows)).target)
    (even,) = standardised(shapes.latent.numpy(), [])
    apart = yield from nearest_rows(even, even, leave_out=True)
    names = tuple(f"{fit}/{latents.records[row].item}" for row in rows)
    about = KnownAbout(layout=latents.layout, meaning="", limits="", items=names, of=len(learned))
    percents = np.percentile(apart.distance, PERCENTS).astype(np.float32)
    return Known(about, shapes, percents, np.empty((0, 3), np.float32))
