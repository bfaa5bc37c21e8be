"""A point cloud becomes a shape of a `basis` model: codes and frames of its named parts, found with the experts as they are.

The cloud lies in canonical space, as those do that come out of a model of clouds. The search goes out from the training
shapes that fit the cloud best, of each set of parts the best ones. Least is made how far the points lie from the surface of
the union, how much of what is known to be empty or full is not (`engine.cloud_evidence`), and how unusual the shape is
among the training shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.basis.frames import NUMBERS
from engine.basis.representation import BasisRepresentation
from engine.cloud_evidence import ABSENT, Evidence, astray, evidence_of, logits_of, misfit_of
from engine.cloud_newton import PRIOR, refined
from engine.errors import InputError
from engine.geometry.from_cloud import kept_points
from engine.geometry.mesh import Mesh
from engine.method import Shapes
from engine.protocol import Progress, Stage

CANDIDATES, GLANCE = 320, 320  # training shapes that are looked at, and points of each kind by which
STARTS, FIRST_STEPS, FIRST_POINTS = 3, 4, 512  # searches from the best of them, their steps and points of each kind
SWEEPS = 2  # over the parts, of putting in the best part that there is
ROUNDS = (12, 12, 20)  # steps of the best of these, each time after its parts were exchanged for others of its size
AT_ONCE = 5  # moves in a step
LEAST = 0.05  # of the largest deviation: no direction is taken for stiffer
WORTH = 0.005  # of misfit that a part has to save, or it is left out; small ones that are there save 0.04
UNLIKE = 1.05  # misfit of what is no shape of this model; unseen ones of its kind have about 0.73, the least is 0.69


@dataclass(frozen=True)
class CloudCodes:
    """A cloud as a shape.

    shapes : one row with its parts; decodes, mixes and heals as any other of the model
    start : number of the training shape that the search went out from; some parts may be from others
    misfit : what was made least, without the prior, see UNLIKE; of drawn clouds `engine.cloud_distance.Agreement`
    lenders : (K,) the training shape that each part went out from, () where that is not followed
    near : share of the points of the cloud that lie near the surface, None where that is not looked at
    """

    shapes: Shapes
    start: int
    misfit: float
    lenders: tuple[int, ...] = ()
    near: float | None = None


@dataclass(frozen=True)
class _Prior:
    """Training rows as a mean and directions: row = mean + z @ directions, z about of unit variance."""

    mean: Tensor  # (D,)
    directions: Tensor  # (Z, D)
    inverse: Tensor  # (D, Z)

    @staticmethod
    def of(latent: Tensor, present: Tensor, row: Tensor, representation: BasisRepresentation) -> "_Prior":
        """How rows (N, D) with parts (N, K) vary in the parts that ``row`` (D,) has, each part among those that have it."""
        each = latent.shape[1] // present.shape[1]
        wanted = representation.present(row[None])[0].repeat_interleave(each)
        wanted[::each] = False  # whether there is a part is no number to be moved
        having = present.repeat_interleave(each, 1)
        mean = torch.where(wanted, (latent * having).sum(0) / having.sum(0).clamp_min(1), row)
        away = torch.where(having & wanted, latent - mean, 0.0)
        _, deviation, directions = torch.linalg.svd(away / max(len(away), 2) ** 0.5, full_matrices=False)
        directions = directions * wanted
        deviation = deviation.clamp_min(LEAST * float(deviation[0]))
        return _Prior(mean, deviation[:, None] * directions, directions.T / deviation)


def codes_of_cloud(
    points: NDArray[np.floating],
    representation: BasisRepresentation,
    known: Shapes,
    solid: Mesh | None,
    seed: int,
) -> Stage[CloudCodes]:
    """The shape of a model that comes nearest to a cloud of points (P, 3) in canonical space.

    known : latents of training shapes of the model, with presence; solid : a closed mesh of the cloud, None = all that is
    not near a point counts as empty. Raises MeshError for what is no cloud, InputError where the model knows nothing
    like it. Clouds that a model drew are for `engine.cloud_drawn`.
    """
    every = np.asarray(points, np.float64)
    place = every[kept_points(every, 4.0)]
    generator = np.random.default_rng(seed)
    evidence = evidence_of(place, solid, generator)
    step = -(-len(known.latent) // CANDIDATES)
    latent = known.latent[::step].float()
    present = representation.present(latent)
    glance = evidence.some(GLANCE)
    many = yield from _every(representation, latent, present, glance.places, "training shapes")
    costs = misfit_of(many.amax(1), glance)
    ends = []
    for start in _varied(costs.argsort().tolist(), present):
        row = _exchanged(representation, latent, many, many[start], latent[start], present, glance)
        space = _Prior.of(latent, present, row, representation)
        few = evidence.some(FIRST_POINTS)
        ends.append((*(yield from _descend(representation, space, row, few, FIRST_STEPS)), start))
    misfit, row, start = min(ends, key=lambda end: end[0])
    parts = len(representation.parts)
    empty = representation.absent().view(parts, -1)
    for steps in ROUNDS:
        there = representation.present(row[None])
        (now,) = yield from _every(representation, row[None], there, glance.places, "the shape")
        there, _ = _without_idle(now, there, present, glance)
        now[~there[0]] = ABSENT
        row = torch.where(there[0][:, None], row.view(parts, -1), empty).flatten()
        framed = latent.clone().view(len(latent), parts, -1)
        framed[..., 1 : 1 + NUMBERS] = row.view(parts, -1)[:, 1 : 1 + NUMBERS]
        same, usual = framed.flatten(1), there.expand(len(latent), -1)
        many = yield from _every(representation, same, usual, glance.places, "parts as they could be")
        row = _exchanged(representation, same, many, now, row, there, glance)
        more = evidence.joined(astray(representation, row, place, solid, generator))
        row = yield from refined(representation, latent, present, row, more, steps)
    there = representation.present(row[None])
    (whole,) = yield from _every(representation, row[None], there, evidence.places, "the shape")
    there, misfit = _without_idle(whole, there, present, evidence)
    if misfit > UNLIKE:
        raise InputError("the model knows no shape that comes near to this cloud; is it of another kind, or turned?")
    frames, codes = row.view(parts, -1)[:, 1:].split([NUMBERS, representation.settings.expert.code], -1)
    kept = representation.rows(frames[None], codes[None], there)
    return CloudCodes(Shapes(kept, there, model_id=representation.meaning()), start * step, misfit)


def _every(
    representation: BasisRepresentation, rows: Tensor, present: Tensor, points: Tensor, what: str
) -> Stage[Tensor]:
    """(N, K, P) `logits_of` of many rows (N, D), without derivatives."""
    found = []
    for first in range(0, len(rows), 16):
        yield Progress(stage="parts", done=first, total=len(rows), message=what)
        with torch.no_grad():
            found.append(logits_of(representation, rows[first : first + 16], present[first : first + 16], points))
    return torch.cat(found)


def _varied(order: Sequence[int], present: Tensor) -> list[int]:
    """The first shape of ``order``, and after it those of other sets of parts, or else the next; STARTS of them."""
    sets = [tuple(present[i].tolist()) for i in order]
    firsts = [i for k, i in enumerate(order) if sets[k] not in sets[:k]][: STARTS - 1]
    rest = [i for i in order if i not in firsts]
    return firsts + rest[: STARTS - len(firsts)]


def _exchanged(
    representation: BasisRepresentation,
    rows: Tensor,
    many: Tensor,
    now: Tensor,
    row: Tensor,
    present: Tensor,
    evidence: Evidence,
) -> Tensor:
    """``row`` (D,) with each part put in from that of ``rows`` (N, D) which goes best with the other parts, or left out.

    many : (N, K, P) logits of the parts of ``rows``; now : (K, P) of those of ``row``
    present : (M, K), sets of parts that there may be
    """
    parts, now = len(representation.parts), now.clone()
    numbers, donors = row.clone().view(parts, -1), rows.view(len(rows), parts, -1)
    empty = representation.absent().view(parts, -1)
    sets = {tuple(one) for one in present.tolist()}
    for _ in range(SWEEPS):
        for k in range(parts):
            others = torch.cat([now[:k], now[k + 1 :]]).amax(0)
            options = torch.cat([now[None, k], many[:, k], torch.full_like(now[None, k], ABSENT)])
            costs = misfit_of(torch.maximum(options, others), evidence)
            costs += WORTH * (options > ABSENT).all(1)
            there = (numbers[:, 0] > 0).tolist()
            for has in (True, False):
                if (*there[:k], has, *there[k + 1 :]) not in sets:
                    costs[(options > ABSENT).all(1) == has] = torch.inf
            best = int(costs.argmin())
            now[k] = options[best]
            if best:
                numbers[k] = empty[k] if best > len(rows) or options[best, 0] <= ABSENT else donors[best - 1, k]
    return numbers.flatten()


def _without_idle(logits: Tensor, there: Tensor, present: Tensor, evidence: Evidence) -> tuple[Tensor, float]:
    """Which parts (1, K) stay and the misfit then: parts go that save less than WORTH, where there are such sets of parts.

    logits : (K, P) of the parts ``there``; present : (M, K), sets of parts that there may be
    """
    sets, stays, logits = {tuple(one) for one in present.tolist()}, there[0].tolist(), logits.clone()
    misfit = float(misfit_of(logits.amax(0)[None], evidence))
    for k in [k for k, has in enumerate(stays) if has]:
        others = logits.clone()
        others[k] = ABSENT
        without = float(misfit_of(others.amax(0)[None], evidence))
        if without < misfit + WORTH and (*stays[:k], False, *stays[k + 1 :]) in sets:
            stays[k], logits, misfit = False, others, without
    return torch.tensor([stays]), misfit


def _descend(
    representation: BasisRepresentation, space: _Prior, row: Tensor, evidence: Evidence, steps: int
) -> Stage[tuple[float, Tensor]]:
    """Misfit and row (D,) after some steps of L-BFGS (Liu and Nocedal 1989) from ``row``."""
    z = ((row - space.mean) @ space.inverse).detach().requires_grad_()
    rest = row - space.mean - z.detach() @ space.directions  # what the space does not know
    optimiser = torch.optim.LBFGS([z], max_iter=AT_ONCE, history_size=20, line_search_fn="strong_wolfe")
    there, places = representation.present(row[None]), evidence.places

    def found() -> Tensor:
        return space.mean + rest + z @ space.directions

    def misfit() -> Tensor:
        return misfit_of(logits_of(representation, found()[None], there, places).amax(1), evidence)[0]

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = misfit() + PRIOR * z.square().sum()
        loss.backward()
        return loss

    for step in range(steps):
        yield Progress(stage="parts", done=step, total=steps)
        optimiser.step(closure)
    with torch.no_grad():
        return float(misfit()), found()
