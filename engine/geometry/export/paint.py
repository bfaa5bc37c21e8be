"""Colours for surfaces that have none of their own: those of points that lie on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Paint:
    """Coloured points in canonical space. points : (P, 3); colours : (P, 3) linear RGB 0..1"""

    points: NDArray[np.floating]
    colours: NDArray[np.floating]

    def at(self, places: NDArray[np.floating]) -> NDArray[np.float32]:
        """(K, 3) linear RGB at places (K, 3), see `engine.geometry.from_cloud.colours_at`."""
        from engine.geometry.from_cloud import (
            colours_at,
        )  # it loads torch, and most exports are of shapes without paint

        return colours_at(np.asarray(places, np.float64), np.asarray(self.points, np.float64), self.colours)
