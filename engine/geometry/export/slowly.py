"""Exports that take long, written by a process of their own: the caller goes on, and can stop them at any time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from safetensors.numpy import load, save

from engine.child import Child
from engine.geometry.export.paint import Paint
from engine.geometry.export.scene import Colour
from engine.geometry.export.write import ExportInfo, export_mesh
from engine.geometry.mesh import Mesh
from engine.protocol import Progress, Stage
from engine.settings import ExportOptions
from engine.stages import retold

FEW = 2000  # faces that are unwrapped, or made fewer, in less than half a second
MEMORY, SECONDS = 8 * 2**30, 3600.0
INSTEAD = "ask for fewer faces or a coarser resolution, or leave uvs out"


class Order(msgspec.Struct, frozen=True):
    """What ``export_mesh`` is asked for, but for the meshes, which follow; None stands for the surface of the whole."""

    path: str
    names: tuple[str | None, ...]
    colours: dict[str, Colour]
    recipe: dict[str, Any]
    options: ExportOptions


class Request(msgspec.Struct, frozen=True):
    """An order with its meshes, as safetensors: vertices/0, faces/0 and so on, in the order of the names; and where there
    is some the paint, paint/points and paint/colours."""

    order: Order
    meshes: bytes


def export_slowly(
    path: Path,
    surface: Mesh | None,
    parts: Mapping[str, Mesh],
    colours: Mapping[str, Colour],
    recipe: Mapping[str, Any],
    options: ExportOptions,
    paint: Paint | None = None,
) -> Stage[ExportInfo]:
    """``export_mesh``, which says more, as a stage that yields however long UVs, smoothing and fewer faces take.

    Raises what that raises, and MeshError when it takes too much time or memory.
    """
    found: list[tuple[str | None, Mesh]] = [*parts.items(), *([] if surface is None else [(None, surface)])]
    begun = Progress(stage="export", done=0, total=1, message=path.name)
    yield begun
    if not (options.uvs or options.faces or options.smoothing) or sum(len(mesh.faces) for _, mesh in found) <= FEW:
        return export_mesh(path, surface, parts, colours, recipe, options, paint=paint)
    tensors = {}
    for number, (_, mesh) in enumerate(found):
        tensors[f"vertices/{number}"] = np.ascontiguousarray(mesh.vertices)
        tensors[f"faces/{number}"] = np.ascontiguousarray(mesh.faces)
    if paint:
        tensors["paint/points"] = np.ascontiguousarray(paint.points)
        tensors["paint/colours"] = np.ascontiguousarray(paint.colours)
    order = Order(str(path), tuple(name for name, _ in found), dict(colours), dict(recipe), options)
    with Child(f"{__name__}:answer", MEMORY, SECONDS, "writing the file", INSTEAD, INSTEAD) as child:
        asked = child.ask(msgspec.msgpack.encode(Request(order, save(tensors))))
        written = yield from retold(asked, lambda s: replace(begun, message=f"{path.name}, {s:.0f} s"))
    return msgspec.convert(msgspec.msgpack.decode(written) | {"path": path}, ExportInfo)


def answer(request: bytes) -> bytes:
    """Request in, the fields of ExportInfo out, as msgpack; the work of the child."""
    asked = msgspec.msgpack.decode(request, type=Request)
    order, tensors = asked.order, load(asked.meshes)
    meshes = {name: Mesh(tensors[f"vertices/{k}"], tensors[f"faces/{k}"]) for k, name in enumerate(order.names)}
    parts = {name: mesh for name, mesh in meshes.items() if name is not None}
    paint = Paint(tensors["paint/points"], tensors["paint/colours"]) if "paint/points" in tensors else None
    whole = meshes.get(None)
    info = export_mesh(Path(order.path), whole, parts, order.colours, order.recipe, order.options, paint=paint)
    return msgspec.msgpack.encode({**vars(info), "path": order.path})
