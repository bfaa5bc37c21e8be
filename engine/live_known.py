"""Training shapes of a model that comes with the program, by a name of their own: there is no item of them here."""

from dataclasses import replace

import msgspec

from engine.errors import InputError
from engine.known import read_known
from engine.live_requests import known_of
from engine.method import Workspace
from engine.opened import Opened, open_shape
from engine.project import Project
from engine.protocol import Stage
from engine.shapes import version_of


def open_known(name: str, project: Project, work: Workspace) -> Stage[Opened]:
    """The training shape of `live_requests.known_name`, decoded as the shapes that its run drew; to half precision.

    Raises InputError where the model of the run does not tell of such a shape.
    """
    run, item = known_of(name)
    shapes = project.catalogue.shapes(run)
    if not shapes:
        raise InputError(f"run {run} has no shapes, so nothing is known of what its model learned from")
    like = yield from open_shape(shapes[0].id, project, work)
    known = read_known(version_of(run, project), project)
    if item not in known.about.items or known.about.layout != like.layout:
        raise InputError(f"the model that {run} drew with tells of no training shape {item}")
    shape = replace(known.shapes.row(known.about.items.index(item)), model_id=like.shape.model_id)
    names = tuple(part.name for part in like.representation.parts)
    flags = shape.present[0].tolist() if shape.present is not None and names else [False] * len(names)
    there = tuple(part for part, flag in zip(names, flags, strict=True) if flag)
    row = msgspec.structs.replace(like.row, id=name, item=item, kind="fitted", present=there, parents=())
    return replace(like, row=row, shape=shape if names else replace(shape, present=None))
