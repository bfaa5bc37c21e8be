"""Which shapes a model made, of which larger loose shells are crumbs: one rule for exports and films."""

from engine.cards import card_of
from engine.opened import Opened
from engine.project import Project


def made(opened: Opened, project: Project) -> bool:
    """Whether a network drew numbers of a shape, or of one that it was made from, or its parts were found in a cloud.

    False for fits and imports and what is mixed, healed or interpolated from them alone: what equals a fit bit for bit
    is exported as the fit is. False where parts were moved or copied, too: they may well stand alone, on purpose.
    """
    if opened.shape.pose is not None or any(opened.shape.copies):
        return False
    known, waiting = {opened.row.id}, [opened.row]
    while waiting:
        row = waiting.pop()
        if row.kind in ("fitted", "imported"):
            continue
        if row.kind in ("generated", "split") or card_of(row, project).seed is not None:
            return True
        waiting += [project.catalogue.shape(name) for name in row.parents if name not in known]
        known.update(row.parents)
    return False
