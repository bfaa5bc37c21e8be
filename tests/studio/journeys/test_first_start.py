"""Journey (a), the first start: shapes at once, parts of others on one of them, healed, taken to Blender, and there again."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QListView
from pytestqt.qtbot import QtBot

from engine import shipped
from studio.models.opened import ENGINES
from studio.views.gallery import GalleryView
from studio.views.library import LibraryView
from studio.views.mix import MixView
from studio.views.mix_slot import SlotRow
from tests.studio.conftest import Desk
from tests.studio.journeys.person import Person

CONTROL = Qt.KeyboardModifier.ControlModifier
DECORATION = Qt.ItemDataRole.DecorationRole
SEED = 4  # of the dice


@pytest.mark.slow
@pytest.mark.skipif(not shipped.names(), reason="no model comes with this build")
def test_first_start(
    make_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.models.preferences.user_documents_path", lambda: tmp_path / "Documents")
    random.seed(SEED)
    desk = make_desk(ENGINES)
    me = Person(desk.window, qtbot, tmp_path / "pictures", "a")
    me.rest()
    me.shoot("welcome")

    me.press("Generate")
    gallery = me.sees(GalleryView).list
    me.wait(lambda: len(me.cards(gallery)) == 6, 120, "six shapes")
    me.wait(lambda: pictured(gallery), 60, "pictures")
    me.click_card(gallery, 0)
    me.rest(2000)
    me.shoot("picked")

    me.turn_to("Mix")
    me.press("Mix the shape in view")
    panel = me.sees(MixView)
    me.wait(lambda: len(me.all(SlotRow)) > 2)
    me.reads("all parts meet as usual", 120)
    rows = {row.name: row for row in me.all(SlotRow)}
    swapped = [name for name in ("wing", "engine", "back", "leg") if name in rows][:2]
    for part, donor in zip(swapped, (1, 3), strict=True):
        me.click(rows[part])
        me.reads(f"Donors of {part}", 10)
        donor = min(donor, len(me.cards(panel.shelf)) - 1)
        title = me.cards(panel.shelf)[donor]
        assert me.drag_card(panel.shelf, donor, rows[part])
        me.wait(lambda: title in rows[part]._words.text(), 10, title)  # noqa: B023
        me.rest(1500)
        me.shoot(f"{part} of another")
    me.wait(lambda: "Looking" not in panel._joints.text(), 120, "how parts meet")
    me.shoot("before healing")
    me.press("Heal")
    me.reads("Working on it")
    me.shoot("healing")
    me.wait(lambda: "Working" not in " ".join(me.texts()), 300, "healed")
    me.rest(2500)
    me.shoot("healed")

    me.keys(Qt.Key.Key_E, CONTROL)
    me.reads("Export Airplane 3.1", 20)
    me.turn_to("Blender")
    me.write(me.sees(QLineEdit, "Folder"), str(tmp_path / "for Blender"))
    me.shoot("export dialogue")
    me.press("Export", me.sees(QLineEdit, "Folder").window())
    me.reads("1 shape exported", 300)
    me.shoot("exported")
    (path,) = (tmp_path / "for Blender").glob("*.glb")
    scene = trimesh.load_scene(path)
    assert set(swapped) <= {name.partition(".")[0] for name in scene.graph.nodes_geometry} | set(scene.geometry), scene
    assert all(mesh.is_watertight for mesh in scene.geometry.values())

    me.keys(Qt.Key.Key_W, CONTROL)
    me.reads("Projects", 60)
    me.shoot("closed")
    me.press("My shapes")
    library = me.sees(LibraryView).list
    me.wait(lambda: len(me.cards(library)) >= 7, 60, "the library again")
    me.turn_to("Mix")
    me.reads("Mix of Airplane 3.1", 60)
    me.wait(lambda: pictured(library), 120, "pictures")
    me.rest(2500)
    me.shoot("reopened")


def pictured(view: QListView) -> bool:
    """Whether all cards in sight have their pictures."""
    return all(view.model().index(i, 0).data(DECORATION) is not None for i in range(min(6, view.model().rowCount())))
