"""Journey (g), from words: a cloud is seen forming, stopped and kept, meshed, split into parts, mixed, and exported."""

from pathlib import Path

import pytest
import trimesh
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from engine import shipped
from studio.views.gallery import GalleryView
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.mix import MixView
from studio.views.mix_slot import SlotRow
from studio.views.view3d import View3D
from tests.studio.journeys.conftest import Arrive
from tests.studio.journeys.person import CONTROL

WORDS = "tiny3d"


@pytest.mark.slow
@pytest.mark.skipif(
    not {WORDS, "chair"} <= set(shipped.names()), reason="no model that reads words comes with this build"
)
def test_from_words_to_a_chair_of_parts(arrive: Arrive, tmp_path: Path) -> None:
    desk, me = arrive("g")
    me.press("From words")
    make, gallery, library = me.sees(MakeView), me.sees(GalleryView), me.sees(LibraryView).list
    line = make.prompt.line
    me.wait(lambda: line.hasFocus(), 20, "the prompt to have the keys")
    me.rest(800)
    me.shoot("asked for words")

    QTest.keyClicks(line, "a chiar with armrests and a dragon")
    me.reads("chiar is read as chair; the model has never seen dragon", 10)
    me.shoot("slips are marked")
    me.press("Correct it")
    me.wait(lambda: line.toPlainText().startswith("a chair"), 10, "the word that was meant")
    me.write(line, "a chair with four legs")
    me.reads("learned", 10)
    me.write(make.count, "2")
    me.click(line)
    me.keys(Qt.Key.Key_Return)
    view = me.sees(View3D)
    me.wait(lambda: any(shape.is_cloud for shape in view.scene.shapes), 120, "a cloud that forms")
    me.rest(500)
    me.shoot("forming")
    me.wait(lambda: len(me.cards(library)) == 2, 300, "two clouds in the library")
    me.wait(lambda: view.scene.active.endswith("/0000"), 60, "the first to be looked at")
    me.rest(2500)
    me.shoot("there")

    me.click(line)
    me.keys(Qt.Key.Key_A, CONTROL)
    QTest.keyClicks(line, "a chair with armrests")
    me.keys(Qt.Key.Key_Return)
    me.wait(lambda: "keep" in gallery.stop.text(), 120, "something to keep")
    me.click(gallery.stop)
    me.reads("Stopped: 2 of 2", 120)
    me.wait(lambda: len(me.cards(library)) == 4, 60, "what was there when it was stopped")
    me.click(line)
    me.keys(Qt.Key.Key_Up, times=2)
    me.wait(lambda: line.toPlainText() == "a chair with four legs", 10, "the prompt before")
    me.rest(1500)
    me.shoot("stopped and kept")

    me.click_card(library, 2)
    me.rest(500)
    me.ask_card(library, 2)
    me.rest(300)
    me.shoot("what can be done with it")
    me.pick("Make a mesh")
    me.wait(lambda: any(card.kind == "item" for card in desk.opened.library.cards), 300, "a mesh")
    me.wait(lambda: not any(shape.is_cloud for shape in view.scene.shapes), 60, "the mesh in the view")
    me.rest(2500)
    me.shoot("a mesh")

    me.click_card(library, 2)
    me.wait(lambda: any(shape.is_cloud for shape in view.scene.shapes), 30, "the cloud again")
    me.turn_to("Mix")
    me.rest(500)
    me.shoot("parts first")
    me.press("Split into parts first")
    me.wait(lambda: len(me.all(SlotRow)) > 2, 600, "slots of the parts that were found")
    me.rest(3000)
    me.shoot("split into parts")

    panel = me.sees(MixView)
    rows = {row.name: row for row in me.all(SlotRow)}
    part = next(name for name in ("leg", "back", "seat") if name in rows)
    donors = 4  # other chairs of the model that knows the parts
    me.turn_to("Make")
    me.choose(make.model, "Chair")
    me.write(make.count, str(donors))
    me.press("Generate")
    me.wait(lambda: len(me.cards(library)) == 5 + donors, 300, "donors")
    me.turn_to("Mix")
    me.click(rows[part])
    me.reads(f"Donors of {part}", 10)
    me.wait(lambda: len(me.cards(panel.shelf)) >= donors, 60, "donors on the shelf")
    title = me.cards(panel.shelf)[1]
    assert me.drag_card(panel.shelf, 1, rows[part])
    me.wait(lambda: title in rows[part]._words.text(), 10, title)
    me.rest(3000)
    me.shoot("a part of another")
    me.press("Keep")
    me.wait(lambda: len(me.cards(library)) == 6 + donors, 60, "the mixture")

    me.keys(Qt.Key.Key_E, CONTROL)
    me.reads("Export Chair", 20)
    me.turn_to("Blender")
    me.write(me.sees(QLineEdit, "Folder"), str(tmp_path / "out"))
    me.press("Export", me.sees(QLineEdit, "Folder").window())
    me.reads("1 shape exported", 300)
    me.shoot("exported")
    (path,) = (tmp_path / "out").glob("*.glb")
    scene = trimesh.load_scene(path)
    assert len(scene.geometry) > 2 and all(mesh.is_watertight for mesh in scene.geometry.values())
    assert not [one.text for one in desk.told if not one.note]
