"""A point cloud becomes a shape of a `basis` model: codes and frames of its named parts, found with the experts as they are.

The cloud lies in canonical space, as those do that come out of a model of clouds. The search goes out from the training
shapes that fit the cloud best, of each set of parts the best ones. Least is made how far the points lie from the surface of
the union, how much of what is known to be empty or full is not, and how unusual the shape is among the training shapes.
What is empty and what is full is told by a mesh of the cloud, away from the points alone, where it is sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from engine.basis.experts import in_reach
from engine.basis.field import STEEPNESS, beside, part_logits, smallest
from engine.basis.frames import NUMBERS, to_canonical, to_local
from engine.basis.newton import DAMPING, EASIER, HARDER, HOPELESS, Problem
from engine.basis.points import MARGIN, LocalPoints
from engine.basis.representation import BasisRepresentation
from engine.errors import InputError
from engine.geometry.from_cloud import kept_points, spacing_of
from engine.geometry.inside import inside
from engine.geometry.mesh import Mesh
from engine.method import Shapes
from engine.protocol import Progress, Stage

CANDIDATES, GLANCE = 320, 320  # training shapes that are looked at, and points of each kind by which
STARTS, FIRST_STEPS, FIRST_POINTS = 3, 4, 512  # searches from the best of them, their steps and points of each kind
SWEEPS = 2  # over the parts, of putting in the best part that there is
ROUNDS = (12, 12, 20)  # steps of the best of these, each time after its parts were exchanged for others of its size
POINTS = 1024  # of each kind by then
ASTRAY = 1024  # points that are added for parts that stand where nothing is
AT_ONCE = 5  # moves in a step
SURE = 1.0  # spacings from the cloud from which on the mesh is believed
REACH = 0.15  # cube units about the cloud in which most of the free points are drawn, at most
FREE = 2.0  # weight of empty and full space beside that of the points
SHARPER = 1.5  # than the logits that experts learn
FAR = 8.0  # such logits beyond which distances count less and less
PRIOR = 6e-4  # weight of the squared distance from the mean training shape, in deviations
FLOOR = 0.03  # of the variance of each number, by which it varies on its own
LEAST = 0.05  # of the largest deviation: no direction is taken for stiffer
UNLIKE = 1.05  # misfit of what is no shape of this model; unseen ones of its kind have about 0.73, the least is 0.69
ABSENT = -1e4


@dataclass(frozen=True)
class CloudCodes:
    """A cloud as a shape.

    shapes : one row with its parts; decodes, mixes and heals as any other of the model
    start : number of the training shape that the search went out from
    misfit : what was made least, without the prior; see UNLIKE
    """

    shapes: Shapes
    start: int
    misfit: float


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
        directions = directions[:, :] * wanted
        deviation = deviation.clamp_min(LEAST * float(deviation[0]))
        return _Prior(mean, deviation[:, None] * directions, directions.T / deviation)


@dataclass(frozen=True)
class _Evidence:
    """Points of the cloud (P, 3), free points (Q, 3), and of those 1 where full, -1 where empty (Q,)."""

    surface: Tensor
    free: Tensor
    side: Tensor

    @property
    def places(self) -> Tensor:
        """(P + Q, 3) all of them."""
        return torch.cat([self.surface, self.free])

    def joined(self, empty: Tensor) -> "_Evidence":
        """With more points (Q', 3) that are empty."""
        side = torch.cat([self.side, -torch.ones(len(empty))])
        return _Evidence(self.surface, torch.cat([self.free, empty]), side)

    def some(self, count: int) -> "_Evidence":
        return _Evidence(self.surface[:count], self.free[:count], self.side[:count])


def codes_of_cloud(
    points: NDArray[np.floating], representation: BasisRepresentation, known: Shapes, solid: Mesh | None, seed: int
) -> Stage[CloudCodes]:
    """The shape of a model that comes nearest to a cloud of points (P, 3) in canonical space.

    known : latents of training shapes of the model, with presence; solid : a closed mesh of the cloud, None = all that is
    not near a point counts as empty. Raises MeshError for what is no cloud, InputError where the model knows nothing like it.
    """
    every = np.asarray(points, np.float64)
    place = every[kept_points(every, 4.0)]
    generator = np.random.default_rng(seed)
    evidence = _evidence(place, solid, generator)
    step = -(-len(known.latent) // CANDIDATES)
    latent = known.latent[::step].float()
    present = representation.present(latent)
    glance = evidence.some(GLANCE)
    many = yield from _every(representation, latent, present, glance.places, "training shapes")
    costs = _misfit(many.amax(1), glance)
    ends = []
    for start in _varied(costs.argsort().tolist(), present):
        row = _exchanged(representation, latent, many, many[start], latent[start], present, glance)
        prior = _Prior.of(latent, present, row, representation)
        few = evidence.some(FIRST_POINTS)
        ends.append((*(yield from _descend(representation, prior, row, few, FIRST_STEPS)), start))
    misfit, row, start = min(ends, key=lambda end: end[0])
    parts = len(representation.parts)
    for steps in ROUNDS:
        framed = latent.clone().view(len(latent), parts, -1)
        framed[..., 1 : 1 + NUMBERS] = row.view(parts, -1)[:, 1 : 1 + NUMBERS]
        there, same = representation.present(row[None]), framed.flatten(1)
        usual = there.expand(len(latent), -1)
        many = yield from _every(representation, same, usual, glance.places, "parts as they could be")
        now = yield from _every(representation, row[None], there, glance.places, "the shape")
        row = _exchanged(representation, same, many, now[0], row, there, glance)
        more = evidence.joined(_astray(representation, row, place, solid, generator))
        _, row = yield from _refined(representation, latent, present, row, more, steps)
    there = representation.present(row[None])
    whole = yield from _every(representation, row[None], there, evidence.places, "the shape")
    misfit = float(_misfit(whole.amax(1), evidence))
    if misfit > UNLIKE:
        raise InputError("the model knows no shape that comes near to this cloud; is it of another kind, or turned?")
    frames, codes = row.view(parts, -1)[:, 1:].split([NUMBERS, representation.settings.expert.code], -1)
    kept = representation.rows(frames[None], codes[None], there)
    return CloudCodes(Shapes(kept, there, model_id=representation.meaning()), start * step, misfit)


def _evidence(place: NDArray[np.float64], solid: Mesh | None, generator: np.random.Generator) -> _Evidence:
    """What is known of the space about a cloud (P, 3)."""
    spacing, tree = spacing_of(place), cKDTree(place)
    even = generator.uniform(-0.5, 0.5, (2 * POINTS, 3))  # parts of shapes may stand anywhere
    near = place[generator.integers(0, len(place), 8 * POINTS)]
    near = near + generator.normal(size=near.shape) * generator.uniform(0.5, 1, (len(near), 1)) * min(
        REACH, 4 * spacing
    )
    near = near.clip(-0.5, 0.5)
    near = near[tree.query(near)[0] > SURE * spacing][: len(even)]
    free = generator.permutation(np.concatenate([even[tree.query(even)[0] > SURE * spacing], near]))
    side = np.where(inside(solid, free), 1.0, -1.0) if solid is not None else -np.ones(len(free))
    surface = generator.permutation(place)[:POINTS]
    return _Evidence(*(torch.from_numpy(one.astype(np.float32)) for one in (surface, free, side)))


def _astray(
    representation: BasisRepresentation,
    row: Tensor,
    place: NDArray[np.float64],
    solid: Mesh | None,
    generator: np.random.Generator,
) -> Tensor:
    """Up to ASTRAY points (Q, 3) where a part of the row is although nothing of the cloud (P, 3) is near: what free points
    drawn evenly seldom meet."""
    there = representation.present(row[None])
    frames = row.view(len(representation.parts), -1)[there[0], 1 : 1 + NUMBERS]
    local = torch.from_numpy(generator.uniform(-MARGIN, MARGIN, (len(frames), 4 * POINTS, 3)).astype(np.float32))
    points = to_canonical(local, frames).flatten(0, 1)
    with torch.no_grad():
        full = _logits(representation, row[None], there, points)[0].amax(0) > 0
    found = points[full].numpy()
    found = found[cKDTree(place).query(found)[0] > SURE * spacing_of(place)]
    if solid is not None:
        found = found[~inside(solid, found)]
    return torch.from_numpy(found[:ASTRAY])


def _logits(representation: BasisRepresentation, rows: Tensor, present: Tensor, points: Tensor) -> Tensor:
    """(N, K, P) logits of the parts that rows (N, D) have, as experts learn them: in the frame of the part, where a thin
    one is as wide as any, so that beside a part and above it count alike."""
    numbers = rows.unflatten(1, (len(representation.parts), -1))
    frames, codes = numbers[..., 1 : 1 + NUMBERS], numbers[..., 1 + NUMBERS :]
    found = part_logits(representation.experts, codes, frames, representation.mirrored, points)
    own = SHARPER * found / (STEEPNESS * representation.experts.half_band * smallest(frames))[..., None]
    bounded = own / (1 + (own / FAR).square()).sqrt()
    return bounded.masked_fill(~present[..., None], ABSENT)


def _every(
    representation: BasisRepresentation, rows: Tensor, present: Tensor, points: Tensor, what: str
) -> Stage[Tensor]:
    """The same of many rows, without derivatives."""
    found = []
    for first in range(0, len(rows), 16):
        yield Progress(stage="parts", done=first, total=len(rows), message=what)
        with torch.no_grad():
            found.append(_logits(representation, rows[first : first + 16], present[first : first + 16], points))
    return torch.cat(found)


def _misfit(union: Tensor, evidence: _Evidence) -> Tensor:
    """(N,) of logits of unions (N, P + Q): log cosh at the points of the cloud, the cross-entropy at free points."""
    surface, free = union.split([len(evidence.surface), len(evidence.free)], 1)
    near = softplus(-surface.abs()) + surface.abs() / 2
    wrong = softplus(-evidence.side * free)
    return near.mean(1) + FREE * wrong.mean(1)


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
    evidence: _Evidence,
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
            costs = _misfit(torch.maximum(options, others), evidence)
            there = (numbers[:, 0] > 0).tolist()
            for has in (True, False):
                if (*there[:k], has, *there[k + 1 :]) not in sets:
                    costs[(options > ABSENT).all(1) == has] = torch.inf
            best = int(costs.argmin())
            now[k] = options[best]
            if best:
                numbers[k] = empty[k] if best > len(rows) or options[best, 0] <= ABSENT else donors[best - 1, k]
    return numbers.flatten()


def _descend(
    representation: BasisRepresentation, prior: _Prior, row: Tensor, evidence: _Evidence, steps: int
) -> Stage[tuple[float, Tensor]]:
    """Misfit and row (D,) after some steps of L-BFGS (Liu and Nocedal 1989) from ``row``."""
    z = ((row - prior.mean) @ prior.inverse).detach().requires_grad_()
    rest = row - prior.mean - z.detach() @ prior.directions  # what the prior does not know
    optimiser = torch.optim.LBFGS([z], max_iter=AT_ONCE, history_size=20, line_search_fn="strong_wolfe")
    there, places = representation.present(row[None]), evidence.places

    def found() -> Tensor:
        return prior.mean + rest + z @ prior.directions

    def misfit() -> Tensor:
        return _misfit(_logits(representation, found()[None], there, places).amax(1), evidence)[0]

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


def _refined(
    representation: BasisRepresentation, latent: Tensor, present: Tensor, row: Tensor, evidence: _Evidence, steps: int
) -> Stage[tuple[float, Tensor]]:
    """Misfit and row (D,) after some steps of Levenberg and Marquardt from ``row``, as `engine.basis.newton` fits parts.

    A point belongs to the part that has it deepest inside, so the Gauss-Newton matrix falls into a block for each part.
    """
    parts, settings = len(representation.parts), representation.settings
    numbers, there = row.view(parts, -1), representation.present(row[None])[0]
    frames, codes = numbers[:, 1 : 1 + NUMBERS], numbers[:, 1 + NUMBERS :]
    places, ks = evidence.places, there.nonzero()[:, 0].tolist()
    local = to_local(places.double(), frames.double(), representation.mirrored)
    item = LocalPoints(local.numpy(), np.zeros(local.shape[:2]), frames.numpy(), there.numpy())  # type: ignore[arg-type]
    problem = Problem(representation.experts, item, ks, representation.mirrored, settings.fit, len(places))
    counts = (len(evidence.surface), len(evidence.free))
    wanted = torch.cat([torch.full((counts[0],), 0.5), (evidence.side + 1) / 2])
    weight = torch.cat([torch.full((counts[0],), 1 / counts[0]), torch.full((counts[1],), FREE / max(counts[1], 1))])

    start = torch.cat([codes[ks], frames[ks]], 1)
    usual, stiff = _usual(latent.view(len(latent), parts, -1), present, ks)

    def state(unknown: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cost, logits (P,), rows (M, P, U) of their derivatives, 0 but for the part that a point belongs to."""
        logits, rows = problem.slopes(
            torch.cat([unknown[:, :-NUMBERS], unknown[:, -NUMBERS:] - start[:, -NUMBERS:]], 1)
        )
        moved = unknown[:, -NUMBERS:]
        place = to_local(problem.points, moved, problem.mirrored)
        known = in_reach(place)
        bound = beside(place, moved) / (STEEPNESS * representation.experts.half_band * smallest(moved))[:, None]
        union, owner = torch.where(known, logits, bound).max(0)
        own = (owner == torch.arange(len(ks))[:, None]) & known
        wrong = binary_cross_entropy_with_logits(SHARPER * union, wanted, reduction="none")
        cost = (weight * wrong).sum() + torch.einsum("mu,muv,mv->", unknown - usual, stiff, unknown - usual)
        return cost, union, rows * own[..., None], weight * wrong

    unknown = start
    cost, logits, rows, terms = state(unknown)
    damping = DAMPING
    for step in range(steps):
        yield Progress(stage="parts", done=step, total=steps)
        likely = torch.sigmoid(SHARPER * logits)
        gradient = SHARPER * torch.einsum("p,mpu->mu", weight * (likely - wanted), rows)
        gradient = gradient + 2 * torch.einsum("muv,mv->mu", stiff, unknown - usual)
        scaled = rows * (weight * likely * (1 - likely))[:, None]
        curved = SHARPER**2 * scaled.transpose(1, 2) @ rows + 2 * stiff
        damped = curved + damping * torch.diag_embed(curved.diagonal(dim1=1, dim2=2))
        tried = unknown - torch.linalg.solve(damped, gradient)
        new = state(tried)
        if bool(new[0] < cost):
            unknown, (cost, logits, rows, terms), damping = tried, new, damping * EASIER
        else:
            damping *= HARDER
            if damping > HOPELESS:
                break
    found = numbers.clone()
    found[ks, 1 : 1 + NUMBERS] = unknown[:, -NUMBERS:]
    found[ks, 1 + NUMBERS :] = unknown[:, :-NUMBERS]
    return float(terms.sum()), found.flatten()


def _usual(numbers: Tensor, present: Tensor, ks: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Mean code and frame (M, C + 8) of the parts ``ks`` of training shapes, and the weight of being away from it
    (M, C + 8, C + 8): PRIOR in squares of how they vary.

    numbers : (N, K, 1 + 8 + C); present : (N, K)
    """
    means, weights = [], []
    for k in ks:
        own = numbers[present[:, k], k]
        own = torch.cat([own[:, 1 + NUMBERS :], own[:, 1 : 1 + NUMBERS]], 1)
        spread = torch.cov(own.T) if len(own) > 1 else torch.eye(own.shape[1])
        floor = FLOOR * spread.diagonal() + 1e-6
        means.append(own.mean(0))
        weights.append(PRIOR * torch.linalg.inv(spread + torch.diag(floor)))
    return torch.stack(means), torch.stack(weights)
