"""Parts of an item under other names; parts that get the same name become one."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from engine.errors import MeshError
from engine.geometry.mesh import Geometry, Mesh, join
from engine.geometry.regions import Regions, from_cloud
from engine.geometry.solids import union


def rename(geometry: Geometry, mapping: Mapping[str, str]) -> Geometry:
    """Found name -> wanted name for the parts of an item, solids and regions; "" takes a name away.

    Names that ``mapping`` lacks stay. Solids of the same name are united, regions relabelled. A solid without a name
    still belongs to the whole (``complete`` becomes False); the place of a region without a name falls to its
    neighbours. Without any name left the item has no parts.
    """
    groups: dict[str, list[Mesh]] = {}
    notes, complete = geometry.notes, geometry.complete
    for found, solid in geometry.parts.items():
        if wanted := mapping.get(found, found):
            groups.setdefault(wanted, []).append(solid)
        else:
            complete = False
    parts = {}
    for name, solids in groups.items():
        try:
            parts[name] = union(solids) if len(solids) > 1 else solids[0]
        except MeshError as error:
            parts[name] = join(solids)
            notes = (*notes, f"the {len(solids)} solids of {name} were put together but not united ({error})")
    regions = _renamed(geometry.regions, mapping) if geometry.regions else None
    return replace(geometry, parts=parts, regions=regions, notes=notes, complete=complete or not parts)


def _renamed(regions: Regions, mapping: Mapping[str, str]) -> Regions | None:
    wanted = [mapping.get(name, name) for name in regions.names]
    names = tuple(dict.fromkeys(name for name in wanted if name))
    label = np.array([names.index(name) if name else -1 for name in wanted])[regions.label]
    if not (label >= 0).any():
        return None
    found = from_cloud(regions.points, label, names)
    return Regions(found.points, found.label, found.names, 1 - (1 - regions.unlabelled) * (1 - found.unlabelled))
