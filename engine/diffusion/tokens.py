"""A latent row as a row of tokens: one per slot as published, or equal chunks. No token spans two parts."""

import math
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from engine.layout import Layout
from engine.settings import DenoiserSettings


@dataclass(frozen=True)
class Token:
    """Which numbers of a row are one token, and the part that they belong to ("" = the whole shape)."""

    span: slice
    part: str

    @property
    def size(self) -> int:
        """How many numbers."""
        return int(self.span.stop - self.span.start)


def cut(layout: Layout, settings: DenoiserSettings) -> list[Token]:
    """Tokens of a layout, in order, without gaps.

    ``tokens=chunk`` joins neighbouring slots of one part and cuts them into the fewest equal pieces of at most
    ``settings.chunk`` numbers (the last one may be a little shorter).
    """
    slots = list(zip(layout.slots, layout.spans, strict=True))
    if settings.tokens == "tensor":
        return [Token(span, slot.part) for slot, span in slots]
    tokens = []
    for part, group in groupby(slots, key=lambda pair: pair[0].part):
        spans = [span for _, span in group]
        start, stop = spans[0].start, spans[-1].stop
        size = math.ceil((stop - start) / math.ceil((stop - start) / settings.chunk))
        tokens += [Token(slice(a, min(a + size, stop)), part) for a in range(start, stop, size)]
    return tokens


class TokenProjections(nn.Module):
    """Linear maps without bias between numbers and tokens: own ones for each token, or one for all (padded)."""

    def __init__(self, tokens: list[Token], width: int, shared: bool) -> None:
        super().__init__()
        self.tokens, self.shared = tokens, shared
        self.longest = max(token.size for token in tokens)
        sizes = [self.longest] if shared else [token.size for token in tokens]
        self.enter = nn.ModuleList(nn.Linear(size, width, bias=False) for size in sizes)
        self.leave = nn.ModuleList(nn.Linear(width, size, bias=False) for size in sizes)

    def read(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, T, width)."""
        pieces = [x[:, token.span] for token in self.tokens]
        if self.shared:
            padded = [nn.functional.pad(piece, (0, self.longest - piece.shape[1])) for piece in pieces]
            tokens: Tensor = self.enter[0](torch.stack(padded, 1))
            return tokens
        return torch.stack([enter(piece) for enter, piece in zip(self.enter, pieces, strict=True)], 1)

    def write(self, h: Tensor) -> Tensor:
        """(B, T, width) -> (B, D)."""
        if self.shared:
            padded = self.leave[0](h)  # (B, T, longest)
            return torch.cat([padded[:, i, : token.size] for i, token in enumerate(self.tokens)], 1)
        return torch.cat([leave(h[:, i]) for i, leave in enumerate(self.leave)], 1)
