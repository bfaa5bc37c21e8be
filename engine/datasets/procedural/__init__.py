"""Procedural shapes: aeroplanes, chairs, cars, tables, lamps and mugs with named parts, each made from one seed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from engine.datasets.procedural import (
    airplane,
    airplane_parts,
    car,
    car_parts,
    chair,
    chair_parts,
    lamp,
    lamp_parts,
    mug,
    table,
    table_parts,
)
from engine.datasets.procedural.solids import union
from engine.datasets.procedural.triangles import triangles
from engine.datasets.procedural.words import captions
from engine.errors import InputError
from engine.geometry.mesh import Geometry, Mesh

VERSION: int = 1
CATEGORIES: tuple[str, ...] = ("airplane", "chair", "car", "table", "lamp", "mug")
PARTS: dict[str, tuple[str, ...]] = {
    "airplane": ("body", "wing", "tail", "engine"),
    "chair": ("back", "seat", "leg", "arm"),
    "car": ("wheel", "roof", "hood", "body"),
    "table": ("top", "leg", "drawer"),
    "lamp": ("base", "pole", "shade", "canopy"),
    "mug": ("body", "handle"),
}
LONGEST = 0.95
CRUMB = 1e-8  # volume of what is too small to be meant, raw units cubed
FEWEST = 2000  # faces of a surface


@dataclass(frozen=True)
class ProceduralShape:
    """One shape in canonical space; ``geometry.parts`` holds only the parts that are present."""

    category: str
    seed: int
    geometry: Geometry
    attributes: dict[str, str | int | bool]
    captions: tuple[str, ...]


def seed_of(category: str, seed: int) -> int:
    """The generator's seed: the same number gives unrelated shapes in two categories and two versions."""
    return int.from_bytes(hashlib.sha256(f"{VERSION}/{category}/{seed}".encode()).digest()[:8], "big")


Drawn = tuple[dict[str, list[Manifold]], tuple[dict[str, str | int | bool], list[str], list[str]]]


def _airplane(rng: Generator) -> Drawn:
    plan = airplane.draw(rng)
    return airplane_parts.build(plan), airplane.words(plan)


def _chair(rng: Generator) -> Drawn:
    plan = chair.draw(rng)
    return chair_parts.build(plan), chair.words(plan)


def _car(rng: Generator) -> Drawn:
    plan = car.draw(rng)
    return car_parts.build(plan), car.words(plan)


def _table(rng: Generator) -> Drawn:
    plan = table.draw(rng)
    return table_parts.build(plan), table.words(plan)


def _lamp(rng: Generator) -> Drawn:
    plan = lamp.draw(rng)
    return lamp_parts.build(plan), lamp.words(plan)


def _mug(rng: Generator) -> Drawn:
    plan = mug.draw(rng)
    return mug.build(plan), mug.words(plan)


MAKERS: dict[str, Callable[[Generator], Drawn]] = {
    "airplane": _airplane, "chair": _chair, "car": _car, "table": _table, "lamp": _lamp, "mug": _mug,
}  # fmt: skip


def make(category: str, seed: int) -> ProceduralShape:
    """The shape of this seed, always the same; raises InputError for an unknown category."""
    if category not in MAKERS:
        raise InputError(f"no procedural category is called {category!r}; choose one of {', '.join(CATEGORIES)}")
    rng = Generator(PCG64(seed_of(category, seed)))
    pieces, (attributes, adjectives, phrases) = MAKERS[category](rng)
    solids = {name: filled(union(pieces[name])) for name in PARTS[category] if pieces.get(name)}
    whole = filled(union(list(solids.values())))
    if whole.num_tri() < FEWEST:
        whole = whole.refine(2)  # each triangle becomes four
    box = np.array(whole.bounding_box()).reshape(2, 3)
    centre, scale = box.mean(0), LONGEST / (box[1] - box[0]).max()
    geometry = Geometry(
        surface=_mesh(whole, centre, scale), parts={name: _mesh(part, centre, scale) for name, part in solids.items()}
    )
    return ProceduralShape(
        category, seed, geometry, attributes, captions(category, attributes, adjectives, phrases, rng)
    )


def filled(solid: Manifold) -> Manifold:
    """The solid without the closed hollows inside it, of which nothing is seen, and without crumbs of a boolean."""
    shells = solid.decompose()
    outer = [shell for shell in shells if shell.volume() > CRUMB]
    return solid if len(outer) == len(shells) else union(outer)


def _mesh(solid: Manifold, centre: NDArray[np.float64], scale: float) -> Mesh:
    vertices, faces = triangles(solid)
    return Mesh(vertices=(vertices - centre) * scale, faces=faces)
