"""Mixing: a row made of parts of several rows, bit for bit, with a record of where each part came from."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.card import Copy
from engine.errors import InputError
from engine.layout import Layout
from engine.method import Part, Shapes
from engine.parts.pose import unmoved
from engine.parts.spans import mask_of, numbers_of, part_hashes


@dataclass(frozen=True)
class Parent:
    """A shape that parts are taken from: fitted, generated, imported or mixed.

    name : what a person calls it, such as ``train-0001/0003``
    layout : how its row is cut
    shape : one row, with ``present`` (1, K); its ``model_id`` names what gives rows their meaning (experts that are shared
        by all shapes, for example), "" where the row says everything itself, as weights do
    """

    name: str
    layout: Layout
    shape: Shapes


@dataclass(frozen=True)
class Mix:
    """A shape made of parts of others.

    shape : one row
    parents : part -> name of the shape that it is from; parts that are absent are left out
    hashes : part -> hash of the bytes of its numbers, for the same parts
    """

    shape: Shapes
    parents: Mapping[str, str]
    hashes: Mapping[str, str]


def mix(base: Parent, donors: Mapping[str, Parent], parts: Sequence[Part]) -> Mix:
    """``base`` with the parts in ``donors`` (part name -> its donor) replaced: numbers, presence, pose and copies.

    A part that its donor lacks is absent in the mix. Everything else stays the base's, bit for bit. Raises InputError for
    an unknown part and for donors whose rows do not fit the base's.
    """
    if not parts:
        raise InputError(f"{base.name} has no named parts to exchange; mix shapes of a model with parts")
    numbers_of(donors, parts)
    for name, donor in donors.items():
        _check(base, donor, name)
    latent, present, pose = base.shape.latent.clone(), _present(base, parts), _pose(base, parts)
    parents = [base.name] * len(parts)
    copies = [copy for copy in _copies(base) if copy.part not in donors]
    for name, donor in donors.items():
        mask = mask_of([name], parts, latent.shape[1]).to(latent.device)
        (k,) = numbers_of([name], parts)
        latent[:, mask] = donor.shape.latent.to(latent)[:, mask]
        present[:, k] = _present(donor, parts)[:, k]
        pose[:, k] = _pose(donor, parts)[:, k]
        parents[k] = donor.name
        copies += [copy for copy in _copies(donor) if copy.part == name]
    twice = [name for name, number in Counter(copy.name for copy in copies).items() if number > 1]
    if twice:
        raise InputError(f"two of the shapes have a copy named {', '.join(twice)}; remove it from one of them first")
    moved = bool((pose != unmoved(1, len(parts))).any())
    kept = (tuple(copies),) if copies else ()
    shape = replace(base.shape, latent=latent, present=present, pose=pose if moved else None, copies=kept)
    return _described(shape, {part.name: parent for part, parent in zip(parts, parents, strict=True)}, parts)


def remove(mixed: Mix, names: Collection[str], parts: Sequence[Part], absent: Tensor) -> Mix:
    """The mix without the named parts. ``absent`` (D,) is the row in which every part is absent: its numbers take their
    place, so that a denoiser sees what it learned as absence. Their copies go too. Raises InputError for unknown parts."""
    chosen = numbers_of(names, parts)
    latent, present = mixed.shape.latent.clone(), torch.ones(1, len(parts), dtype=torch.bool)
    if mixed.shape.present is not None:
        present = mixed.shape.present.clone()
    mask = mask_of(names, parts, latent.shape[1]).to(latent.device)
    latent[:, mask] = absent.to(latent)[mask]
    present[:, chosen] = False
    left = tuple(copy for copy in (mixed.shape.copies or ((),))[0] if copy.part not in names)
    shape = replace(mixed.shape, latent=latent, present=present, copies=(left,) if left else ())
    return _described(shape, mixed.parents, parts)


def _described(shape: Shapes, parents: Mapping[str, str], parts: Sequence[Part]) -> Mix:
    assert shape.present is not None
    there = [part for part, flag in zip(parts, shape.present[0], strict=True) if flag]
    return Mix(shape, {part.name: parents[part.name] for part in there}, part_hashes(shape.latent[0], there))


def _check(base: Parent, donor: Parent, part: str) -> None:
    if donor.shape.latent.shape[0] != 1 or base.shape.latent.shape[0] != 1:
        raise InputError("a mix is made of single shapes; give one row per parent")
    if donor.layout != base.layout:
        raise InputError(
            f"the {part} of {donor.name} does not fit {base.name}: their networks are built differently "
            f"({_sizes(donor.layout)}; {_sizes(base.layout)}); take shapes of one model, or fit both with the same settings"
        )
    if donor.shape.model_id != base.shape.model_id:
        raise InputError(
            f"the {part} of {donor.name} means something else in {base.name}: they belong to different models; "
            "encode the item with the other model first"
        )


def _sizes(layout: Layout) -> str:
    names = dict.fromkeys(slot.part for slot in layout.slots if slot.part)
    return f"{', '.join(names) or 'no parts'}, {layout.size} numbers"


def _present(parent: Parent, parts: Sequence[Part]) -> Tensor:
    present = parent.shape.present
    return torch.ones(1, len(parts), dtype=torch.bool) if present is None else present.cpu().clone()


def _copies(parent: Parent) -> tuple[Copy, ...]:
    """The places where parts that the parent has stand a second time."""
    return parent.shape.copies[0] if parent.shape.copies else ()


def _pose(parent: Parent, parts: Sequence[Part]) -> Tensor:
    pose = parent.shape.pose
    return unmoved(1, len(parts)) if pose is None else pose.cpu().clone()
