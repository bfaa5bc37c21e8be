"""The transformer of HyperDiffusion (G.pt, in the form of minGPT without a mask): pre-norm blocks over all tokens."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from engine.errors import InputError


class Attention(nn.Module):
    """Multi-head self-attention without a mask; query, key, value and output maps with bias."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value, self.proj = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.dropout = heads, dropout

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        batch, tokens, width = x.shape
        split = (batch, tokens, self.heads, width // self.heads)
        q, k, v = (linear(x).view(split).transpose(1, 2) for linear in (self.query, self.key, self.value))
        y = scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(batch, tokens, width))
        return out


class Block(nn.Module):
    """x += Attn(LN(x)); x += MLP(LN(x)), the MLP four times as wide with GELU."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        x = x + self.drop(self.attn(self.ln1(x)))
        out: Tensor = x + self.drop(self.mlp(self.ln2(x)))
        return out


class Transformer(nn.Module):
    """One shared LayerNorm, learned positions (zero at first), blocks, final LayerNorm. Weights start at N(0, 0.02)."""

    def __init__(self, tokens: int, width: int, layers: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"width {width} cannot be cut into {heads} heads; choose a multiple of the heads")
        self.ln_in, self.ln_f = nn.LayerNorm(width), nn.LayerNorm(width)
        self.pos_emb = nn.Parameter(torch.zeros(1, tokens, width))
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        x = self.ln_in(x) + self.pos_emb
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.ln_f(x)
        return out


def start_small(module: nn.Module) -> None:
    """Linear and embedding weights N(0, 0.02), biases 0 (for ``Module.apply``)."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, 0.0, 0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
