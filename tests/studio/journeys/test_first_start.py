"""Journey (a), the first start: shapes at once, parts of others on one of them, healed, taken to Blender, and there again."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QListView

from engine import shipped
from engine.project import Project
from studio.models.opened import ENGINES
from studio.models.preferences import Preferences
from studio.views.form import FormView
from studio.views.gallery import GalleryView
from studio.views.library import LibraryView
from studio.views.mix import MixView
from studio.views.mix_slot import SlotRow
from tests.parts.projects import keep_fit
from tests.studio.conftest import Desk
from tests.studio.journeys.conftest import Arrive
from tests.studio.journeys.person import Person

CONTROL = Qt.KeyboardModifier.ControlModifier
DECORATION = Qt.ItemDataRole.DecorationRole


@pytest.mark.slow
@pytest.mark.skipif(not shipped.names(), reason="no model comes with this build")
def test_first_start(arrive: Arrive, tmp_path: Path) -> None:
    _, me = arrive("a")
    me.press("Airplanes")
    gallery, library = me.sees(GalleryView).list, me.sees(LibraryView).list
    me.wait(lambda: len(me.cards(library)) == len(me.cards(gallery)) == 6, 120, "six shapes")
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
    me.reads("Healing …")
    me.shoot("healing")
    me.wait(lambda: "Healing …" not in me.texts(), 300, "healed")
    me.rest(2500)
    me.shoot("healed")

    me.press("Keep")
    me.wait(lambda: len(me.cards(library)) == 7, 60, "the healed one among the shapes")
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
    me.reads("all parts meet as usual", 120)
    me.rest(1500)
    me.shoot("reopened")


def test_parts_of_another_taken_to_blender(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    """The same in short, with shapes that were there before: mixed, exported from the panel, there again tomorrow."""
    with Project.create(tmp_path / "Toys") as project:
        keep_fit(project, "fit")
    Preferences(tmp_path / "preferences").used(tmp_path / "Toys")
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "a quick")
    me.press("Toys")
    library = me.sees(LibraryView).list
    me.wait(lambda: len(me.cards(library)) == 3, 60, "three toys")
    donor = me.cards(library)[1]
    me.ask_card(library, 0)
    me.pick("Mix it")
    me.wait(lambda: len(me.all(SlotRow)) == 3, 60, "slots")
    slots = {slot.name: slot for slot in me.all(SlotRow)}
    assert me.drag_card(library, 1, slots["wing"]), "cards of the library are donors too"
    me.wait(lambda: donor in slots["wing"].accessibleName(), 10, "the wing of another")
    me.press("Export…", me.sees(MixView))
    field = me.sees(QLineEdit, "Folder")
    me.write(field, str(tmp_path / "out"))
    me.press("More", field.window())
    me.set_numbers(me.sees(FormView, within=field.window()), {"resolution": 48})
    me.press("Export", field.window())
    me.reads("1 shape exported", 120)
    me.shoot("exported")
    (path,) = (tmp_path / "out").glob("*.glb")
    assert {"body", "wing", "tail"} <= set(trimesh.load_scene(path).geometry)
    me.keys(Qt.Key.Key_W, CONTROL)
    me.press("Toys")
    library = me.sees(LibraryView).list
    me.wait(lambda: len(me.cards(library)) == 4, 60, "the mix among the shapes")
    assert me.drop_files(me.window, [path]), "what other programs give back comes in"
    me.wait(lambda: len(me.cards(library)) > 0 and me.sees(LibraryView).kinds.currentIndex() == 1, 60, "a mesh")
    me.turn_to("Shapes")
    me.wait(lambda: len(me.cards(library)) == 5, 120, "the shape that the file carries")
    me.shoot("there again")
    assert not [one.text for one in desk.told if not one.note]


def pictured(view: QListView) -> bool:
    """Whether all cards in sight have their pictures."""
    return all(view.model().index(i, 0).data(DECORATION) is not None for i in range(min(6, view.model().rowCount())))
