"""The training caption that means most nearly what a prompt means, as an encoder has it."""

from collections.abc import Sequence

from torch import Tensor

from engine.errors import InputError
from engine.text.encoder import TextEncoder


def nearest(
    prompts: Sequence[str], known: Sequence[str], vectors: Tensor, encoder: TextEncoder
) -> list[tuple[str, float]]:
    """For each prompt the nearest of ``known`` and the cosine of the two, -1 to 1; low says: not what it was trained on.

    vectors : (K, dim) of the known captions, by the same encoder. Raises InputError without any.
    """
    if not known:
        raise InputError("no known prompts to compare with; choose a model that was trained on captions")
    likeness, which = (encoder.encode(prompts).detach() @ vectors.T).max(1)
    return [(known[i], float(one)) for i, one in zip(which.tolist(), likeness.tolist(), strict=True)]
