"""Writing state dicts in the format of other programs. Only on request: our own files are safetensors."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.foreign.form import Form
from engine.storage import whole


def write_foreign(path: Path, slots: Mapping[str, Tensor], extra: Mapping[str, Tensor], form: Form) -> None:
    """Write the tensors of ``form`` as a torch file: same names, order, shapes, types and wrapping as they came in.

    slots : tensors by our slot names; extra : by key, those that have no slot. Atomic; nothing is held twice.
    """
    named: Any = form.restored(slots, extra)
    if form.ordered:
        named = OrderedDict(named)
        if form.metadata is not None:
            named._metadata = OrderedDict(form.metadata)
    data: dict[str, Any] = named
    for depth, key in enumerate(reversed(form.nest)):
        outermost = depth == len(form.nest) - 1
        data = {**(form.beside if outermost else {}), key: data}
    with whole(path) as file:
        torch.save(data, file)  # noqa: TID251 the format of other programs, written only on request
