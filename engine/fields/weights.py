"""How the weights of a field network, or of one expert per part, lie in a latent row."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from engine.errors import InputError
from engine.fields.encoding import encoded_size
from engine.layout import Layout, Slot
from engine.settings import FieldSettings

OMEGA = 30.0  # frequency of sine layers (Sitzmann et al. 2020)


class Bank(NamedTuple):
    """Neighbouring experts of equal widths, which are evaluated as one batch."""

    experts: slice  # which of the K experts
    span: slice  # where they lie in a row
    number: int  # G, how many
    shapes: tuple[tuple[int, int], ...]  # (out, in) of each layer


def field_layout(settings: FieldSettings, parts: tuple[str, ...] = (), dimensions: int = 3) -> Layout:
    """Slots in the order of the published state_dict: ``layers.<i>.weight`` (out, in), then ``layers.<i>.bias``.

    With parts there is one network per part, ``parts.<name>.layers.<i>...``, in the order of ``parts``. Widths come from
    ``settings.part_hidden``, else from ``settings.hidden``. ``dimensions`` is 4 for fields with time.
    Raises InputError when ``part_hidden`` names a part that does not exist.
    """
    unknown = set(settings.part_hidden) - set(parts)
    if unknown:
        raise InputError(f"part_hidden names {', '.join(sorted(unknown))}; the parts are {', '.join(parts) or 'none'}")
    slots: list[Slot] = []
    for part in parts or ("",):
        prefix = f"parts.{part}." if part else ""
        widths = (encoded_size(dimensions, settings.bands), *settings.part_hidden.get(part, settings.hidden), 1)
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            slots.append(Slot(f"{prefix}layers.{i}.weight", (outputs, inputs), part))
            slots.append(Slot(f"{prefix}layers.{i}.bias", (outputs,), part))
    return Layout(tuple(slots))


def layout_parts(layout: Layout) -> tuple[str, ...]:
    """Names of the experts in order; () when one network holds the whole shape."""
    return tuple(dict.fromkeys(slot.part for slot in layout.slots if slot.part))


def unflatten(weights: Tensor, layout: Layout) -> dict[str, Tensor]:
    """Views of rows (N, D) by slot name, each (N, *slot.shape)."""
    return {
        slot.name: weights[:, span].unflatten(1, slot.shape)
        for slot, span in zip(layout.slots, layout.spans, strict=True)
    }


def flatten(tensors: Mapping[str, Tensor], layout: Layout) -> Tensor:
    """Rows (N, D) from tensors (N, *slot.shape) by name. Raises InputError for a missing tensor or a wrong shape."""
    rows = []
    for slot in layout.slots:
        tensor = tensors.get(slot.name)
        if tensor is None or tuple(tensor.shape[1:]) != slot.shape:
            found = "is missing" if tensor is None else f"is {tuple(tensor.shape[1:])}"
            raise InputError(f"tensor {slot.name} {found}, the network needs {slot.shape}; is it another architecture?")
        rows.append(tensor.flatten(1))
    return torch.cat(rows, 1)  # (N, *shape) each -> (N, D)


@lru_cache
def banks(layout: Layout) -> tuple[Bank, ...]:
    """The experts of a layout grouped into batches; one bank when all widths are equal."""
    found: list[Bank] = []
    start = 0
    for k, part in enumerate(layout_parts(layout) or ("",)):
        slots = [slot for slot in layout.slots if slot.part == part]
        shapes = tuple((slot.shape[0], slot.shape[1]) for slot in slots if len(slot.shape) == 2)
        stop = start + sum(slot.size for slot in slots)
        if found and found[-1].shapes == shapes:
            last = found.pop()
            found.append(Bank(slice(last.experts.start, k + 1), slice(last.span.start, stop), last.number + 1, shapes))
        else:
            found.append(Bank(slice(k, k + 1), slice(start, stop), 1, shapes))
        start = stop
    return tuple(found)


def layer_views(rows: Tensor, shapes: tuple[tuple[int, int], ...]) -> list[tuple[Tensor, Tensor]]:
    """(weight (M, out, in), bias (M, out)) of each layer, as views of M networks' rows (M, d)."""
    views = []
    start = 0
    for outputs, inputs in shapes:
        middle, stop = start + outputs * inputs, start + outputs * inputs + outputs
        views.append((rows[:, start:middle].unflatten(1, (outputs, inputs)), rows[:, middle:stop]))
        start = stop
    return views


def initial_weights(layout: Layout, settings: FieldSettings, generator: torch.Generator) -> Tensor:
    """One random row (D,) float32 on the CPU.

    ReLU: the usual uniform init of linear layers, +-1/sqrt(in) for weights and biases. Sine: Sitzmann et al. 2020,
    section 3.2: first layer +-1/in, later layers +-sqrt(6/in)/omega.
    """
    rows = []
    for slot in layout.slots:
        if len(slot.shape) == 2:
            inputs = slot.shape[1]
        bound = inputs**-0.5
        if settings.activation == "sine" and len(slot.shape) == 2:
            bound = 1 / inputs if slot.name.endswith("layers.0.weight") else (6 / inputs) ** 0.5 / OMEGA
        rows.append((torch.rand(slot.size, generator=generator) * 2 - 1) * bound)
    return torch.cat(rows)  # (D,)
