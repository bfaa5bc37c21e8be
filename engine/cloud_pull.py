"""The surface of a shape of a `basis` model is pulled to a rough point cloud, no further than training shapes differ."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.basis.frames import NUMBERS
from engine.basis.newton import Problem
from engine.basis.points import LocalPoints
from engine.basis.representation import BasisRepresentation
from engine.cloud_distance import FEWEST, MISSED, NOISE, Agreement, Target, agreement
from engine.cloud_surface import Surface, bared, surfaces_of
from engine.protocol import Progress, Stage

POINTS = 320  # of the surface of each part
PRIOR = 1e-2  # weight of the squared distance from the training shape that a search goes out from, in deviations
STIFF = 4.0  # times that, of codes: what a part is counts more than where it stands and how large it is
FLOOR = 0.05  # of the variance of each number, by which it varies on its own
LEAST = 1e-6  # variance
AVERAGED = 3  # points of the cloud that tell together where its surface is
THINNEST = 0.7  # of a side; between points that lie beside it a thin part would vanish
MIDDLE, SIDE = -6, -3  # of a frame along x, among the numbers of a part
SEAM = 2e-3  # cube units from the middle plane, within which a half ends in it
WIDE = 0.1  # scale that a search begins with, so that far points pull too
FARTHEST = 3.0  # deviations, in one step
DAMPING = 1e-2  # at first, of the diagonal
EASIER, HARDER = 1 / 3, 10.0  # after a step that helped, and after one that did not


@dataclass(frozen=True)
class Like:
    """What a shape should stay like: a training shape, in the parts that it has.

    row : (D,) of it; there : (K,) bool; stiff : (M * U, M * U) weight of being away from it, of codes and frames of M parts
    halved : (M,) bool, parts that are learned as one half of themselves and reach the middle plane, where they stay in one
    """

    row: Tensor
    there: Tensor
    stiff: Tensor
    halved: Tensor

    def numbers(self, row: Tensor) -> Tensor:
        """(M, U) codes and frames, float64, of the parts in a row (D,)."""
        own = row.view(len(self.there), -1)[self.there].double()
        return torch.cat([own[:, 1 + NUMBERS :], own[:, 1 : 1 + NUMBERS]], 1)

    def with_numbers(self, numbers: Tensor) -> Tensor:
        """The row (D,) with other codes and frames (M, U), whose sides are no less than THINNEST of what they were; halves
        end in the middle plane."""
        least = self.numbers(self.row)[:, -3:] + math.log(THINNEST)
        numbers = torch.cat([numbers[:, :-3], numbers[:, -3:].maximum(least)], 1)
        numbers[:, MIDDLE] = torch.where(self.halved, numbers[:, SIDE].exp(), numbers[:, MIDDLE])
        row = self.row.clone().view(len(self.there), -1)
        row[self.there, 1:] = torch.cat([numbers[:, -NUMBERS:], numbers[:, :-NUMBERS]], 1).to(row)
        return row.flatten()

    def price(self, row: Tensor) -> float:
        """Of being away."""
        away = (self.numbers(row) - self.numbers(self.row)).flatten()
        return float(away @ self.stiff @ away)


class Together:
    """How parts of training shapes stand together: frames of all parts as one normal distribution to each set of parts."""

    def __init__(self, latent: Tensor, present: Tensor) -> None:
        """latent : (N, D); present : (N, K)"""
        self._frames = latent.view(*present.shape, -1)[..., 1 : 1 + NUMBERS].double()
        self._present = present
        self._known: dict[tuple[bool, ...], tuple[Tensor, Tensor]] = {}

    def distance(self, row: Tensor) -> float:
        """Squared distance of a row (D,) from the mean, in deviations; about 8 to a part in training shapes."""
        numbers = row.view(self._present.shape[1], -1)
        there = numbers[:, 0] > 0
        key = tuple(there.tolist())
        if key not in self._known:
            frames = self._frames[self._present[:, there].all(1)][:, there].flatten(1)
            self._known[key] = frames.mean(0), torch.linalg.inv(_spread(frames))
        mean, stiff = self._known[key]
        away = numbers[there, 1 : 1 + NUMBERS].double().flatten() - mean
        return float(away @ stiff @ away)


def _spread(rows: Tensor) -> Tensor:
    """Covariance (U, U) of rows (N, U), with a floor."""
    spread = torch.cov(rows.T, correction=0)
    return spread + torch.diag(FLOOR * spread.diagonal() + LEAST)


@dataclass(frozen=True)
class Pulled:
    """A row (D,), its surface, how it and the cloud agree, and ``cost``: the misfit with the price of being away."""

    row: Tensor
    surface: Surface
    agreement: Agreement
    cost: float


def like(row: Tensor, latent: Tensor, present: Tensor, mirrored: Tensor) -> Like:
    """How rows (N, D) with parts (N, K) vary together in the parts of one of them (D,). mirrored : (K,) bool"""
    parts = present.shape[1]
    there = row.view(parts, -1)[:, 0] > 0
    frames = row.view(parts, -1)[there, 1 : 1 + NUMBERS]
    halved = mirrored[there] & ((frames[:, 2] - frames[:, 5].exp()).abs() < SEAM)
    one = Like(row, there, torch.zeros(0), halved)
    having = present[:, there].all(1)
    rows = torch.stack([one.numbers(other).flatten() for other in latent[having]])
    each = torch.ones_like(one.numbers(row))
    each[:, :-NUMBERS] = STIFF**0.5
    return Like(
        row, there, PRIOR * torch.linalg.inv(_spread(rows)) * torch.outer(each.flatten(), each.flatten()), halved
    )


def pulled(
    representation: BasisRepresentation, target: Target, model: Like, row: Tensor, steps: int, rough: bool, whole: bool
) -> Stage[Pulled]:
    """The best of some steps of Gauss and Newton from ``row`` (D,), each as in "iterative closest point" (Chen and Medioni
    1992): points of the surface are drawn along their normals to the nearest ones of the cloud, and those pull as well.

    rough : far points pull too at first, see WIDE, and steps are not taken back that do not help; whole : codes move too,
    not frames alone
    """
    now = best = looked_at(representation, target, model, row)
    damping = DAMPING
    for step in range(steps):
        yield Progress(stage="parts", done=step, total=steps)
        scale = max(target.scale, WIDE * (1 - 2 * step / steps) if rough else 0.0)
        numbers = model.numbers(now.row) + _step(representation, target, model, now, scale, whole, damping)
        new = looked_at(representation, target, model, model.with_numbers(numbers))
        if rough or new.cost < now.cost:
            now, damping = new, damping * EASIER
        else:
            damping *= HARDER
        best = min(best, now, key=lambda one: one.cost)
    return best


def looked_at(representation: BasisRepresentation, target: Target, model: Like, row: Tensor) -> Pulled:
    """A row (D,) as it is."""
    numbers = row.view(len(model.there), -1)
    frames, codes = numbers[:, 1 : 1 + NUMBERS], numbers[:, 1 + NUMBERS :]
    (surface,) = surfaces_of(representation, codes[None], frames[None], POINTS)
    surface = bared(representation, codes, frames, model.there, surface)
    found = agreement(target, surface, model.there)
    return Pulled(row, surface, found, found.misfit + model.price(row))


def _step(
    representation: BasisRepresentation,
    target: Target,
    model: Like,
    now: Pulled,
    scale: float,
    whole: bool,
    damping: float,
) -> Tensor:
    """(M, U) what is to be added to the numbers of a row."""
    numbers, ks = model.numbers(now.row), model.there.nonzero()[:, 0].tolist()
    normals, slopes = _moves(representation, now.row, now.surface, model.there)
    curved = 2 * model.stiff
    downhill = -curved @ (numbers - model.numbers(model.row)).flatten()
    size = numbers.shape[1]
    for m, k in enumerate(ks):
        which, away, weight = _pulls(target, now, k, len(ks), scale)
        rows = slopes[m, which]
        along = (away * normals[m, which]).sum(1)
        own = slice(m * size, (m + 1) * size)
        curved[own, own] += 2 * (rows * weight[:, None]).T @ rows
        downhill[own] += 2 * (rows * (weight * along)[:, None]).sum(0)
    tied = _tied(model, numbers)
    moving = torch.ones_like(numbers, dtype=torch.bool)
    moving[:, :-NUMBERS] = whole
    moving[model.halved, MIDDLE] = False
    free = moving.flatten().nonzero()[:, 0]
    curved, downhill = (tied.T @ curved @ tied)[free][:, free], (tied.T @ downhill)[free]
    step = tied[:, free] @ torch.linalg.solve(curved + torch.diag(damping * curved.diagonal()), downhill)
    length = float(step @ model.stiff @ step / PRIOR) ** 0.5
    return (step * min(1.0, FARTHEST / max(length, 1e-9))).view_as(numbers)


def _tied(model: Like, numbers: Tensor) -> Tensor:
    """(M * U, M * U) how numbers (M, U) move with the free ones: the middle of a half with its side, so that it stays one."""
    tied = torch.eye(numbers.numel(), dtype=torch.float64)
    size = numbers.shape[1]
    for m in model.halved.nonzero()[:, 0].tolist():
        tied[(m + 1) * size + MIDDLE, (m + 1) * size + SIDE] = numbers[m, SIDE].exp()
    return tied


def _pulls(target: Target, now: Pulled, k: int, parts: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of points of a part's surface (Q,), the ways that they are pulled (Q, 3), and how strongly (Q,): the slope of
    what `Agreement` measures. Points that lie as near as noise lets them are hardly pulled by those of the cloud that happen
    to be near, which would make thin parts thinner."""
    surface, near = now.surface, now.agreement
    on = surface.on[k].nonzero()[:, 0].numpy()
    places = surface.places[k].numpy().astype(np.float64)
    if len(on) < FEWEST:
        return torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3).double(), torch.zeros(0).double()
    distance, number = target.tree(k).query(places[on], AVERAGED)
    first = distance[:, 0] ** 2
    out = target.points(k)[number].mean(1) - places[on]
    out_weight = first / (first + (2 * NOISE) ** 2) * scale**2 / (first + scale**2) ** 2 / (len(on) * parts)
    mine = np.flatnonzero(near.distance.argmin(0) == k)
    back = target.points(k)[mine] - places[near.number[k, mine]]
    back_weight = MISSED * scale**2 / (near.distance[k, mine] ** 2 + scale**2) ** 2 / len(target.cloud)
    found = (
        np.concatenate([on, near.number[k, mine]]),
        np.concatenate([out, back]),
        np.concatenate([out_weight, back_weight]),
    )
    which, away, weight = (torch.from_numpy(one) for one in found)
    return which, away, weight


def _moves(representation: BasisRepresentation, row: Tensor, surface: Surface, there: Tensor) -> tuple[Tensor, Tensor]:
    """Normals (M, P, 3) of the surface of the parts there, float64, and how far it moves along them with each number
    (M, P, U): by the slope of the logits in it over that in space, which is that in the middle of the frame, turned round."""
    numbers, ks = row.view(len(there), -1), there.nonzero()[:, 0].tolist()
    frames, codes = numbers[:, 1 : 1 + NUMBERS], numbers[:, 1 + NUMBERS :]
    local = surface.local.double().numpy()
    item = LocalPoints(local, np.zeros(local.shape[:2]), frames.numpy(), there.numpy())  # type: ignore[arg-type]
    fit, mirrored = representation.settings.fit, representation.mirrored
    problem = Problem(representation.experts, item, ks, mirrored, fit, local.shape[1])
    still = torch.zeros(len(ks), NUMBERS)
    slopes = problem.slopes(torch.cat([codes[ks], still], 1))[1].double()
    middle = -slopes[..., -NUMBERS + 2 : -NUMBERS + 5]
    lean = frames[ks, None, :2].double()
    along = torch.cat([middle[..., :1] - (lean * middle[..., 1:]).sum(-1, keepdim=True), middle[..., 1:]], -1)
    steep = along.norm(dim=-1, keepdim=True).clamp_min(1.0)
    return along / steep, -slopes / steep
