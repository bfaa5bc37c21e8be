"""A trained model made small: the denoiser in half precision where it draws the same, and no names of training items."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from engine import methods
from engine.checkpoint import Model, load_model, read, write
from engine.errors import InputError
from engine.known import KnownAbout, write_known
from engine.latents import Latents
from engine.method import Representation
from engine.methods import MethodSettings
from engine.parts.order import Rule
from engine.protocol import Note, Stage
from engine.settings import override
from engine.shapes import ModelAbout, read_model_about
from engine.storage import read_tensors

SAME = 0.05  # of the deviation of training latents: samples of one seed that differ by less count as the same
JUDGED = 16  # samples that are compared


def pack_model(source: Path, place: Path, drawing: Sequence[str] = ()) -> Stage[float]:
    """Write the model file ``source`` to ``place`` with the matrices of its denoiser in half precision -> by how much the
    samples of one seed differ then, as `drift` has it.

    What decodes latents stays as it is, so shapes of the training project and of the packed model mix. ``drawing`` changes
    settings of the sampler. Raises InputError where the samples differ by more than SAME.
    """
    staged = place.with_name(f"full-{place.name}")
    settings = override(read_model_about(source).settings, [f"sampler.{change}" for change in drawing])
    _write_half(source, staged, settings)
    apart = yield from drift(source, staged)
    yield Note(text=f"samples in half precision differ by {apart:.4f} deviations from those in full")
    if apart > SAME:
        raise InputError(f"half precision changes what {source} draws, by {apart:.3f} deviations of at most {SAME}")
    staged.replace(place)
    return apart


def average(sources: Sequence[Path], place: Path) -> None:
    """Write the model whose weights are the mean of those of some model files, which went on from one another (Izmailov et
    al. 2018): what one forgot the others kept. All else is as in the last. Raises InputError and DamagedFileError as
    `read` does."""
    found = [read(source) for source in sources]
    header = found[-1][1]
    assert isinstance(header, Model)
    mean = {
        name: torch.stack([tensors[name] for tensors, _ in found]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in found[-1][0].items()
    }
    write(place, mean, header)


def pack_matcher(source: Path, place: Path) -> None:
    """Write the model file ``source``, which draws nothing, to ``place`` with its matrices in half precision."""
    staged = place.with_name(f"full-{place.name}")
    _write_half(source, staged, read_model_about(source).settings)
    staged.replace(place)


def _write_half(source: Path, place: Path, settings: MethodSettings) -> None:
    tensors, header = read(source)
    assert isinstance(header, Model)
    half = {
        name: tensor.half()
        if name.startswith("trainee.") and tensor.is_floating_point() and tensor.dim() > 1
        else tensor
        for name, tensor in tensors.items()
    }
    write(place, half, Model(about=header.about | {"items": [], "settings": msgspec.to_builtins(settings)}))


def pack_known(
    place: Path,
    model: Path,
    latents: Latents,
    rows: list[int],
    joints: Path,
    order: Sequence[Rule] = (),
    drawn_in_order: bool = False,
) -> Stage[None]:
    """Keep what the model's training shapes (``rows`` of the fit's latents) tell; ``joints`` as engine.joining has them,
    ``order`` of their parts, and whether the model draws by it."""
    shapes = latents.shapes(rows)
    assert shapes.present is not None
    tensors, header = read_tensors(joints)
    about = KnownAbout(
        layout=latents.layout,
        meaning=representation_of(model).meaning(),
        limits=header["limits"],
        order=tuple(order),
        drawn_in_order=drawn_in_order,
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


def drift(one: Path, other: Path) -> Stage[float]:
    """How far samples of two model files from the same noise lie apart: root mean square over a row, in deviations of the
    numbers among the samples, and of that the median over samples. Both draw as the second one does."""
    drawn, sampler = [], read_model_about(other).settings.sampler
    for path in (one, other):
        about = read_model_about(path)
        method, representation = methods.load(about.settings), representation_of(path, about)
        trainee = method.trainee(about.settings, about.layout, about.sizes)
        load_model(path, {"trainee": trainee})
        trainee.requires_grad_(False).eval()
        shapes = yield from method.sample(trainee, representation, JUDGED, sampler, 0, {})
        drawn.append(shapes.latent)
    spread = drawn[0].std(0).clamp_min(1e-6)
    return float(((drawn[0] - drawn[1]) / spread).square().mean(1).sqrt().median())
