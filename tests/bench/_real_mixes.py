"""Mixes of a real shape with one that a model made: one part each way, and whether their unions are sound."""

from typing import Any

from engine.holding import shells_of, union_of
from engine.jobs import MixJob
from engine.method import Workspace
from engine.opened import open_shape
from engine.project import Project
from engine.protocol import Stage
from tests.bench._budget import Account, done

GRID = 96  # grid points per side
PART = {"airplane": "wing", "chair": "leg"}  # the one that is exchanged


def mixed(
    item: str, real: str, other: str, category: str, project: Project, account: Account, work: Workspace
) -> Stage[dict[str, Any]]:
    """``given``: the shape ``other`` with a part of the shape ``real``; ``taken``: the reverse; ``alone``: the real one.
    Of each, whether its union is watertight, and of how many shells it is."""
    found: dict[str, Any] = {"alone": (yield from sound(real, project, work))}
    for way, base, donor in (("given", other, real), ("taken", real, other)):
        job = MixJob(run=f"{way}-{item}", base=base, parts={PART[category]: donor}, device="cpu")
        result = yield from done(job, project, account)
        assert result is not None
        found[way] = yield from sound(result["shapes"][0], project, work)
    return found


def sound(name: str, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """What `bench newfit` tells of the union of a shape, as an export writes it."""
    opened = yield from open_shape(name, project, work)
    tight, shells = shells_of((yield from union_of(name, opened.decoded(), GRID)))
    return {"watertight": tight, "shells": shells}
