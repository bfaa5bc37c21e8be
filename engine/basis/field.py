"""A decoded shape of the basis: its experts, folded once, each in the frame of its part."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.basis.experts import Experts, Layers, in_reach, inputs_of
from engine.basis.frames import to_local
from engine.errors import InputError
from engine.fields.mlp import EMPTY
from engine.method import Field
from engine.parts.pose import PosedField

STEEPNESS = 200.0  # logits per cube unit of distance
STEP = 5e-4  # cube units, of differences
LEAST_SLOPE = 0.02  # of logits, in those of exact distances
PIECE = 8192  # points at a time on a CPU: few calls, whose numbers still fit its cache


class BasisField:
    """One shape as a function of points: ``field(points (P, 3)) -> (P,)`` logits, ``field.part(name)`` one part alone.

    Logits are about ``STEEPNESS`` times a lower bound of the distance to the surface, in all parts alike: an expert's
    own, in the frame of its part, times the least half side of it; beyond its reach the distance to the part's box.
    """

    def __init__(
        self,
        experts: Experts,
        codes: Tensor,
        frames: Tensor,
        mirrored: Tensor,
        names: Sequence[str],
        present: Sequence[bool] | Tensor,
    ) -> None:
        """codes : (K, C); frames : (K, 8); mirrored, present : (K,) bool; names : of all K parts."""
        there = [k for k, flag in enumerate(present) if bool(flag)]
        self.parts = tuple(names[k] for k in there)
        self._bands, self._device = experts.settings.bands, codes.device
        with torch.no_grad():
            layers = experts.fold(codes[:, None])
        self._layers = [[(weight[k].T.contiguous(), bias[k].contiguous()) for weight, bias in layers] for k in there]
        self._frames, self._mirrored = frames[there], mirrored[there]
        self._scales = (STEEPNESS * experts.half_band * smallest(self._frames)).tolist()

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (P,) of the whole shape at points (P, 3) float32."""
        return self._evaluate(points, range(len(self.parts)))

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """The field of one present part."""
        chosen = (self.parts.index(name),)
        return lambda points: self._evaluate(points, chosen)

    @torch.no_grad()
    def _evaluate(self, points: Tensor, chosen: Sequence[int]) -> Tensor:
        piece = PIECE if self._device.type == "cpu" else 1 << 20
        logits = torch.full((len(points),), EMPTY, device=self._device)
        for start in range(0, len(points), piece):
            place = points[start : start + piece].to(self._device)
            out = logits[start : start + piece]
            for k in chosen:
                torch.maximum(out, self._expert(place, k), out=out)
        return logits

    def _expert(self, points: Tensor, k: int) -> Tensor:
        """Logits (P,) of one part."""
        local = to_local(points, self._frames[k], self._mirrored[k])
        logits = beside(local, self._frames[k])
        known = in_reach(local).nonzero()[:, 0]
        if len(known):
            logits[known] = self._forward(inputs_of(local[known], self._bands), self._layers[k]).mul_(self._scales[k])
        return logits

    def _forward(self, hidden: Tensor, layers: Layers) -> Tensor:
        for weight, bias in layers[:-1]:
            hidden = torch.addmm(bias, hidden, weight).relu_()
        weight, bias = layers[-1]
        return torch.mv(hidden, weight[:, 0]).add_(bias)


class SmoothUnion:
    """A shape whose parts run into one another where they meet: the polynomial smooth maximum of the largest two.

    max(a, b) + h^2 k / 4 with h = max(k - |a - b|, 0) / k (Quilez, "smooth minimum", quadratic polynomial). It fills the
    joints by up to a quarter of ``width`` and leaves what is farther than that from a second part as it is; distances are
    logits over their slopes. It has no ``parts`` of its own, since what lies in a joint belongs to two.
    """

    parts: tuple[str, ...] = ()

    def __init__(self, field: Field, width: float) -> None:
        """width : cube units, > 0. Raises InputError for fields whose logits are no distances."""
        if not isinstance(field.field if isinstance(field, PosedField) else field, BasisField):
            raise InputError("a smooth union needs the distances that shapes of basis know; leave smooth out")
        self._whole, self._width = field, STEEPNESS * width
        self._fields = [field.part(name) for name in field.parts]

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (P,) of the whole shape at points (P, 3) float32."""
        if len(self._fields) < 2:
            return self._whole(points)
        logits = self._logits(points)
        first, second = logits.topk(2, 0).values
        close = (first - second < self._width).nonzero()[:, 0]  # logits are lower bounds, so no joint is farther
        whole = first.clone()
        if len(close):
            slopes = self._slopes(points[close])
            (nearest, next_), owner = (found := (logits[:, close] / slopes).topk(2, 0)).values, found.indices[0]
            over = (self._width - (nearest - next_)).clamp_min(0)
            whole[close] += slopes.gather(0, owner[None])[0] * over**2 / (4 * self._width)
        return whole

    def _logits(self, points: Tensor) -> Tensor:
        """(K, P) of each part."""
        return torch.stack([part(points) for part in self._fields])

    def _slopes(self, points: Tensor) -> Tensor:
        """(K, P) how fast logits fall, in those of exact distances: thin parts fall slowly, so they seem near from afar.

        Differences at the corners of a tetrahedron (Quilez, "normals for an SDF").
        """
        corners = torch.tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], device=points.device)
        found = torch.stack([self._logits(points + STEP * corner) for corner in corners])  # (4, K, P)
        slopes = torch.einsum("ckp,cx->kpx", found, corners.to(found)).norm(dim=-1) / (4 * STEP)
        return (slopes / STEEPNESS).clamp(LEAST_SLOPE, 1.0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """The field of one part, as it is without the others."""
        return self._whole.part(name)


def smallest(frames: Tensor) -> Tensor:
    """Least half side (...,) of the boxes of frames (..., 8), cube units."""
    return frames[..., 5:].amin(-1).exp()


def beside(local: Tensor, frames: Tensor) -> Tensor:
    """Logits (..., P) where an expert is not asked: falling off from the box of the part, local points (..., P, 3)."""
    return -STEEPNESS * ((local.abs() - 1).clamp_min(0) * frames[..., None, 5:].exp()).norm(dim=-1)


def part_logits(experts: Experts, codes: Tensor, frames: Tensor, mirrored: Tensor, points: Tensor) -> Tensor:
    """What `BasisField` gives for each part, differentiable.

    codes : (N, K, C); frames : (N, K, 8); mirrored : (K,) bool; points : (P, 3) -> (N, K, P)
    """
    local = to_local(points, frames, mirrored.expand(frames.shape[:-1]))  # (N, K, P, 3)
    known = in_reach(local)
    asked = torch.where(known[..., None], local, 0.0).transpose(0, 1).flatten(0, 1)  # (K*N, P, 3)
    found = experts.logits(experts.fold(codes.transpose(0, 1)), asked)
    found = found.unflatten(0, (codes.shape[1], codes.shape[0])).transpose(0, 1)  # (N, K, P)
    scale = STEEPNESS * experts.half_band * smallest(frames)
    return torch.where(known, found * scale[..., None], beside(local, frames))
