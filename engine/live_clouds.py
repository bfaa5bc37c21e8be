"""Shapes that are clouds, as the live engine shows them: their points, where others have surfaces."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.clouds.cloud import PointCloud
from engine.geometry.export import GREY, WHOLE
from engine.live_requests import Meshes, Piece
from engine.live_shapes import Mixed
from engine.storage import digest


def cloud_of(mixed: Mixed) -> PointCloud | None:
    """The points of a shape; None of one that has a surface."""
    if mixed.like.representation.ordered:  # numbers that mean something by their place are no points
        return None
    decoded = mixed.like.representation.decode(mixed.shape.to(mixed.like.device))[0]
    return decoded if isinstance(decoded, PointCloud) else None


def points_of(cloud: PointCloud) -> tuple[Meshes, Mapping[str, NDArray]]:
    """The answer to a `Decode`: one piece, the whole, with "points/shape" (P, 3) float32 canonical, and "colours/shape"
    (P, 3) float32 linear RGB 0..1 where the points have any."""
    points = cloud.points.astype(np.float32)
    arrays: dict[str, NDArray] = {f"points/{WHOLE}": points}
    if cloud.colours is not None:
        arrays[f"colours/{WHOLE}"] = cloud.colours.astype(np.float32)
    key = digest(b"".join(array.tobytes() for array in arrays.values()))
    return Meshes(resolution=0, pieces=(Piece(name=WHOLE, part=WHOLE, key=key, colour=GREY),)), arrays
