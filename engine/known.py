"""What a shipped model knows of its training shapes without the project that it was trained in: how their parts meet, and
what their latents are, by which the novelty of a new shape is told."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import DamagedFileError
from engine.layout import Layout
from engine.method import Shapes
from engine.metrics.latents import nearest_rows, standardised
from engine.parts.order import Rule
from engine.project import Project
from engine.protocol import Stage
from engine.shipped import KNOWN, shipped_file
from engine.storage import read_tensors, write_tensors

MOST_BYTES = 900_000  # of latents in a file; of more training shapes some are kept, evenly chosen
PERCENTS = np.linspace(0, 100, 1001)
VERSION = 2  # of what is kept; 1 knows no order of parts


class KnownAbout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Header of a file of known shapes.

    layout : of the latents; meaning : what gives them one, `Representation.meaning` of the shipped model
    limits : of joints, as engine.joining keeps them; "" without parts
    order : of parts; drawn_in_order : whether the model draws by it, as it did when it was measured
    items : names of the training shapes whose latents are here; of : how many training shapes there were
    """

    layout: Layout
    meaning: str
    limits: str
    items: tuple[str, ...]
    of: int
    order: tuple[Rule, ...] = ()
    drawn_in_order: bool = False
    version: int = VERSION


@dataclass(frozen=True)
class Known:
    """Known training shapes.

    shapes : latents (N, D) float32, to half precision, and presence (N, K)
    apart : (1001,) percentiles of the distance from one of them to the nearest other, latents standardised
    points : (P, 3) float32 samples of the surfaces of their parts
    """

    about: KnownAbout
    shapes: Shapes
    apart: NDArray[np.float32]
    points: NDArray[np.float32]


class Nearness(msgspec.Struct, frozen=True):
    """How near a shape's latent is to that of a training shape.

    percentile : of training shapes that are nearer than that to another one; 0 = a copy, about 50 = as any other shape
    """

    shape: str
    nearest: str
    percentile: float


def read_known(model: str, project: Project) -> Known:
    """What a shipped model knows, see `shipped_file`. Raises InputError for an unknown one, DamagedFileError."""
    return read_known_file(shipped_file(model, KNOWN, project.folder))


def read_known_file(path: Path) -> Known:
    """The same from a file."""
    arrays, header = read_tensors(path)
    try:
        about = msgspec.json.decode(header["known"], type=KnownAbout)
        latent = torch.from_numpy(arrays["latent"].astype(np.float32))
        shapes = Shapes(latent, torch.from_numpy(arrays["present"].astype(bool)), model_id=about.meaning)
        return Known(about, shapes, arrays["apart"], arrays["points"].astype(np.float32))
    except (KeyError, msgspec.DecodeError) as error:
        raise DamagedFileError(f"{path} cannot be read ({error}); install the program again") from error


def write_known(
    path: Path, latent: NDArray[np.float32], present: NDArray[np.bool_], points: NDArray[np.float32], about: KnownAbout
) -> Stage[None]:
    """Keep latents (N, D), presence (N, K) and points (P, 3) of the training shapes, in half precision; of many, some."""
    step = -(-latent.nbytes // (2 * MOST_BYTES))
    kept = latent[::step].astype(np.float16)
    (rows,) = standardised(kept.astype(np.float32), [])
    near = yield from nearest_rows(rows, rows, leave_out=True)
    arrays: dict[str, NDArray] = {
        "latent": kept,
        "present": present[::step].astype(np.uint8),
        "apart": np.percentile(near.distance, PERCENTS).astype(np.float32),
        "points": points.astype(np.float16),
    }
    about = msgspec.structs.replace(about, items=about.items[::step], of=len(latent))
    write_tensors(path, arrays, {"known": msgspec.json.encode(about).decode()})


def nearness(names: list[str], latent: NDArray[np.float32], known: Known) -> Stage[list[Nearness]]:
    """How near latents (N, D) of the named shapes are to known training shapes."""
    training, new = standardised(known.shapes.latent.numpy(), [latent])
    near = yield from nearest_rows(new, training)
    percent = np.interp(near.distance, known.apart, PERCENTS)
    return [
        Nearness(name, known.about.items[row], round(float(value), 1))
        for name, row, value in zip(names, near.rows[:, 0].tolist(), percent, strict=True)
    ]
