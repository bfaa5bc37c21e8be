"""Gradient descent of N shapes' fields at once: whole networks, or K experts each with a loss on their union."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.fields.draws import BLOCK, Points, draw, shared_count
from engine.fields.encoding import encode
from engine.fields.evaluate import iou
from engine.fields.mlp import EMPTY, network_logits
from engine.fields.stack import Stack
from engine.fields.weights import banks, layer_views
from engine.fields.whiten import Whitening, from_whitened, into_whitened, whitening
from engine.layout import Layout
from engine.protocol import Progress, Stage
from engine.settings import FieldSettings, FitSettings

TICK = 0.2  # seconds between signs of life


def descend(
    pools: Sequence[Points],
    names: Sequence[str],
    field: FieldSettings,
    fit: FitSettings,
    layout: Layout,
    start: Tensor,
    seed: int,
) -> Stage[tuple[Tensor, Tensor, Tensor]]:
    """Fit N networks (of K experts) from one start (D,).

    Returns the best weights (N, D) by the check points, the steps taken (N,), and which stayed finite (N,) bool; a
    network that did not is given the start's weights and stops, the others go on as if it had never been there.
    """
    count = len(pools)
    ensemble = _Ensemble(pools, field, fit, layout, start)
    alive = list(range(count))
    best, steps, finite = (
        torch.full((count,), -1.0),
        torch.full((count,), fit.steps),
        torch.ones(count, dtype=torch.bool),
    )
    kept = start.repeat(count, 1)
    seen = time.monotonic()
    for step in range(fit.steps):
        if step % BLOCK == 0:
            plan = torch.stack([draw(pools[n], fit, seed, names[n], step // BLOCK) for n in alive], 1).to(start.device)
        ensemble.step(plan[step % BLOCK])
        if (step + 1) % fit.check_every == 0 or step + 1 == fit.steps:
            rows, going = ensemble.weights(), []
            for i, n in enumerate(alive):
                score, whole = ensemble.judge(i)
                finite[n] = bool(rows[i].isfinite().all())
                if finite[n] and score > best[n]:
                    best[n], kept[n] = score, rows[i]
                if finite[n] and (fit.stop_at == 1.0 or whole < fit.stop_at):
                    going.append(i)
                else:
                    steps[n] = step + 1
            if len(going) < len(alive):
                alive, plan = [alive[i] for i in going], plan[:, going]
                if not alive:
                    break
                ensemble.keep(going)
        if time.monotonic() - seen > TICK:
            seen = time.monotonic()
            yield Progress(stage="fit", done=step + 1, total=fit.steps)
    return torch.where(finite.to(start.device).unsqueeze(1), kept, start), steps, finite


def fold(row: Tensor, field: FieldSettings, fit: FitSettings, layout: Layout, dimensions: int) -> Tensor:
    """The row (D,) of plain networks that do on encoded points what those of ``row`` do on whitened ones."""
    space = _space(field, fit, dimensions, row.device)
    pieces = [
        from_whitened(row[bank.span].unflatten(0, (bank.number, -1)), bank.shapes, space).flatten()
        for bank in banks(layout)
    ]
    return torch.cat(pieces)


def _space(field: FieldSettings, fit: FitSettings, dimensions: int, device: torch.device) -> Whitening:
    """Coordinates of the first layer; those of sine networks are left alone, since their scale is a frequency."""
    return whitening(dimensions, field.bands, fit.whiten if field.activation == "relu" else 0.0, device)


class _Ensemble:
    """The networks of the shapes that are still being fitted, with their points, already encoded."""

    def __init__(
        self, pools: Sequence[Points], field: FieldSettings, fit: FitSettings, layout: Layout, start: Tensor
    ) -> None:
        device = start.device
        self.fit, self.banks, self.pools = fit, banks(layout), list(pools)
        self.space = _space(field, fit, pools[0].points.shape[1], device)
        self.experts = len(pools[0].present)
        self.shared = shared_count(fit, self.experts)
        self.inputs = torch.cat(
            [self.space.apply(encode(torch.from_numpy(pool.points).to(device), field.bands)) for pool in pools]
        )  # (sum of P, C)
        self.targets = torch.cat([torch.from_numpy(pool.targets).to(device) for pool in pools]).float()
        starts = torch.tensor([0, *(len(pool.points) for pool in pools)]).cumsum(0)[:-1]
        self.starts = starts.to(device)
        self.present = torch.stack([torch.from_numpy(pool.present) for pool in pools]).to(device)
        self.stacks = []
        for bank in self.banks:
            rows = into_whitened(start[bank.span].unflatten(0, (bank.number, -1)), bank.shapes, self.space)
            rows = rows.repeat(len(pools), 1)  # (G, d) -> (N*G, d)
            self.stacks.append(Stack(rows, bank.shapes, field.activation, fit.batch, fit))

    def step(self, index: Tensor) -> None:
        """One step on points ``index`` (N, K, B), numbered within each shape."""
        count, experts, batch = index.shape
        index = index + self.starts.view(-1, 1, 1)
        inputs = self.inputs.index_select(0, index.flatten()).unflatten(0, (count, experts, batch))
        logits = [
            stack.forward(inputs[:, bank.experts].flatten(0, 1)).unflatten(0, (count, bank.number))
            for stack, bank in zip(self.stacks, self.banks, strict=True)
        ]
        slope = self._slope(logits[0] if len(logits) == 1 else torch.cat(logits, 1), index)
        for stack, bank in zip(self.stacks, self.banks, strict=True):
            stack.backward(slope[:, bank.experts].flatten(0, 1))
            stack.step()

    def _slope(self, logits: Tensor, index: Tensor) -> Tensor:
        """Derivative by the logits (N, K, B) of the mean cross-entropy of each expert plus that of the union."""
        batch = logits.shape[2]
        if not self.experts:
            return (logits.sigmoid() - self.targets[:, 0][index]).div_(batch)
        column = torch.arange(self.experts, device=logits.device).view(1, -1, 1)
        slope = (logits.sigmoid() - self.targets[index, column]).div_(batch)
        absent = ~self.present.unsqueeze(2)
        if self.fit.union and self.shared:
            common = logits[:, :, : self.shared].masked_fill(absent, EMPTY)  # (N, K, S)
            top, winner = common.max(1, keepdim=True)  # (N, 1, S)
            truth = self.targets[:, -1][index[:, :1, : self.shared]]
            pull = (top.sigmoid() - truth).mul_(self.fit.union / self.shared)
            slope[:, :, : self.shared].scatter_add_(1, winner, pull)
        return slope.masked_fill_(absent, 0.0)

    def weights(self) -> Tensor:
        """(N, D) rows of the shapes still in work."""
        return torch.cat(
            [
                from_whitened(stack.rows, bank.shapes, self.space).reshape(-1, bank.number * stack.rows.shape[1])
                for stack, bank in zip(self.stacks, self.banks, strict=True)
            ],
            1,
        )

    def judge(self, i: int) -> tuple[float, float]:
        """On the check points of shape ``i``: mean IoU of the whole and its present parts, and IoU of the whole."""
        pool = self.pools[i]
        chosen = torch.from_numpy(pool.check).to(self.inputs.device) + self.starts[i]
        inputs, truth = self.inputs[chosen].unsqueeze(0), self.targets[chosen].T > 0.5
        logits = torch.cat(
            [
                network_logits(
                    layer_views(stack.rows[i * bank.number : (i + 1) * bank.number], bank.shapes),
                    stack.activation,
                    inputs.expand(bank.number, -1, -1),
                )
                for stack, bank in zip(self.stacks, self.banks, strict=True)
            ]
        )  # (K, P)
        if not self.experts:
            whole = float(iou(logits[0] > 0, truth[0]))
            return whole, whole
        there = self.present[i]
        whole = float(iou(logits[there].amax(0) > 0, truth[-1])) if there.any() else 1.0
        parts = iou(logits[there] > 0, truth[:-1][there])
        return float((parts.sum() + whole) / (len(parts) + 1)), whole

    def keep(self, which: Sequence[int]) -> None:
        """Go on with these shapes only."""
        self.pools = [self.pools[i] for i in which]
        index = torch.tensor(which, device=self.starts.device)
        self.starts, self.present = self.starts[index], self.present[index]
        for stack, bank in zip(self.stacks, self.banks, strict=True):
            stack.keep([i * bank.number + g for i in which for g in range(bank.number)])
