"""The stage of a FitJob: items become latents, of a representation of their own or of a model that is there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine import device, methods
from engine.basis.representation import BasisRepresentation
from engine.borrowing import borrow_parts, lenders
from engine.checkpoint import load_model, read_about, save_model
from engine.datasets.parts import still_named, vocabulary
from engine.errors import InputError
from engine.jobs import FitJob
from engine.method import Data, Representation, Workspace
from engine.methods import MethodSettings
from engine.project import Project
from engine.protocol import Note, Stage
from engine.rows import MADE, ItemRow, without_doubles
from engine.shapes import FitAbout, hash_of_file, keep_fitted, model_path
from engine.shipped import is_shipped, keep_version
from engine.storage import once, seed_of

ROUGH = 0.85  # IoU of codes alone below which fine-tuning is offered
ADVICE = "say in part_names.json which of these they are, or rename them with `rename-part`"


def fit(job: FitJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Items -> latents, one row each, with a verdict on each."""
    items = _items(job, project)
    if job.model:
        return (yield from fit_with_model(job, items, project, work))
    if job.fine_tune:
        raise InputError("fine-tuning starts from a model; name it")
    # what was asked for is settled at the first start: items that come in later belong to later fits
    names = vocabulary(items, getattr(job.settings, "parts", ()))
    settled = once(work.folder / "items.json", {"items": [item.id for item in items], "vocabulary": list(names)})
    items, names = [project.catalogue.item(name) for name in settled["items"]], tuple(settled["vocabulary"])
    still_named(items, names)
    with seeded(job.settings.seed, "representation"):
        representation = methods.load(job.settings).representation(job.settings, names).to(work.device)
    if representation.parts:
        usable = [item for item in items if set(item.parts) & set(names)]
        if len(usable) < len(items):
            left = [item.id for item in items if not set(item.parts) & set(names)]
            yield Note(text=f"left out, since they have no named parts: {', '.join(left)}", warning=True)
        items = usable
    data = Data(project, tuple(items))
    device.use_threads(representation)
    yield Note(text=f"fitting {len(items)} items on {device.describe(work.device)}")
    yield from representation.fit(data, work)
    latents = yield from representation.encode(data, work)
    about = {
        "settings": msgspec.to_builtins(job.settings),
        "vocabulary": names,
        "items": [item.id for item in items],
    }
    save_model(work.folder / "representation.safetensors", {"representation": representation}, about)
    keep_fitted(project, job.run, latents)
    keys = ("iou", "cpu_s", "verdict", "reason")
    shapes = [{"id": f"{job.run}/{r.item}", **{key: getattr(r, key) for key in keys}} for r in latents.records]
    return {"run": job.run, "shapes": shapes}


@dataclass(frozen=True)
class Basis:
    """What new items are fitted with.

    path : the file that it is from; hash : of its tensors and settings
    """

    path: Path
    about: FitAbout
    hash: str

    def representation(self, settings: MethodSettings) -> Representation:
        """The model's representation, frozen, with settings that `check_settings` let pass."""
        found = methods.load(settings).representation(settings, self.about.vocabulary)
        load_model(self.path, {"representation": found})
        return found.requires_grad_(False)


def open_basis(name: str, project: Project) -> Basis:
    """The representation of a run, of a model file or of a model that comes with the program. Raises InputError."""
    own = Path(name).suffix != ".safetensors" and ":" not in name
    path = project.run_folder(project.catalogue.run(name).id) / "representation.safetensors" if own else Path(name)
    if not path.is_file():
        path = model_path(name, project)
    try:
        return Basis(path, msgspec.convert(read_about(path), FitAbout), hash_of_file(path))
    except msgspec.ValidationError as error:
        raise InputError(f"{path} is no model of this version ({error}); name a training run or a fit") from error


def check_settings(settings: MethodSettings, basis: Basis) -> None:
    """Raise InputError where settings would give the model's numbers another meaning."""
    known = basis.about.settings
    same = type(settings) is type(known) and msgspec.structs.replace(settings, seed=known.seed, fit=known.fit) == known
    if not same or getattr(settings.fit, "band", None) != getattr(known.fit, "band", None):
        raise InputError(
            "of a fit with a model only seed and fit (all but its band) can be set; the rest is the model's"
        )


def fit_with_model(job: FitJob, items: Sequence[ItemRow], project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Items -> latents of the model ``job.model``, by codes alone or after its experts have learned the items too.

    Meshes without named parts borrow those of the model's training shape that is most like them (`engine.borrowing`).
    Items that have none of the model's parts are refused, each by itself; InputError when that are all.
    """
    basis = open_basis(job.model, project)
    check_settings(job.settings, basis)
    settled = once(work.folder / "items.json", {"items": [item.id for item in items], "model_hash": basis.hash})
    if settled["model_hash"] != basis.hash:
        raise InputError(f"{job.model} has changed since this fit was begun; start a new one")
    if is_shipped(job.model):  # joints of its shapes are told by it, whatever comes with the program later
        keep_version(job.model, project.folder)
    items = [project.catalogue.item(name) for name in settled["items"]]
    representation = basis.representation(job.settings)
    tuned = representation if isinstance(representation, BasisRepresentation) else None
    if tuned:
        items = yield from _with_borrowed_parts(items, job.model, tuned, project)
    representation.to(work.device)
    names = tuple(part.name for part in representation.parts)
    refused = refusals(items, names)
    items = [item for item in items if item.id not in refused]
    if not items:
        raise InputError("; ".join(refused.values()))
    left_out = unknown_parts(items, names)
    if job.fine_tune and tuned is None:
        raise InputError(
            f"shapes of {methods.name_of(job.settings)} share no experts that could learn on; leave --fine-tune out"
        )
    data = Data(project, tuple(items))
    device.use_threads(representation)
    yield Note(text=f"fitting {len(items)} items with {job.model} on {device.describe(work.device)}")
    for item, reason in refused.items():
        yield Note(text=f"{item} is not fitted: {reason}", warning=True)
    for item, parts in left_out.items():
        text = f"{item}: left out, since {job.model} has no {' and no '.join(parts)}; it has {', '.join(names)}"
        yield Note(text=f"{text}; {ADVICE}", warning=True)
    for item, parts in ((yield from tuned.lopsided_parts(data)) if tuned else {}).items():
        text = (
            f"{item}: {', '.join(parts)} differ from left to right, and the model knows one half, shown on both sides"
        )
        yield Note(text=text, warning=True)
    if tuned and job.fine_tune:
        yield from tuned.fine_tune(data, work, job.fine_tune)
        yield Note(
            text=f"the experts have changed: these shapes mix with one another, not with those of {job.model}; "
            "name shapes' items here too to have them in one model, or fit by codes alone"
        )
    latents = yield from representation.encode(data, work)
    rough = [f"{one.item} ({one.iou:.2f})" for one in latents.records if one.iou is not None and one.iou < ROUGH]
    if rough and tuned and not job.fine_tune:
        told = f"codes alone come no nearer to {', '.join(rough)}; --fine-tune 300 lets the model's experts learn them too, "
        yield Note(text=f"{told}which comes much nearer (IoU in brackets), but such shapes mix with one another alone")
    about = {
        "settings": msgspec.to_builtins(job.settings),
        "vocabulary": names,
        "items": [item.id for item in items],
        "model_hash": basis.hash,
    }
    save_model(work.folder / "representation.safetensors", {"representation": representation}, about)
    keep_fitted(project, job.run, latents)
    keys = ("iou", "cpu_s", "verdict", "reason")
    shapes = [{"id": f"{job.run}/{r.item}", **{key: getattr(r, key) for key in keys}} for r in latents.records]
    return {"run": job.run, "shapes": shapes, "refused": [{"id": item, "reason": why} for item, why in refused.items()]}


def _with_borrowed_parts(
    items: Sequence[ItemRow], model: str, representation: BasisRepresentation, project: Project
) -> Stage[list[ItemRow]]:
    """The items, those without named parts with borrowed ones, where they have a surface and the model's shapes are known."""
    nameless = [item for item in items if not item.parts and project.geometry_path(item.id).is_file()]
    own = lenders(model, representation, project) if nameless and representation.parts else None
    named = {item.id: item for item in (yield from borrow_parts(nameless, model, own, project))} if own else {}
    return [named.get(item.id, item) for item in items]


def refusals(items: Sequence[ItemRow], known: Sequence[str]) -> dict[str, str]:
    """Item -> why it cannot become a shape of a model with parts ``known``, where it has none of them."""
    found = {}
    for item in items if known else ():
        if not item.parts:
            found[item.id] = (
                f"{item.id} has no named parts, and the model's are {', '.join(known)}; "
                "import it with part names, or give it parts with `parts --auto` and rename those"
            )
        elif not set(item.parts) & set(known):
            found[item.id] = (
                f"the parts of {item.id} are {', '.join(item.parts)}, the model's {', '.join(known)}; {ADVICE}"
            )
    return found


def unknown_parts(items: Sequence[ItemRow], known: Sequence[str]) -> dict[str, list[str]]:
    """Item -> its parts that a model with parts ``known`` lacks."""
    lacking = {item.id: [name for name in item.parts if name not in known] for item in items if known}
    return {item: names for item, names in lacking.items() if names}


def _items(job: FitJob, project: Project) -> list[ItemRow]:
    """The named items in the order given, or all accepted real ones. Raises InputError for refused items and for none."""
    if not job.items:
        items = [item for item in project.catalogue.items(job.category) if _is_taken(item, job) and item.split != MADE]
        items = without_doubles(items)
        if not items:
            raise InputError("there is nothing to fit; bring items in with `import` or `samples` first")
        return items
    if job.category:
        raise InputError("name items or a category, not both")
    items = [project.catalogue.item(name) for name in dict.fromkeys(job.items)]
    for item in items:
        if not _is_taken(item, job):
            raise InputError(f"item {item.id} cannot be fitted ({item.verdict}): {item.reason}")
    return items


def _is_taken(item: ItemRow, job: FitJob) -> bool:
    """Whether the method can use an item: all take what has an inside, some what has a surface alone."""
    return item.usable or item.verdict in getattr(job.settings, "without_inside", ())


@contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Initial weights, which torch draws from its global generator, by the run's seed; the generator is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, purpose))
        yield
