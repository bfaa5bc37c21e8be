"""The nouns that every method fills in, and nothing else. The verbs are in pipeline.py, which never asks for a name.

::

    items -> Representation.fit, .encode -> LatentSet -> optimise(Method.trainee, Method.loss)
                                                            |
    meshes, metrics <- Representation.decode <- Shapes <- Method.sample

How the six methods walk through it:

hyperdiffusion
    ``fit`` overfits the anchor network that every shape starts from; ``encode`` overfits one MLP per item and is a pure
    function of (item, settings, anchor), so it can be cut into pieces, repeated and farmed out. Latent: the weights, one
    slot per tensor. ``decode`` gives Fields. An animated item is a Field that takes (x, y, z, t): four inputs, same slots.
semantic
    The same with one expert per part: slots carry the part's name, ``present`` says which parts an item has, an absent
    part is stored as a fixed always-empty expert. ``part_logits`` are the experts' outputs.
basis
    ``fit`` is the long training: experts shared by all items and their codes together (an auto-decoder, through
    ``optimise``). ``encode`` returns the codes of those items, or optimises codes of new items with the experts frozen
    (``requires_grad_(False)``). Latent: three slots per part, ``there`` (1 or -1), ``frame`` (where the part lies, how
    large and how skewed it is) and ``code``. An absent part has ``there`` -1 with the mean frame and the mean code of the
    part, so rows say themselves which parts they have. Several categories share one vocabulary of parts.
tiny3d
    ``fit`` is empty; ``encode`` reads clouds into a pool on disk, and its LatentSet draws other points of the pool each
    time it is asked (``batch`` gets the generator). Latent: one slot of (points, 3). ``extras`` carries caption token ids;
    ``trainee`` holds denoiser and text encoder, which learn together. ``decode`` gives PointClouds.
ddmi
    Two long trainings: ``fit`` trains the VAE (which the representation owns), ``encode`` runs its encoder once, the
    denoiser is trained on planes: one slot per named plane. ``decode`` gives Images, Clips, Fields or RadianceFields.
holodiffusion
    ``fit`` is empty and ``encode`` only lists the posed photos: ``batch`` picks other views each time and hands them on in
    ``extras``; ``target`` is empty (B, 0). View pooling and denoiser are in ``trainee``; the renderer, which decodes, belongs
    to the representation, and ``learns_with_denoiser`` has both trained together by a ``loss`` that compares rendered
    images. ``sample`` draws voxel grids, ``decode`` gives RadianceFields.

What differs from the sketch in the design: no torch.Generator is handed down from run to step. Every random stream is
seeded by what it is for (``storage.seed_of(seed, item, step)``), so a resumed run needs no saved generator state and the
order of the work does not matter. Only ``LatentSet.batch`` and ``Method.loss`` get a generator: the step's own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from engine.card import Copy
from engine.layout import Layout
from engine.project import Project
from engine.protocol import Stage
from engine.rows import ItemRow

Colour = tuple[float, float, float]
Look = Callable[[range, float, Tensor], Stage[None]]  # which samples, share of the steps done, what they seem to become


@dataclass(frozen=True)
class Part:
    """One named part of a model's vocabulary. ``spans`` are its slices of a latent row; colour is linear RGB in 0..1."""

    name: str
    colour: Colour
    spans: tuple[slice, ...]


@dataclass(frozen=True)
class Data:
    """Items of a project, in a fixed order; methods make from them what they need (labelled points, clouds, views)."""

    project: Project
    items: tuple[ItemRow, ...]


@dataclass(frozen=True)
class Workspace:
    """Where a run keeps what must survive a restart, and what it computes on."""

    folder: Path
    device: torch.device


@dataclass(frozen=True)
class Batch:
    """What one training step sees.

    target : (B, D) float32 latent rows; (B, 0) where everything is in extras
    condition : name -> (B,) int64 class ids
    present : (B, K) bool, which parts each item has; None without parts
    extras : views, cameras, token ids: whatever the method's own loss reads
    """

    target: Tensor
    condition: Mapping[str, Tensor] = field(default_factory=dict)
    present: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        condition = {name: value.to(device) for name, value in self.condition.items()}
        extras = {name: value.to(device) for name, value in self.extras.items()}
        present = None if self.present is None else self.present.to(device)
        return Batch(self.target.to(device), condition, present, extras)


@dataclass(frozen=True)
class Encoded:
    """What is known of one item after ``encode``: its place among the latents and how good it is."""

    item: str
    iou: float | None
    cpu_s: float
    verdict: str
    reason: str
    present: tuple[str, ...] = ()
    part_iou: Mapping[str, float] = field(default_factory=dict)


class LatentSet(Protocol):
    """What training draws from: fixed rows, memory-mapped, or rows made anew at each draw."""

    @property
    def layout(self) -> Layout:
        """How a row is cut into slots."""

    @property
    def records(self) -> Sequence[Encoded]:
        """What is known of each row."""

    @property
    def categories(self) -> Sequence[str]:
        """Names of the classes of the condition "category"; empty when there is only one."""

    def __len__(self) -> int:
        """How many rows there are."""

    def batch(self, index: Tensor, generator: torch.Generator) -> Batch:
        """Rows ``index`` (B,) int64."""


@runtime_checkable
class Practising(Protocol):
    """A LatentSet that can draw what is rare more often."""

    def practised(self, names: Sequence[str], rows: Sequence[int]) -> LatentSet:
        """A set whose draws are often about the named attributes of ``rows``. Raises InputError for those that they do not
        differ in."""


@dataclass(frozen=True)
class Shapes:
    """Latents on their way to a decoder: what sampling gives, what mixing changes, what cards describe.

    latent : (N, D) float32, in the representation's own units (not normalised)
    present : (N, K) bool
    pose : (N, K, 3, 4) float32, an affine motion of each part; None = where they were learned
    condition : what they were asked to be
    model_id : what gives their numbers a meaning, `Representation.meaning`
    copies : of each row, the places where parts stand a second time; () = none of any row
    """

    latent: Tensor
    present: Tensor | None = None
    pose: Tensor | None = None
    condition: Mapping[str, Tensor] = field(default_factory=dict)
    model_id: str = ""
    copies: tuple[tuple[Copy, ...], ...] = ()

    def row(self, index: int) -> "Shapes":
        """One of them, still with its first axis (N = 1)."""
        return self.rows(slice(index, index + 1))

    def rows(self, some: slice) -> "Shapes":
        """Some of them."""
        return Shapes(
            self.latent[some],
            None if self.present is None else self.present[some],
            None if self.pose is None else self.pose[some],
            {name: ids[some] for name, ids in self.condition.items()},
            self.model_id,
            self.copies[some],
        )

    def to(self, device: torch.device) -> "Shapes":
        """The same on a device; presence and poses, which are few numbers, stay on the CPU."""
        return replace(self, latent=self.latent.to(device))


class Field(Protocol):
    """A decoded solid: logits anywhere in the cube, surface at 0."""

    parts: tuple[str, ...]

    def __call__(self, points: Tensor) -> Tensor:
        """(P, 3) float32 canonical points (4 columns with time) -> (P,) logits of the whole."""

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """The same for one part alone."""


Decoded = Any  # Field here; a method that decodes to something else registers how it is exported, see write.py


class Representation(nn.Module):
    """Turns items into latents and latents into shapes; owns what it learns for that, which is saved with the model."""

    parts: tuple[Part, ...] = ()
    learns_with_denoiser: bool = False  # True: trained by Method.loss too, not frozen after ``fit``
    ordered: bool = True  # False: places in a row mean nothing, as points of a cloud have no order

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        """Learn what all items share, resumably, in ``work.folder``. Nothing to learn is a good answer."""
        raise NotImplementedError

    def encode(self, data: Data, work: Workspace) -> Stage[LatentSet]:
        """Latents of items, also of new ones, with what ``fit`` learned frozen. Called again it returns at once."""
        raise NotImplementedError

    def decode(self, shapes: Shapes) -> Sequence[Decoded]:
        """One decoded thing per row. ``shapes.present``, ``pose`` and ``copies`` are honoured where there are parts."""
        raise NotImplementedError

    def present(self, latent: Tensor) -> Tensor:
        """(N, D) -> (N, K) bool, which parts the rows say they have; only where there are parts."""
        raise NotImplementedError

    def absent(self) -> Tensor:
        """(D,) the row in which every part is absent: what stands for a part that is not there, as the denoiser learned it;
        only where there are parts."""
        raise NotImplementedError

    def meaning(self) -> str:
        """What gives latents their meaning beside the layout: parts of two shapes can be mixed where it is equal.

        By default a hash of everything learned. Where a row says everything itself, as weights do, it is the same for all.
        """
        total = sha256()
        for name, tensor in sorted(self.state_dict().items()):
            total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}\n".encode())
            total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return total.hexdigest()[:16]

    def part_logits(self, shapes: Shapes, points: Tensor) -> Tensor:
        """(P, 3) points -> (N, K, P) logits per part, differentiable in ``shapes``; only where there are parts."""
        raise NotImplementedError


class Method(Protocol):
    """One published system, or ours: what it represents, what it trains and by which loss."""

    def representation(self, settings: Any, vocabulary: tuple[str, ...]) -> Representation:
        """An untrained representation for a vocabulary of part names; sizes follow from settings alone."""

    def trainee(self, settings: Any, layout: Layout, conditions: Mapping[str, int]) -> nn.Module:
        """The denoiser and what learns with it; ``conditions`` are the slots and their numbers of classes."""

    def prepare(self, trainee: nn.Module, latents: LatentSet) -> None:
        """Look at the latents once before training (statistics for normalisation)."""

    def loss(
        self,
        trainee: nn.Module,
        representation: Representation,
        settings: Any,
        batch: Batch,
        generator: torch.Generator,
    ) -> Tensor:
        """Scalar training loss of one batch; ``settings`` are the training run's."""

    def sample(
        self,
        trainee: nn.Module,
        representation: Representation,
        count: int,
        settings: Any,
        seed: int,
        condition: Mapping[str, int],
        look: Look | None = None,
    ) -> Stage[Shapes]:
        """New shapes; shape i depends on (model, seed, i) alone. ``look`` sees them form, see `Look`."""
