"""Published field networks, one file per shape: HyperDiffusion's single networks and SemanticHyperDiffusion's experts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import torch
from torch import Tensor

from engine.errors import InputError
from engine.fields.weights import field_layout, flatten, unflatten
from engine.foreign.form import Form, extras_of, form_of
from engine.foreign.load import Opened, open_foreign, refused
from engine.foreign.save import write_foreign
from engine.foreign.wiring import fold, layer, unfold
from engine.layout import Layout
from engine.settings import FieldSettings

_LAYER = re.compile(
    r"(?P<prefix>(?:\w+\.)*?)(?:parts\.(?P<part>[^.]+)\.)?layers\.(?P<layer>\d+)\.(?P<kind>weight|bias)"
)
_HEAD = re.compile(r"(?P<prefix>(?:\w+\.)*?)occ_head\.(?P<kind>weight|bias)")
_KEPT = re.compile(r"(?:\w+\.)*?class_heads\.\d+\.(?:weight|bias)")
DENOISER_KEY = ".input_parameter_projections."
_FIRST = ("layers.0.weight", "layers.0.bias")
Head = Literal["published", "chain"]
Widths = list[int]


@dataclass(frozen=True)
class Network:
    """One shape's field as it came from another program.

    row : (D,) float32 in the order of ``field_layout(settings, vocabulary)``
    vocabulary : names of the experts in the file's order; () for one network
    form, extra : what is needed to write the same file again; ``extra`` by key
    notes : what a person should know of it
    """

    row: Tensor
    settings: FieldSettings
    vocabulary: tuple[str, ...]
    form: Form
    extra: dict[str, Tensor]
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """How the row is cut."""
        return field_layout(self.settings, self.vocabulary)


def read_network(path: Path, head: Head = "published") -> Network:
    """The field network in a file. ReLU between layers, inside where the logit is above 0, as published.

    head : how a file with ``occ_head`` is wired: as its program does (see wiring), or as a plain chain of layers
    Raises InputError that says what the file holds when it is none, or one that cannot be decoded here.
    """
    opened = open_foreign(path)
    try:
        return _network(opened, head)
    except InputError as error:
        raise refused(path, error) from error


def write_network(path: Path, row: Tensor, form: Form, extra: Mapping[str, Tensor], layout: Layout) -> None:
    """Write a row (D,) as the file that ``form`` describes. With the row as it was read: the same state dict, bit for bit.

    Raises InputError when row and form do not fit each other.
    """
    if row.shape != (layout.size,):
        raise InputError(f"the network has {row.numel()} numbers, its layout {layout.size}")
    named = {slot: tensor[0] for slot, tensor in unflatten(row[None], layout).items()}
    kept = dict(extra)
    if form.folded:
        first, last = (layer(extra, name) for name in form.folded)
        both = unfold((named[_FIRST[0]], named[_FIRST[1]]), first, last)
        for name, (weight, bias) in zip(form.folded, both, strict=True):
            kept |= {f"{name}.weight": weight, f"{name}.bias": bias}
    write_foreign(path, named, kept, form)


def _network(opened: Opened, head: Head) -> Network:
    slots, folded = _slots(opened, head)
    extra = extras_of(opened, slots)
    unknown = [key for key in extra if not (_KEPT.fullmatch(key) or (folded and _LAYER.fullmatch(key)))]
    if not slots or unknown:
        raise InputError(_what_else(opened, unknown))
    named = {slot: opened.tensors[key] for key, slot in slots.items()}
    if folded:
        first, last = (layer(opened.tensors, name) for name in folded)
        named |= dict(zip(_FIRST, fold(first, last), strict=True))
    settings, vocabulary = _architecture(named)
    layout = field_layout(settings, vocabulary)
    odd = sorted(set(named) ^ {slot.name for slot in layout.slots})
    if odd:
        raise InputError(f"the network has layers too many or too few ({', '.join(odd[:3])})")
    row = flatten({slot: tensor[None].float() for slot, tensor in named.items()}, layout)[0]
    if not bool(torch.isfinite(row).all()):
        raise InputError("the network has weights that are not finite numbers; its fit diverged, leave it out")
    return Network(
        row, settings, vocabulary, form_of(opened, slots, folded), extra, _notes(opened, named, folded, extra)
    )


def _slots(opened: Opened, head: Head) -> tuple[dict[str, str], tuple[str, ...]]:
    """key -> our slot name of the keys that are layers, and the names of two layers that are to be folded into one.

    The last layer may be called ``occ_head``.
    """
    found = {key: match for key in opened.tensors if (match := _LAYER.fullmatch(key))}
    heads = {key: match for key in opened.tensors if (match := _HEAD.fullmatch(key))}
    prefixes = {match["prefix"] for match in (found | heads).values()}
    if len(prefixes) > 1 or not found:
        return {}, ()
    slots = {}
    for key, match in found.items():
        part = f"parts.{match['part']}." if match["part"] else ""
        slots[key] = f"{part}layers.{int(match['layer'])}.{match['kind']}"
    if not heads or any(match["part"] for match in found.values()):
        return slots, ()
    last = max(int(match["layer"]) for match in found.values())
    if last and head == "published":
        start = f"{prefixes.pop()}layers."
        return {key: f"layers.1.{match['kind']}" for key, match in heads.items()}, (f"{start}0", f"{start}{last}")
    return slots | {key: f"layers.{last + 1}.{match['kind']}" for key, match in heads.items()}, ()


def _architecture(named: Mapping[str, Tensor]) -> tuple[FieldSettings, tuple[str, ...]]:
    """Settings and part names from tensors by slot name. Raises InputError where the sizes make no network of ours."""
    experts: dict[str, dict[int, tuple[int, ...]]] = {}  # part name -> layer -> shape of its weight
    for slot, tensor in named.items():
        match = _LAYER.fullmatch(slot)
        if match and match["kind"] == "weight":
            experts.setdefault(match["part"] or "", {})[int(match["layer"])] = tuple(tensor.shape)
    if "" in experts and len(experts) > 1:
        raise InputError("it has layers of its own beside those of its parts; such a field is not known here")
    if not experts:
        raise InputError("the network has biases but no weights")
    widths = {part: _widths(part, shapes) for part, shapes in experts.items()}
    bands = {part: _bands(sizes[0]) for part, sizes in widths.items()}
    if len(set(bands.values())) > 1:
        raise InputError("its parts take inputs of different sizes; such a field is not known here")
    first, *rest = (tuple(sizes[1:-1]) for sizes in widths.values())
    names = tuple(part for part in widths if part)
    odd = {part: hidden for part, hidden in zip(names[1:], rest, strict=False) if hidden != first}
    data = {"hidden": first, "bands": next(iter(bands.values())), "part_hidden": odd}
    try:
        return msgspec.convert(data, FieldSettings), names
    except msgspec.ValidationError as error:
        raise InputError(f"a network of this size is not known here ({error})") from error


def _widths(part: str, shapes: Mapping[int, tuple[int, ...]]) -> Widths:
    """Inputs, hidden widths and outputs of one network. Raises InputError where one layer does not fit the next."""
    where = f"part {part}" if part else "the network"
    if sorted(shapes) != list(range(len(shapes))) or any(len(shape) != 2 for shape in shapes.values()):
        raise InputError(f"{where} lacks a layer (it has {', '.join(map(str, sorted(shapes)))})")
    chain = [shapes[i] for i in range(len(shapes))]  # (out, in) each
    for i, (before, after) in enumerate(zip(chain, chain[1:], strict=False)):
        if before[0] != after[1]:
            raise InputError(f"{where} has {before[0]} outputs in layer {i} but {after[1]} inputs in the next")
    if chain[-1][0] != 1:
        raise InputError(f"{where} has {chain[-1][0]} outputs; an occupancy field has one")
    return [chain[0][1], *(shape[0] for shape in chain)]


def _bands(inputs: int) -> int:
    """Octaves of the encoding from the number of inputs, 3 + 6 L. Raises InputError for others."""
    bands, over = divmod(inputs - 3, 6)
    if inputs >= 4 and inputs % 8 == 4:  # 4 + 8 L: no number is both
        raise InputError(f"a field with time (4D, {inputs} inputs); animated shapes cannot be decoded yet")
    if over or bands < 0:
        raise InputError(f"the network takes {inputs} inputs, not 3 + 6 per octave as a solid's field does")
    return bands


def _notes(
    opened: Opened, named: Mapping[str, Tensor], folded: tuple[str, ...], extra: Mapping[str, Tensor]
) -> tuple[str, ...]:
    notes = []
    heads = len({key.rsplit(".", 1)[0] for key in extra if _KEPT.fullmatch(key)})
    if folded:
        notes.append(f"occ_head on {folded[1]} on {folded[0]}, as its program computes it")
    if heads:
        notes.append(f"{heads} class heads are kept for writing back only")
    if any(bool((tensor.float().to(tensor.dtype) != tensor).any()) for tensor in named.values()):
        notes.append("its weights are rounded to float32")
    if opened.left:
        notes.append(f"left out of the file: {', '.join(opened.left[:6])}")
    return tuple(notes)


def _what_else(opened: Opened, unknown: list[str]) -> str:
    """What a file is that is no field network."""
    if any(DENOISER_KEY in key for key in opened.tensors):
        return "this is a denoiser of HyperDiffusion, not the network of one shape; import it as a model"
    groups = dict.fromkeys(".".join(key.split(".")[:2]) for key in unknown or opened.tensors)
    names = ", ".join(list(groups)[:4])[:160] + (" ..." if len(groups) > 4 else "")
    return f"this is no HyperDiffusion network (layers.*, occ_head, parts.*); it holds {len(opened.tensors)} tensors: {names}"
