"""What a foreign file looked like, so that it can be written again: names, order, types and what we have no use for."""

from collections.abc import Mapping

import msgspec
import torch
from torch import Tensor

from engine.errors import InputError
from engine.foreign.load import Opened, Plain
from engine.layout import Layout


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of the file. ``slot`` is our name for it, "" for one that is only kept to be written back."""

    key: str
    slot: str
    dtype: str
    shape: tuple[int, ...]


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file around the numbers; see ``load.Opened``. ``folded``: names of two layers that we hold as one, see wiring."""

    entries: tuple[Entry, ...]
    nest: tuple[str, ...] = ()
    ordered: bool = True
    metadata: dict[str, dict[str, int]] | None = None
    beside: dict[str, Plain] = {}
    folded: tuple[str, ...] = ()

    def restored(self, slots: Mapping[str, Tensor], extra: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The file's dictionary, in its order and types, from tensors by slot, and by key where there is no slot.

        Raises InputError for a tensor that is missing or of another shape.
        """
        found = {}
        for entry in self.entries:
            tensor = slots.get(entry.slot) if entry.slot else extra.get(entry.key)
            if tensor is None or tuple(tensor.shape) != entry.shape:
                has = "missing" if tensor is None else f"{tuple(tensor.shape)}"
                raise InputError(f"cannot write {entry.key}: it should be {entry.shape} and is {has}")
            plain = tensor.detach().to("cpu", getattr(torch, entry.dtype)).contiguous()
            whole = plain.untyped_storage().nbytes() == plain.nbytes  # a view of more would be written with all of it
            found[entry.key] = plain if whole else plain.clone()
        return found


def form_of(opened: Opened, slots: Mapping[str, str], folded: tuple[str, ...] = ()) -> Form:
    """The form of an opened file. slots : key -> our name, for the keys that we have a name for."""
    entries = tuple(
        Entry(key, slots.get(key, ""), str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for key, tensor in opened.tensors.items()
    )
    return Form(entries, opened.nest, opened.ordered, opened.metadata, opened.beside, folded)


def extras_of(opened: Opened, slots: Mapping[str, str]) -> dict[str, Tensor]:
    """Copies of the tensors that have no slot, by key: they are kept to be written back and change nothing of ours."""
    return {key: tensor.clone() for key, tensor in opened.tensors.items() if key not in slots}


def form_of_layout(layout: Layout) -> Form:
    """The published form of a latent: our slots have the published names, in the published order."""
    return Form(tuple(Entry(slot.name, slot.name, "float32", slot.shape) for slot in layout.slots))
