"""Published networks and denoisers made our own: files of a run that the rest of the engine reads like its own."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from engine import methods
from engine.checkpoint import Model, read, save_model, write
from engine.diffusion.denoiser import Denoiser
from engine.errors import InputError
from engine.fields.representation import WeightRepresentation
from engine.foreign.denoisers import Published, write_denoiser
from engine.foreign.form import Form
from engine.foreign.networks import Network, read_network, write_network
from engine.latents import LatentFile, Latents, write_latents
from engine.layout import Layout
from engine.method import Encoded
from engine.methods import MethodSettings
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings
from engine.shapes import FitAbout, ModelAbout, read_model_about
from engine.storage import read_tensors, write_tensors

FORMS, MODEL_FORM = "forms.safetensors", "model_form.safetensors"  # an import may keep both in one run
_PUBLISHED_NAME = re.compile(r"occ_(?P<id>.+?)(?:_jitter_0)?_model_(?:final|current)")


@dataclass(frozen=True)
class Brought:
    """Networks of one layout, which can be one run. ``names``: one for each, different from each other."""

    settings: MethodSettings
    vocabulary: tuple[str, ...]
    names: tuple[str, ...]
    networks: tuple[Network, ...]

    @property
    def layout(self) -> Layout:
        """How each row is cut."""
        return self.networks[0].layout


def bring_networks(files: Sequence[Path]) -> list[Brought]:
    """Networks in files, grouped by layout. Raises InputError for the first file that holds none (see read_network)."""
    return group_networks({path: read_network(path) for path in files})


def group_networks(networks: Mapping[Path, Network]) -> list[Brought]:
    """Networks by the file that they came from -> groups of equal layout, in the order of their first files."""
    groups: dict[tuple[bytes, tuple[str, ...]], list[Path]] = {}
    for path, network in networks.items():
        groups.setdefault((msgspec.json.encode(network.settings), network.vocabulary), []).append(path)
    found = []
    for (_, vocabulary), paths in groups.items():
        first = networks[paths[0]].settings
        settings: MethodSettings = (
            SemanticSettings(parts=vocabulary, field=first) if vocabulary else HyperdiffusionSettings(field=first)
        )
        found.append(Brought(settings, vocabulary, names_of(paths), tuple(networks[path] for path in paths)))
    return found


def names_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """A short name for each file: the shape's id in published file names, its folder before it where two are the same."""
    names = []
    for path in paths:
        match = _PUBLISHED_NAME.fullmatch(path.stem)
        names.append(match["id"] if match else path.stem)
    twice = {name for name, number in Counter(names).items() if number > 1}
    names = [f"{path.parent.name}-{n}" if n in twice else n for n, path in zip(names, paths, strict=True)]
    names = [re.sub(r"[^A-Za-z0-9_.-]+", "-", name) for name in names]
    seen: set[str] = set()
    for i, name in enumerate(names):
        number = 2
        while names[i] in seen:
            names[i], number = f"{name}-{number}", number + 1
        seen.add(names[i])
    return tuple(names)


def keep_network_run(folder: Path, group: Brought) -> Latents:
    """Write a group into a run's folder: latents, the representation that decodes them, and the forms to write back.

    The anchor is the mean of the rows. Published networks start from one network, whose weights are in no file; the mean
    is the nearest that can be had, and a sound start for fits of more shapes (a single row would favour that shape).
    """
    rows = torch.stack([network.row for network in group.networks])  # (N, D)
    present = np.ones((len(rows), len(group.vocabulary)), bool)
    records = tuple(
        Encoded(name, None, 0.0, "imported", "; ".join(network.notes), group.vocabulary)
        for name, network in zip(group.names, group.networks, strict=True)
    )
    path = folder / "latents.safetensors"
    file = LatentFile(group.layout, group.vocabulary, records)
    write_latents(path, rows.numpy(), present, np.zeros(len(rows), np.int64), file)
    representation = _representation(group.settings, group.vocabulary, rows.mean(0))
    about = FitAbout(settings=group.settings, vocabulary=group.vocabulary, items=())
    modules = {"representation": representation}
    save_model(folder / "representation.safetensors", modules, msgspec.to_builtins(about))
    _keep_forms(folder / FORMS, [(network.form, network.extra) for network in group.networks])
    return Latents(path)


def write_kept_network(folder: Path, row: int, path: Path) -> None:
    """Write row ``row`` of a run of imported networks in the layout that it came in, bit for bit the same tensors."""
    latents = Latents(folder / "latents.safetensors")
    form, extra = kept_forms(folder)[row]
    write_network(path, latents.batch(torch.tensor([row])).target[0], form, extra, latents.layout)


def keep_model(folder: Path, published: Published) -> Path:
    """Write a denoiser as a run's model.safetensors, from which shapes can be generated, and its form to write back.

    The anchor is what the denoiser itself takes for the mean of its training: its guess at the last noise step.
    Raises InputError for one that gives NaN.
    """
    path = folder / "model.safetensors"
    about = ModelAbout(
        settings=published.settings,
        vocabulary=published.vocabulary,
        layout=published.layout,
        categories=(),
        conditions={},
        items=(),
    )
    tensors = {f"trainee.{name}": tensor for name, tensor in published.state.items()}
    anchor = mean_guess(published)
    if not bool(torch.isfinite(anchor).all()):
        raise InputError("this denoiser gives numbers that are not finite; its training diverged, so it is of no use")
    tensors["representation.anchor"] = anchor
    write(path, tensors, Model(about=msgspec.to_builtins(about)))  # streamed: the tensors may be maps of a large file
    _keep_forms(folder / MODEL_FORM, [(published.form, published.extra)])
    return path


def write_kept_model(folder: Path, path: Path) -> None:
    """Write the model of an imported denoiser in the layout that it came in: the same ``state_dict``, bit for bit."""
    source = folder / "model.safetensors"
    read_model_about(source)
    tensors, _ = read(source)
    form, extra = kept_forms(folder, MODEL_FORM)[0]
    state = {key.removeprefix("trainee."): value for key, value in tensors.items() if key.startswith("trainee.")}
    write_denoiser(path, state, form, extra)


@torch.no_grad()
def mean_guess(published: Published) -> Tensor:
    """(D,) the denoiser's x0 from nothing at the last noise step, where a trained one can but say the mean."""
    with torch.device("meta"):
        denoiser = Denoiser(published.layout, published.settings.denoiser)
    denoiser.load_state_dict(published.state, strict=False, assign=True)
    denoiser.eval()
    last = torch.tensor([published.settings.denoiser.timesteps - 1])
    return denoiser.x0(torch.zeros(1, published.layout.size), last)[0].clone()


def kept_forms(folder: Path, name: str = FORMS) -> list[tuple[Form, dict[str, Tensor]]]:
    """Form and extra tensors of each row of an imported run, or with MODEL_FORM of its one denoiser.

    Raises InputError for a run that was not imported.
    """
    if not (folder / name).is_file():
        raise InputError(f"{folder.name} was not imported, so there is no other layout to write it in; export it")
    arrays, header = read_tensors(folder / name)
    forms = msgspec.json.decode(header["forms"], type=list[Form])
    extras: list[dict[str, Tensor]] = [{} for _ in forms]
    for entry, array in arrays.items():
        number, _, key = entry.partition("/")
        extras[int(number)][key] = torch.from_numpy(array)
    return list(zip(forms, extras, strict=True))


def _keep_forms(path: Path, kept: Sequence[tuple[Form, Mapping[str, Tensor]]]) -> None:
    """Write what ``kept_forms`` reads. Types that numpy has not (bfloat16) go as float32, which holds them exactly."""
    arrays = {}
    for i, (_, extra) in enumerate(kept):
        for key, tensor in extra.items():
            arrays[f"{i}/{key}"] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    forms = msgspec.json.encode([form for form, _ in kept]).decode()
    write_tensors(path, arrays, {"forms": forms})


def _representation(settings: MethodSettings, vocabulary: tuple[str, ...], anchor: Tensor) -> WeightRepresentation:
    representation = methods.load(settings).representation(settings, vocabulary)
    assert isinstance(representation, WeightRepresentation)
    representation.anchor = anchor.clone()
    return representation
