"""A cloud that a model drew becomes a shape of a `basis` model. Its points lie beside the surface, thin parts are a haze, so
neither what is empty and what is full is known, nor does it help to follow each point.

The search goes out from the training shapes whose surfaces are nearest to the cloud: these are pulled to it as far as
training shapes differ (`engine.cloud_pull`), and the best one takes over parts of others that agree better with the cloud.
Parts stay in as many pieces as they were.
"""

from collections.abc import Sequence
from itertools import chain, zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.basis.frames import NUMBERS, to_canonical, to_local
from engine.basis.representation import BasisRepresentation
from engine.cloud_codes import CloudCodes
from engine.cloud_distance import Agreement, Target, agreement
from engine.cloud_pull import Like, Pulled, Together, like, pulled
from engine.cloud_surface import pieces_of, surfaces_of
from engine.errors import InputError
from engine.geometry.from_cloud import kept_points
from engine.method import Shapes
from engine.protocol import Progress, Stage

BOXES, BOX_POINTS = 384, 256  # training shapes whose boxes suit the cloud best, and points by which; that are looked at
GLANCE, THINNED = 64, 3  # points of each part of these, and which share of the points of the cloud is looked at
STARTS, FIRST_STEPS = 12, 6  # that are pulled, and how often
WHOLE = 5  # of these, the nearest ones as they are; the others have the parts that suit the nearest one best
STEPS = 14  # of the best one of these
LAST_STEPS = 6  # of frames alone, where codes had to be taken back
BACK = (0.75, 0.5, 0.25, 0.0)  # of the way from a training code to the one found, where that came to pieces
AT_ONCE = 32
SWEEPS, WORTH = 2, 0.005  # over the parts, of exchanging them, and least gain of that
APART = 1e-3  # weight of the squared distance of all frames from the usual ones, in deviations
IDLE = 0.01  # of the cloud that is missed without a part, which then goes if that makes the misfit less
UNLIKE = 0.65  # misfit of what is no shape of this model; clouds of its kind have up to 0.5, of others 0.75 and more
FAR, MOST_FAR = 0.1, 0.05  # cube units, and which share of the cloud may be farther than that from the surface
NEAR = 0.05  # cube units, by which it is told how much of a cloud the shape explains


def codes_of_drawn_cloud(
    points: NDArray[np.floating], representation: BasisRepresentation, known: Shapes
) -> Stage[CloudCodes]:
    """The shape of a model that comes nearest to a drawn cloud (P, 3) in canonical space.

    known : latents of training shapes of the model. The misfit is that of `engine.cloud_distance.Agreement`.
    Raises MeshError for what is no cloud, InputError where the model knows nothing like it.
    """
    every = np.asarray(points, np.float64)
    place = every[kept_points(every, 4.0)]
    latent = known.latent.float()
    present = representation.present(latent)
    target = Target(place, representation.mirrored)
    order = yield from _nearest(representation, latent, present, target)
    ends = []
    for start in order:
        model = like(latent[start], latent, present, representation.mirrored)
        end = yield from pulled(representation, target, model, latent[start], FIRST_STEPS, rough=True, whole=True)
        ends.append((model, end))
    best = min(range(len(ends)), key=lambda number: ends[number][1].cost)
    of, begin, row = _exchanged(representation, ends, best, latent, present)
    model = like(begin, latent, present, representation.mirrored)
    end = yield from pulled(representation, target, model, row, STEPS, rough=False, whole=True)
    end = yield from _in_pieces_of(representation, target, model, end)
    misfit, far = end.agreement.misfit, end.agreement.beyond(FAR)
    if not (misfit <= UNLIKE and far <= MOST_FAR):  # nor what is no number
        raise InputError("the model knows no shape that comes near to this cloud; is it of another kind, or turned?")
    there = representation.present(end.row[None])
    frames, codes = end.row.view(len(there[0]), -1)[:, 1:].split([NUMBERS, representation.settings.expert.code], -1)
    kept = representation.rows(frames[None], codes[None], there)
    shapes = Shapes(kept, there, model_id=representation.meaning())
    lenders = tuple(order[number] for number in of)
    return CloudCodes(shapes, order[best], misfit, lenders, 1 - end.agreement.beyond(NEAR))


def _nearest(representation: BasisRepresentation, latent: Tensor, present: Tensor, target: Target) -> Stage[list[int]]:
    """STARTS training shapes: first those whose surfaces agree best with the cloud, then such as have a part that does so
    beside the other parts of the first one, in turn for each part."""
    numbers = latent.view(len(latent), present.shape[1], -1)
    frames, codes = numbers[..., 1 : 1 + NUMBERS].contiguous(), numbers[..., 1 + NUMBERS :].contiguous()
    boxes = []
    for first in range(0, len(latent), 4 * AT_ONCE):
        yield Progress(stage="parts", done=first, total=len(latent), message="training shapes")
        next_ = slice(first, first + 4 * AT_ONCE)
        boxes.append(_boxed(frames[next_], present[next_], representation.mirrored, target))
    chosen = torch.cat(boxes).argsort()[:BOXES]
    few, found = Target(target.cloud[::THINNED], representation.mirrored, target.scale), []
    for first in range(0, len(chosen), AT_ONCE):
        yield Progress(stage="parts", done=first, total=len(chosen), message="training shapes")
        some = chosen[first : first + AT_ONCE]
        surfaces = surfaces_of(representation, codes[some], frames[some], GLANCE)
        found += [agreement(few, one, there) for one, there in zip(surfaces, present[some], strict=True)]
    return [int(chosen[number]) for number in _varied(found)]


def _varied(found: Sequence[Agreement]) -> list[int]:
    """Numbers of STARTS shapes (all where there are fewer), see `_nearest`."""
    order = np.argsort([one.misfit for one in found]).tolist()
    best = found[order[0]]
    lines = [order]
    for k in best.there.nonzero()[0].tolist():
        having = [number for number in order if found[number].there[k]]
        costs = [best.with_part(k, found[number]).misfit for number in having]
        lines.append([having[at] for at in np.argsort(costs)])
    chosen = order[:WHOLE]
    turns = (number for turn in zip_longest(*lines[1:]) for number in turn if number is not None)
    for number in chain(turns, order):
        if len(chosen) < STARTS and number not in chosen:
            chosen.append(number)
    return chosen[:STARTS]


def _boxed(frames: Tensor, present: Tensor, mirrored: Tensor, target: Target) -> Tensor:
    """(N,) how badly the boxes of the parts of shapes hold the points of the cloud and end where it does."""
    points = torch.from_numpy(target.cloud).float()
    local = to_local(points[:: max(1, len(points) // BOX_POINTS)], frames, mirrored.expand(frames.shape[:-1]))
    beside = ((local.abs() - 1).clamp_min(0) * frames[..., None, 5:].exp()).norm(dim=-1)
    beside = beside.masked_fill(~present[..., None], torch.inf).amin(1)
    corners = to_canonical(
        torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3).expand(*frames.shape[:2], 8, 3), frames
    )
    low, high = corners.amin(2), corners.amax(2)
    low[..., 0] = torch.where(mirrored, -high[..., 0], low[..., 0])
    low, high = low.masked_fill(~present[..., None], torch.inf), high.masked_fill(~present[..., None], -torch.inf)
    wanted = torch.quantile(points, torch.tensor([0.01, 0.99]), 0)
    ends = (low.amin(1) - wanted[0]).abs().sum(1) + (high.amax(1) - wanted[1]).abs().sum(1)
    return 1 - (target.scale / (beside + target.scale)).mean(1) + ends


def _exchanged(
    representation: BasisRepresentation,
    ends: Sequence[tuple[Like, Pulled]],
    best: int,
    latent: Tensor,
    present: Tensor,
) -> tuple[Sequence[int], Tensor, Tensor]:
    """The best of the shapes that were pulled, with each part taken from that of them which agrees best with the cloud and
    stands where such parts do beside the others, or left out: which of ``ends`` each part is of (K,), and that row (D,),
    before and after it was pulled.

    latent : (N, D), present : (N, K), training shapes; there is no other set of parts than theirs
    """
    sets, parts = {tuple(one) for one in present.tolist()}, present.shape[1]
    now, of, together = ends[best][1].agreement, [best] * parts, Together(latent, present)

    def row(of: Sequence[int], there: NDArray[np.bool_], pulled: bool) -> Tensor:
        each = [(ends[number][1].row if pulled else ends[number][0].row).view(parts, -1) for number in of]
        numbers = torch.stack([one[k] for k, one in enumerate(each)])
        empty = representation.absent().view(parts, -1)
        return torch.where(torch.from_numpy(there)[:, None], numbers, empty).flatten()

    cost = now.misfit + APART * together.distance(row(of, now.there, True))
    for k in [*range(parts)] * SWEEPS:
        for number in (None, *range(len(ends))):
            tried = now.with_part(k, None if number is None else ends[number][1].agreement)
            shown = tried.there[k] or tried.missed < now.missed + IDLE
            if tuple(tried.there.tolist()) not in sets or not shown:
                continue
            new = [*of[:k], best if number is None else number, *of[k + 1 :]]
            new_cost = tried.misfit + APART * together.distance(row(new, tried.there, True))
            if new_cost < cost - WORTH:
                now, of, cost = tried, new, new_cost
    return of, row(of, now.there, False), row(of, now.there, True)


def _in_pieces_of(representation: BasisRepresentation, target: Target, model: Like, end: Pulled) -> Stage[Pulled]:
    """With the codes of parts that came to pieces taken back towards those of the training shape; frames then find anew
    where they fit best."""
    start, found = model.numbers(model.row), model.numbers(end.row)
    size, kept = start.shape[1] - NUMBERS, found.clone()
    for m, k in enumerate(model.there.nonzero()[:, 0].tolist()):
        most = pieces_of(representation, k, start[m, :size].float())
        for share in BACK:
            yield Progress(stage="parts", done=m, total=len(start), message="pieces")
            if pieces_of(representation, k, kept[m, :size].float()) <= most:
                break
            kept[m, :size] = start[m, :size] + share * (found[m, :size] - start[m, :size])
    if torch.equal(kept, found):
        return end
    row = model.with_numbers(kept)
    return (yield from pulled(representation, target, model, row, LAST_STEPS, rough=False, whole=False))
