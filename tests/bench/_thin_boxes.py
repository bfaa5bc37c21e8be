"""Sheets and rods that are hard to see on a grid: as meshes, as networks that hold them exactly, and as analytic logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.fields.mlp import WeightField
from engine.fields.weights import field_layout, flatten
from engine.geometry.blocks import Field
from engine.geometry.mesh import Geometry, Mesh, flip, volume
from engine.settings import FieldSettings

ANGLES = ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 2.0, 3.0))
STEEP = 8.0  # logits per voxel of the thin shapes, like fitted networks at 256 per axis
SETTINGS = FieldSettings()
LAYOUT = field_layout(SETTINGS)


@dataclass(frozen=True)
class Box:
    """A turned box: rows of ``frame`` (3, 3) are its axes, ``half`` (3,) its half sides, ``centre`` (3,) its middle."""

    frame: np.ndarray
    centre: np.ndarray
    half: np.ndarray

    def geometry(self) -> Geometry:
        """The box as a closed mesh, where it lies."""
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * self.half
        quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        faces = np.array([half for a, b, c, d in quads for half in ((a, b, c), (a, c, d))], np.int32)
        surface = Mesh(corners @ self.frame + self.centre, faces)
        return Geometry(flip(surface) if volume(surface) < 0 else surface)


def boxes_of(resolution: int) -> Sequence[tuple[str, str, Box]]:
    """Sheets and rods two voxels across."""
    voxel = 1 / (resolution - 1)
    found = []
    for number, angle in enumerate(ANGLES):
        frame = np.linalg.qr(np.stack([angle, (0.3, 1.0, 0.2), (0.1, 0.2, 1.0)], 1))[0].T  # first row along the angle
        centre = np.array([0.0131, -0.0217, 0.0093]) * number
        for shape, half in (("sheet", (voxel, 0.35, 0.3)), ("rod", (0.4, voxel, voxel))):
            found.append((shape, f"{shape} along {angle}", Box(frame, centre, np.array(half))))
    return found


def exact(boxes: Sequence[tuple[str, str, Box]], resolution: int) -> Sequence[tuple[str, str, Field]]:
    """The boxes as networks with hand-set weights, and as analytic logits."""
    fields: list[tuple[str, str, Field]] = []
    scale = STEEP * (resolution - 1)
    for shape, name, box in boxes:
        fields.append((f"{shape}, exact network", name, _box_network(box.frame, box.centre, box.half, scale)))
        for limit in (1e9, STEEP):
            kind = f"{shape}, analytic" + (", clipped" if limit < 1e9 else "")
            fields.append((kind, name, _box_logits(box.frame, box.centre, box.half, scale, limit)))
    return fields


def _box_logits(frame: np.ndarray, centre: np.ndarray, half: np.ndarray, scale: float, limit: float) -> Field:
    """scale * (how far inside a turned box), clipped; rounded outside, so a rod's logit falls with its true distance."""
    axes, middle, size = (torch.from_numpy(one).float() for one in (frame, centre, half))

    def field(points: Tensor) -> Tensor:
        beyond = ((points - middle) @ axes.T).abs() - size
        distance = beyond.clamp(min=0).norm(dim=1) + beyond.amax(1).clamp(max=0)
        return (-scale * distance).clamp(-limit, limit)

    return field


def _box_network(frame: np.ndarray, centre: np.ndarray, half: np.ndarray, scale: float) -> WeightField:
    """The smallest of h_i - |a_i . (p - c)|, i = 1..3, times ``scale``, written exactly as a ReLU network of paper size.

    |x| = relu(x) + relu(-x), and max(a, b) = a + relu(b - a), one per layer; the other units stay zero.
    """
    width = SETTINGS.hidden[0]
    tensors = {slot.name: torch.zeros(slot.shape) for slot in LAYOUT.slots}
    weight = [tensors[f"layers.{i}.weight"] for i in range(4)]
    bias = [tensors[f"layers.{i}.bias"] for i in range(4)]
    assert width >= 6
    for i, axis in enumerate(torch.from_numpy(frame).float()):
        away = float(frame[i] @ centre)
        for unit, sign in ((2 * i, 1.0), (2 * i + 1, -1.0)):
            weight[0][unit, :3], bias[0][unit] = sign * axis, -sign * away
    h = half.tolist()
    weight[1][0, 0:2] = 1  # |x1|
    weight[1][1, 2:4], weight[1][1, 0:2], bias[1][1] = 1, -1, h[0] - h[1]  # (|x2| - h2) - (|x1| - h1)
    weight[1][2, 4:6] = 1  # |x3|
    weight[2][0, 0:2] = 1  # max of the first two, plus h1
    weight[2][1, 2], weight[2][1, 0:2], bias[2][1] = 1, -1, h[0] - h[2]  # (|x3| - h3) - that
    weight[3][0, 0:2], bias[3][0] = -scale, scale * h[0]
    rows = flatten({name: tensor[None] for name, tensor in tensors.items()}, LAYOUT)
    return WeightField(rows[0], LAYOUT, SETTINGS)
