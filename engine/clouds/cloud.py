"""Points on the surface of a shape, as a thing that methods decode to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PointCloud:
    """Points in canonical space, in no order.

    points : (P, 3) float32
    colours : (P, 3) float32 linear RGB in 0..1, None where points have none
    """

    points: NDArray[np.float32]
    colours: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.points)
