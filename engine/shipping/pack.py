"""A trained model made small: weights in half precision where shapes decode to the same, and no names of training items."""

from pathlib import Path

import torch

from engine import methods
from engine.checkpoint import Model, load_model, read, write
from engine.errors import InputError
from engine.known import KnownAbout, write_known
from engine.latents import Latents
from engine.method import Representation, Shapes
from engine.protocol import Progress, Stage
from engine.shapes import ModelAbout, read_model_about
from engine.storage import once, read_tensors

ALIKE = 0.999  # IoU of shapes decoded in full and in half precision that is still the same
JUDGED, GRID = 16, 96  # shapes that are compared, and grid points per side


def pack_model(source: Path, place: Path, latents: Latents, rows: list[int]) -> Stage[float]:
    """Write the model file ``source`` to ``place`` with its matrices in half precision -> IoU of decoded training shapes
    (latents and matrices halved) with what full precision decodes.

    Raises InputError where that is under ALIKE: the method would need its own way to be stored.
    """
    tensors, header = read(source)
    assert isinstance(header, Model)
    half = {
        name: tensor.half() if tensor.is_floating_point() and tensor.dim() >= 2 else tensor
        for name, tensor in tensors.items()
    }
    write(place, half, Model(about=header.about | {"items": []}))
    alike = yield from _alike(source, place, latents, rows[:: max(1, len(rows) // JUDGED)][:JUDGED])
    agreed = float(once(place.with_suffix(".alike.json"), alike))
    if agreed < ALIKE:
        raise InputError(f"half precision changes the shapes of {source}: IoU {agreed:.5f}, at least {ALIKE} is needed")
    return agreed


def pack_known(place: Path, model: Path, latents: Latents, rows: list[int], joints: Path) -> Stage[None]:
    """Keep what the model's training shapes (``rows`` of the fit's latents) tell; ``joints`` as engine.joining has them."""
    shapes = latents.shapes(rows)
    assert shapes.present is not None
    tensors, header = read_tensors(joints)
    representation = representation_of(model)
    about = KnownAbout(
        layout=latents.layout,
        meaning=representation.meaning(),
        limits=header["limits"],
        items=tuple(latents.records[row].item for row in rows),
        of=len(rows),
    )
    yield from write_known(place, shapes.latent.numpy(), shapes.present.numpy(), tensors["points"], about)


def representation_of(model: Path, about: ModelAbout | None = None) -> Representation:
    """The representation in a model file, frozen, on the CPU."""
    about = about or read_model_about(model)
    representation = methods.load(about.settings).representation(about.settings, about.vocabulary)
    load_model(model, {"representation": representation})
    return representation.requires_grad_(False)


def _alike(full: Path, half: Path, latents: Latents, rows: list[int]) -> Stage[float]:
    """Mean IoU of training shapes decoded from the two files, on a grid over the cube."""
    one, other = representation_of(full), representation_of(half)
    axis = torch.linspace(-0.5, 0.5, GRID)
    points = torch.cartesian_prod(axis, axis, axis)
    found = []
    for done, row in enumerate(rows):
        yield Progress(stage="half precision", done=done, total=len(rows))
        shapes = latents.shapes([row])
        rounded = Shapes(shapes.latent.half().float(), shapes.present)
        a = one.decode(shapes)[0](points) > 0
        b = other.decode(rounded)[0](points) > 0
        found.append(float((a & b).sum() / (a | b).sum().clamp_min(1)))
    return sum(found) / len(found)
