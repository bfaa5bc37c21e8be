"""The stage of a SplitJob: clouds become shapes of a `basis` model, with named parts that mix and heal like any others."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from engine.basis.representation import BasisRepresentation
from engine.card import WHOLE, Card, ShiftMove
from engine.cloud_codes import CloudCodes, codes_of_cloud
from engine.cloud_drawn import NEAR, codes_of_drawn_cloud
from engine.cloud_moves import Touched, touching
from engine.datasets.stored import Stored
from engine.errors import InputError, MeshError
from engine.generating import model_to_draw_with
from engine.geometry.file import load_geometry
from engine.geometry.from_cloud import mesh_of_cloud
from engine.geometry.mesh import Mesh
from engine.geometry.occupancy import surface_points
from engine.jobs import SplitJob, TrainJob
from engine.joining import usual_of
from engine.known import read_known
from engine.meshing import asked_of, cloud_of
from engine.method import Shapes, Workspace
from engine.methods import name_of
from engine.opened import Model, Opened, draw_derived, keep_derived, open_model, open_shape, picture_path
from engine.project import Project
from engine.protocol import Note, Saved, Stage
from engine.rows import ItemRow, ShapeRow
from engine.shapes import FitAbout, fit_of
from engine.shipped import is_shipped, keep_version
from engine.storage import once, read_tensors, seed_of, write_tensors

METHOD = "basis"
POINTS = 2048  # on the surface of an item that has one


@dataclass(frozen=True)
class _Cloud:
    """What is to be split: points (P, 3) in canonical space, the surface of what came with one, and whether a model drew
    it."""

    name: str
    category: str
    points: NDArray[np.floating]
    solid: Mesh | None = None
    drawn: bool = False


class _Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept beside the latent of a cloud's shape, see CloudCodes."""

    start: int
    misfit: float
    lenders: tuple[int, ...]
    near: float | None


def split(job: SplitJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Clouds -> shapes of one model, kept with their cards and pictures. What the model knows nothing like is refused."""
    clouds = []
    for name in dict.fromkeys(job.shapes):
        clouds.append((yield from _cloud(name, job, project, work)))
    model, version = yield from _model(job, clouds, project, work)
    representation = model.representation
    assert isinstance(representation, BasisRepresentation)  # `_model` refuses others
    still = deepcopy(representation).cpu()  # where few points are looked at often, and all that is known of clouds is
    known, names = yield from _known(version, model, project, work)
    usual = (yield from usual_of(_usual(version, project), project, work)) if job.heal else None
    made: list[tuple[_Cloud, Touched, CloudCodes]] = []
    refused: dict[str, str] = {}
    for number, cloud in enumerate(clouds):
        try:
            place = work.folder / "fitted" / f"{number:04d}.safetensors"
            found = yield from _found(cloud, still, known, seed_of(job.seed, cloud.name), place)
        except (InputError, MeshError) as error:
            refused[cloud.name] = str(error)
            yield Note(text=f"{cloud.name}: {error}", warning=True)
            continue
        whole = Touched(found.shapes, found.misfit)
        if usual:
            whole = yield from touching(found, representation, usual.limits, usual.order, work.device)
        made.append((cloud, whole, found))
        yield Note(text=_origin(cloud, found, names, representation))
    if not made:
        raise InputError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    like = _like(model, known, work)
    shapes = Shapes(
        torch.cat([one.shapes.latent for _, one, _ in made]),
        representation.present(torch.cat([one.shapes.latent for _, one, _ in made])),
        model_id=representation.meaning(),
    )
    cards = [_card(cloud, one, found.near, version, model.hash) for cloud, one, found in made]
    about = msgspec.structs.replace(like.about, model_hash=model.hash, model=version)
    ids = keep_derived(project, job, like, shapes, cards, "split", about)
    yield from draw_derived(project, job, like, shapes)
    rows = [
        {
            "shape": name,
            "of": cloud.name,
            "misfit": round(one.misfit, 3),
            "near": None if found.near is None else round(found.near, 3),
            "start": names[found.start],
            "lent": _lent(found, names, representation),
            "parts": _parts(representation, one.shapes),
            "moved": {part: [round(step, 4) for step in by] for part, by in one.moves.items()},
        }
        for name, (cloud, one, found) in zip(ids, made, strict=True)
    ]
    pictures = str(picture_path(project, job, 0).parent)
    return {"run": job.run, "model": version, "shapes": ids, "made": rows, "refused": refused, "pictures": pictures}


def _cloud(name: str, job: SplitJob, project: Project, work: Workspace) -> Stage[_Cloud]:
    """A cloud of the project, or the points of an item. Raises InputError for anything else."""
    items = {item.id: item for item in project.catalogue.items()}
    if name in items:
        return _of_item(items[name], job, project)
    opened = yield from open_shape(name, project, work)
    points = cloud_of(opened).points
    category = job.category or asked_of(opened.row.run, project)[1]
    return _Cloud(name, category, points, drawn=True)


def _of_item(item: ItemRow, job: SplitJob, project: Project) -> _Cloud:
    path, category = project.geometry_path(item.id), job.category or item.category
    if path.is_file():
        surface = load_geometry(path).surface
        generator = np.random.default_rng(seed_of(job.seed, "cloud", item.id))
        return _Cloud(item.id, category, surface_points(surface, POINTS, generator), surface)
    if (place := path.with_name("points.safetensors")).is_file() and not len((kept := Stored.load(place)).inside):
        return _Cloud(item.id, category, kept.points)
    raise InputError(f"{item.id} has neither a surface nor points on one ({item.verdict}: {item.reason})")


def _model(job: SplitJob, clouds: Sequence[_Cloud], project: Project, work: Workspace) -> Stage[tuple[Model, str]]:
    """The model whose shapes the clouds become, and its name, settled at the first start. Raises InputError."""
    several = sorted({cloud.category for cloud in clouds})
    if not job.model and "" in several:
        unknown = next(cloud.name for cloud in clouds if not cloud.category)
        raise InputError(f"nothing says what {unknown} is; name its category or a model")
    if not job.model and len(several) > 1:
        raise InputError(f"these are of several categories ({', '.join(several)}); split those of one at a time")
    name = job.model or model_to_draw_with(project, several[0], METHOD)
    model = yield from open_model(name, project, work)
    if not isinstance(model.representation, BasisRepresentation):
        raise InputError(
            f"{name} is of {name_of(model.about.settings)}; clouds become shapes of {METHOD} models, so name one of these"
        )
    if not is_shipped(name) and not _trained(name, project):
        raise InputError(f"{name} is no training run of this project, so its training shapes are not here; name one")
    version = keep_version(name, project.folder) if is_shipped(name) else name
    settled = once(work.folder / "model.json", {"model": version, "hash": model.hash})
    if settled["hash"] != model.hash:
        raise InputError(f"{settled['model']} has changed since this was begun; start anew")
    return model, version


def _trained(name: str, project: Project) -> bool:
    """Whether a model is a training run, whose fit is here."""
    return Path(name).suffix != ".safetensors" and isinstance(project.job(name), TrainJob)


def _usual(version: str, project: Project) -> str:
    """What tells how parts meet in the training shapes of a model, see `joining.usual_of`."""
    job = None if is_shipped(version) else project.job(version)
    return job.fit if isinstance(job, TrainJob) else version


def _known(version: str, model: Model, project: Project, work: Workspace) -> Stage[tuple[Shapes, tuple[str, ...]]]:
    """Training shapes of a model, latents and presence; and their names."""
    if is_shipped(version):
        kept = read_known(version, project)
        return kept.shapes, kept.about.items
    seen = set(model.about.items)
    _, latents = yield from fit_of(_usual(version, project), project, work)
    rows = [row for row, record in enumerate(latents.records) if record.item in seen]
    batch = latents.batch(torch.tensor(rows, dtype=torch.int64), torch.Generator())
    shapes = Shapes(batch.target, batch.present, model_id=model.representation.meaning())
    return shapes, tuple(latents.records[row].item for row in rows)


def _found(
    cloud: _Cloud, representation: BasisRepresentation, known: Shapes, seed: int, place: Path
) -> Stage[CloudCodes]:
    """The shape of a cloud, found once and kept in ``place``."""
    if not place.exists():
        if cloud.drawn:
            codes = yield from codes_of_drawn_cloud(cloud.points, representation, known)
        else:
            codes = yield from _codes_of_clean(cloud, representation, known, seed)
        about = {"found": msgspec.json.encode(_Found(codes.start, codes.misfit, codes.lenders, codes.near)).decode()}
        write_tensors(place, {"latent": codes.shapes.latent.numpy()}, about)
        yield Saved(kind="codes", path=str(place))
    arrays, header = read_tensors(place)
    latent = torch.from_numpy(arrays["latent"])
    shapes = Shapes(latent, representation.present(latent), model_id=representation.meaning())
    kept = msgspec.json.decode(header["found"], type=_Found)
    return CloudCodes(shapes, kept.start, kept.misfit, kept.lenders, kept.near)


def _codes_of_clean(cloud: _Cloud, representation: BasisRepresentation, known: Shapes, seed: int) -> Stage[CloudCodes]:
    points, solid = cloud.points, cloud.solid
    if solid is None:
        meshed = yield from mesh_of_cloud(points)
        points, solid = meshed.laid, meshed.mesh
    return (yield from codes_of_cloud(points, representation, known, solid, seed))


def _like(model: Model, known: Shapes, work: Workspace) -> Opened:
    """A training shape of the model, which the new ones are like."""
    own = model.about
    row = ShapeRow(id=model.name, run="", row=0, kind="fitted")
    about = FitAbout(settings=own.settings, vocabulary=own.vocabulary)
    return Opened(row, model.representation, about, own.layout, known.row(0), Card(), work.device)


def _lent(found: CloudCodes, names: Sequence[str], representation: BasisRepresentation) -> dict[str, str]:
    """Part -> the training shape that it went out from, where that is another one than the shape as a whole did."""
    there = representation.present(found.shapes.latent)[0].tolist()
    return {
        part.name: names[lender]
        for part, flag, lender in zip(
            representation.parts, there, found.lenders or [found.start] * len(there), strict=True
        )
        if flag and lender != found.start
    }


def _origin(cloud: _Cloud, found: CloudCodes, names: Sequence[str], representation: BasisRepresentation) -> str:
    """What a person should know of a shape that was found: which training shape it went out from, which others lent it
    parts, and how near it came."""
    words = [f"{cloud.name}: pulled to it from training shape {names[found.start]}"]
    words += [f"{part} from {name}" for part, name in _lent(found, names, representation).items()]
    near = "" if found.near is None else f"; {found.near:.0%} of its points lie within {NEAR:g} of the surface"
    return ", ".join(words) + near


def _card(cloud: _Cloud, one: Touched, near: float | None, model: str, model_hash: str) -> Card:
    return Card(
        parents={WHOLE: cloud.name},
        model=model,
        model_hash=model_hash,
        moves=tuple(ShiftMove(part=part, by=by) for part, by in one.moves.items()),
        measured={"misfit": one.misfit} | ({} if near is None else {"near": near}) | _joints(one.joints),
    )


def _joints(scores: tuple[float, float] | None) -> dict[str, float]:
    return {} if scores is None else dict(zip(("joint score before", "joint score after"), scores, strict=True))


def _parts(representation: BasisRepresentation, shapes: Shapes) -> list[str]:
    there = representation.present(shapes.latent)[0].tolist()
    return [part.name for part, flag in zip(representation.parts, there, strict=True) if flag]
