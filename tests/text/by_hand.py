"""BERT and CLIP's text tower once more, in numpy, token by token, from their papers: what the encoders must agree with."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, Array]
erf = np.vectorize(math.erf)


def linear(w: Weights, name: str, x: Array) -> Array:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w: Weights, name: str, x: Array, eps: float) -> Array:
    spread = np.sqrt(((x - x.mean()) ** 2).mean() + eps)
    return (x - x.mean()) / spread * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(q: list[Array], k: list[Array], v: list[Array], heads: int, past_only: bool) -> list[Array]:
    size = len(q[0]) // heads
    out = []
    for i in range(len(q)):
        rows = []
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            seen = range(i + 1) if past_only else range(len(k))
            score = np.array([q[i][part] @ k[j][part] / math.sqrt(size) for j in seen])
            share = np.exp(score - score.max()) / np.exp(score - score.max()).sum()
            rows.append(sum((share[j] * v[j][part] for j in seen), np.zeros(size)))
        out.append(np.concatenate(rows))
    return out


def bert_sentence(w: Weights, ids: list[int], layers: int, heads: int) -> Array:
    """The mean of the last vectors of one text, of length 1."""
    e = "embeddings"
    x = [
        norm(
            w,
            f"{e}.LayerNorm",
            w[f"{e}.word_embeddings.weight"][token]
            + w[f"{e}.position_embeddings.weight"][i]
            + w[f"{e}.token_type_embeddings.weight"][0],
            1e-12,
        )
        for i, token in enumerate(ids)
    ]
    for i in range(layers):
        a = f"encoder.layer.{i}.attention"
        q, k, v = ([linear(w, f"{a}.self.{name}", one) for one in x] for name in ("query", "key", "value"))
        y = attention(q, k, v, heads, False)
        x = [
            norm(w, f"{a}.output.LayerNorm", one + linear(w, f"{a}.output.dense", two), 1e-12)
            for one, two in zip(x, y, strict=True)
        ]
        at = f"encoder.layer.{i}"
        inner = [linear(w, f"{at}.intermediate.dense", one) for one in x]
        inner = [one * 0.5 * (1 + erf(one / math.sqrt(2))) for one in inner]
        x = [
            norm(w, f"{at}.output.LayerNorm", one + linear(w, f"{at}.output.dense", two), 1e-12)
            for one, two in zip(x, inner, strict=True)
        ]
    mean = sum(x, np.zeros_like(x[0])) / len(x)
    return mean / np.linalg.norm(mean)


def clip_sentence(w: Weights, ids: list[int], layers: int, heads: int, quick: bool) -> Array:
    """The projected vector of the last token of one text, of length 1."""
    t = "text_model"
    x = [
        w[f"{t}.embeddings.token_embedding.weight"][token] + w[f"{t}.embeddings.position_embedding.weight"][i]
        for i, token in enumerate(ids)
    ]
    for i in range(layers):
        at = f"{t}.encoder.layers.{i}"
        y = [norm(w, f"{at}.layer_norm1", one, 1e-5) for one in x]
        q, k, v = ([linear(w, f"{at}.self_attn.{n}_proj", one) for one in y] for n in "qkv")
        y = attention(q, k, v, heads, True)
        x = [one + linear(w, f"{at}.self_attn.out_proj", two) for one, two in zip(x, y, strict=True)]
        for j, one in enumerate(x):
            inner = linear(w, f"{at}.mlp.fc1", norm(w, f"{at}.layer_norm2", one, 1e-5))
            inner = inner / (1 + np.exp(-1.702 * inner)) if quick else inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
            x[j] = one + linear(w, f"{at}.mlp.fc2", inner)
    last = w["text_projection.weight"] @ norm(w, f"{t}.final_layer_norm", x[-1], 1e-5)
    return last / np.linalg.norm(last)
