"""Published denoisers (Lightning ``.ckpt``) of HyperDiffusion and SemanticHyperDiffusion, in and out.

The network is ours with other names, tensor by tensor: one linear map without bias into and out of each token, the noise
step's token last, one norm over all tokens before the positions, pre-norm blocks. So nothing is converted, and tensors of
a large file stay maps of it until they are used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from engine.diffusion.denoiser import TIME_BANDS, Denoiser
from engine.errors import InputError
from engine.fields.encoding import encoded_size
from engine.fields.weights import field_layout
from engine.foreign.form import Form, extras_of, form_of
from engine.foreign.load import Opened, open_foreign, refused
from engine.foreign.save import write_foreign
from engine.layout import Layout
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings
from engine.settings import DenoiserSettings, FieldSettings, SamplerSettings

WeightSettings = HyperdiffusionSettings | SemanticSettings  # of the methods whose denoisers are published
PARTS = ("body", "wing", "tail", "engine")  # the experts of the published aeroplanes; a file does not name them
HEADS = 16
TIMESTEPS = 500
_READ = re.compile(r"decoder\.input_parameter_projections\.(\d+)\.0\.weight")
_WRITE = re.compile(r"decoder\.output_parameter_projections\.(\d+)\.0\.weight")
_SAME = re.compile(r"decoder\.(pos_emb|(?:blocks\.\d+|ln_in|ln_f)\..+)")


@dataclass(frozen=True)
class Published:
    """A denoiser as it came from another program.

    state : our ``Denoiser``'s state dict, normalisation included (none: mean 0, deviation 1); maybe maps of the file
    form, extra : what is needed to write the same ``state_dict`` again
    """

    settings: WeightSettings
    vocabulary: tuple[str, ...]
    layout: Layout
    state: dict[str, Tensor]
    form: Form
    extra: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def read_denoiser(
    path: Path, heads: int = HEADS, parts: Sequence[str] = PARTS, timesteps: int = TIMESTEPS
) -> Published:
    """The denoiser in a file; its optimiser's state is not touched.

    heads, timesteps : cannot be seen in the file; all published ones have 16 and 500
    parts : names of the experts, where the file is of a shape with several
    Raises InputError that says what the file holds when it is none, or what does not fit.
    """
    opened = open_foreign(path)
    try:
        return _denoiser(opened, heads, parts, timesteps)
    except InputError as error:
        raise refused(path, error) from error


def write_denoiser(path: Path, state: Mapping[str, Tensor], form: Form, extra: Mapping[str, Tensor]) -> None:
    """Write our denoiser's state dict as the file that ``form`` describes; its ``state_dict`` is the one that came in."""
    write_foreign(path, state, extra, form)


def is_denoiser(opened: Opened) -> bool:
    """True when the keys are those of a published denoiser."""
    return any(_READ.search(key) for key in opened.tensors)


def _denoiser(opened: Opened, heads: int, parts: Sequence[str], timesteps: int) -> Published:
    prefix = _prefix(opened)
    last = max(int(match[1]) for key in opened.tensors if (match := _READ.search(key)))
    slots = {key: slot for key in opened.tensors if (slot := _slot(key.removeprefix(prefix), last))}
    inside = [key for key in opened.tensors if key.startswith(f"{prefix}decoder.") and key not in slots]
    if inside:
        raise InputError(f"the denoiser has {inside[0]}, which is not known here; it cannot be run as it was")
    state = {slot: opened.tensors[key].float() for key, slot in slots.items()}
    state.setdefault("time_features.frequencies", 2 ** torch.linspace(0, 20, TIME_BANDS))
    settings, layout, vocabulary = _settings(state, _token_sizes(state), heads, parts, timesteps)
    state |= {"mean": torch.zeros(layout.size), "std": torch.ones(layout.size)}
    _check(state, layout, settings.denoiser)
    extra = extras_of(opened, slots)
    notes: tuple[str, ...] = (f"{heads} heads and {timesteps} noise steps are assumed",)
    if extra:
        notes += (f"kept for writing back only: {', '.join(list(extra)[:4])}",)
    return Published(settings, vocabulary, layout, state, form_of(opened, slots), extra, notes)


def _prefix(opened: Opened) -> str:
    """What stands before ``decoder.`` in the keys, "model." in published files. Raises InputError when there is none."""
    found = {key[: match.start()] for key in opened.tensors if (match := _READ.search(key))}
    if len(found) != 1:
        groups = dict.fromkeys(".".join(key.split(".")[:2]) for key in opened.tensors)
        names = ", ".join(list(groups)[:4])[:160]
        raise InputError(f"this is no denoiser of HyperDiffusion; it holds tensors named {names}")
    return found.pop()


def _slot(key: str, last: int) -> str:
    """Our name of a tensor, by its key without prefix; "" where it has none. Token ``last`` is the noise step's."""
    if key == "scalar_embedder.frequencies":
        return "time_features.frequencies"
    if match := _READ.fullmatch(key):
        return "time.weight" if int(match[1]) == last else f"projections.enter.{match[1]}.weight"
    if match := _WRITE.fullmatch(key):
        return f"projections.leave.{match[1]}.weight"
    if match := _SAME.fullmatch(key):
        return f"transformer.{match[1]}"
    return ""


def _token_sizes(state: Mapping[str, Tensor]) -> list[int]:
    """Numbers in each weight token. Raises InputError where reading and writing disagree."""
    read = {name: tensor.shape[-1] for name, tensor in state.items() if name.startswith("projections.enter.")}
    sizes = []
    for i in range(len(read)):
        tensor = state.get(f"projections.leave.{i}.weight")
        if tensor is None or tensor.dim() != 2 or read.get(f"projections.enter.{i}.weight") != tensor.shape[0]:
            raise InputError(
                f"it reads {len(read)} weight tokens and does not write token {i} in the same size; a denoiser that "
                "also gets the previous weights (use_global_residual) cannot be run here"
            )
        sizes.append(int(tensor.shape[0]))
    return sizes


def _settings(
    state: Mapping[str, Tensor], sizes: list[int], heads: int, parts: Sequence[str], timesteps: int
) -> tuple[WeightSettings, Layout, tuple[str, ...]]:
    """Settings, layout and part names from token sizes and tensors. Raises InputError for what cannot be built here."""
    positions = state.get("transformer.pos_emb")
    if positions is None or positions.dim() != 3:
        raise InputError("it has no positions (decoder.pos_emb)")
    width = int(positions.shape[2])
    blocks = {name.split(".")[2] for name in state if name.startswith("transformer.blocks.")}
    if width % heads:
        raise InputError(f"its width {width} cannot be cut into {heads} heads; say how many it was trained with")
    fields = _fields(sizes)
    names = tuple(parts) if len(fields) > 1 else ()
    if len(fields) > 1 and (len(names) != len(fields) or len(set(names)) != len(names)):
        raise InputError(f"it makes shapes of {len(fields)} parts; give {len(fields)} different names in its order")
    data = {"width": width, "layers": len(blocks), "heads": heads, "timesteps": timesteps, "normalise": "none"}
    try:
        denoiser = msgspec.convert(data, DenoiserSettings)
    except msgspec.ValidationError as error:
        raise InputError(f"a denoiser of this size is not known here ({error})") from error
    sampler = SamplerSettings(sampler="ddim", steps=timesteps)  # as published
    odd = {name: field.hidden for name, field in zip(names, fields, strict=False) if field.hidden != fields[0].hidden}
    field = msgspec.structs.replace(fields[0], part_hidden=odd)
    settings: WeightSettings = (
        SemanticSettings(parts=names, field=field, denoiser=denoiser, sampler=sampler)
        if names
        else HyperdiffusionSettings(field=field, denoiser=denoiser, sampler=sampler)
    )
    return settings, field_layout(field, names), names


def _fields(sizes: Sequence[int]) -> list[FieldSettings]:
    """The networks that tokens of these sizes are: weight, bias, weight, bias ...; each ends with its one output."""
    odd = f"its tokens ({', '.join(map(str, sizes[:8]))} ...) are not the layers of networks, one token per tensor"
    found: list[FieldSettings] = []
    widths: list[int] = []
    for weight, bias in zip(sizes[::2], sizes[1::2], strict=False):
        inputs, over = divmod(weight, bias) if bias else (0, 1)
        if over or (widths and inputs != widths[-1]):
            raise InputError(odd)
        widths += [bias] if widths else [inputs, bias]
        if bias == 1:
            bands, left = divmod(widths[0] - encoded_size(3, 0), 6)
            if widths[0] % 8 == 4:
                raise InputError(f"it makes fields with time (4D, {widths[0]} inputs), which cannot be decoded yet")
            if left or not 0 <= bands <= 10 or len(widths) < 3:
                raise InputError(odd)
            found.append(FieldSettings(hidden=tuple(widths[1:-1]), bands=bands))
            widths = []
    if widths or len(sizes) % 2 or len({field.bands for field in found}) != 1:
        raise InputError(odd)
    return found


def _check(state: Mapping[str, Tensor], layout: Layout, settings: DenoiserSettings) -> None:
    """Compare with an empty denoiser of ours. Raises InputError that names the first tensor that does not fit."""
    with torch.device("meta"):
        own = Denoiser(layout, settings).state_dict()
    for name, tensor in own.items():
        found = state.get(name)
        if found is None or found.shape != tensor.shape:
            has = "missing" if found is None else f"of shape {tuple(found.shape)}"
            raise InputError(f"{name} should be {tuple(tensor.shape)} and is {has}; another kind of denoiser")
    odd = sorted(set(state) - set(own))
    if odd:
        raise InputError(f"it has {odd[0]} and {len(odd) - 1} more, which a denoiser of its size has not")
