"""What colour the surface of an item has: coloured points of the mesh that it came as, so that whatever was mended since
still finds its colour nearby."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.geometry.export.paint import Paint
from engine.geometry.export.scene import Colour, to_linear, to_srgb
from engine.geometry.mesh import Geometry, Mesh, drop_unused
from engine.geometry.occupancy import surface_samples
from engine.geometry.raw import Raw
from engine.geometry.readers.coloured import ColouredRaw
from engine.storage import read_tensors, seed_of, write_tensors

POINTS = 16_384  # about 0.013 cube units apart
TONES = 5  # of red, of green and of blue; odd, so that grey is one
FILE = "colours.safetensors"  # beside the geometry; none where the file that came in tells no colours


def keep_paint(folder: Path, raw: Raw) -> None:
    """Write the colours of a mesh as it came into its item's ``folder``, see `write_paint`; nothing where it has none."""
    if not isinstance(raw, ColouredRaw):
        return
    points, face = surface_samples(raw.mesh, POINTS, np.random.default_rng(seed_of("paint", folder.name)))
    corners = raw.colours[raw.mesh.faces[face]]  # (P, 3 corners, 3 channels)
    colours = np.einsum("pc,pcd->pd", shares(raw.mesh, face, points), corners)
    write_paint(folder, Paint(points, to_linear(colours)))


def write_paint(folder: Path, paint: Paint) -> None:
    """Write what colour the surface of the item that ``folder`` is of has: points, and their sRGB as bytes.

    paint : in the coordinates of the item's source, so that it stays true when the item is turned
    """
    points, colours = np.asarray(paint.points, np.float64), np.rint(255 * to_srgb(paint.colours)).astype(np.uint8)
    write_tensors(folder / FILE, {"points": points, "colours": colours})


def load_paint(path: Path, to_source: NDArray[np.float64]) -> Paint:
    """Read back what `write_paint` wrote, in canonical space. Raises DamagedFileError.

    to_source : (4, 4) of the item's geometry
    """
    arrays, _ = read_tensors(path)
    back = np.linalg.inv(to_source)
    return Paint(arrays["points"] @ back[:3, :3].T + back[:3, 3], to_linear(arrays["colours"] / 255))


def by_tones(geometry: Geometry, paint: Path) -> list[tuple[Mesh, Colour]]:
    """The surface of an item as one mesh for each tone of its colours, which lie at ``paint``; nothing where it has none."""
    if not paint.is_file():
        return []
    surface = geometry.surface
    shades = load_paint(paint, geometry.to_source).at(surface.triangles.mean(1))
    return [(drop_unused(Mesh(surface.vertices, surface.faces[some])), own) for some, own in tones(shades)]


def tones(shades: NDArray[np.floating]) -> list[tuple[NDArray[np.int64], Colour]]:
    """Which of colours (N, 3) linear RGB look about alike, and how: `TONES` of each channel are told apart,
    as pictures show surfaces that have one colour throughout."""
    steps = np.rint((TONES - 1) * to_srgb(shades)).astype(np.int64)
    number = (steps * [TONES**2, TONES, 1]).sum(1)
    found = []
    for tone in np.unique(number):
        red, green, blue = to_linear(np.array([tone // TONES**2, tone // TONES % TONES, tone % TONES]) / (TONES - 1))
        found.append((np.flatnonzero(number == tone), (float(red), float(green), float(blue))))
    return found


def shares(mesh: Mesh, face: NDArray[np.int64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 3) barycentric coordinates of points (P, 3) on faces (P,) of a mesh, each 0..1 and 1 in all."""
    first, second, third = mesh.triangles[face].swapaxes(0, 1)
    a, b, at = second - first, third - first, points - first
    aa, ab, bb = ((u * v).sum(1) for u, v in ((a, a), (a, b), (b, b)))
    on_a, on_b = (at * a).sum(1), (at * b).sum(1)
    area = np.maximum(aa * bb - ab * ab, 1e-300)
    u, v = (bb * on_a - ab * on_b) / area, (aa * on_b - ab * on_a) / area
    found = np.stack([1 - u - v, u, v], 1).clip(0, 1)
    return found / found.sum(1, keepdims=True)
