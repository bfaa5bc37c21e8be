"""Journey (b), meshes of one's own: dropped, judged, given parts, fitted, learned from, drawn from, measured."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QComboBox, QLineEdit, QProgressBar, QSpinBox

from engine.colours import colour
from studio.models.looking import Looking
from studio.models.opened import ENGINES
from studio.views.curves import CurvesView
from studio.views.form import FormView
from studio.views.library import LibraryView
from studio.views.report import ReportView
from studio.views.report_choice import ReportChoice
from studio.views.train import TrainView
from tests.studio.conftest import Desk
from tests.studio.journeys.conftest import Arrive
from tests.studio.journeys.person import Person

AIRPLANES = (61, 62, 63, 65, 68, 70, 71, 72)


@pytest.fixture
def meshes(test_data: Path, tmp_path: Path) -> Path:
    """A folder with eight aeroplanes, as somebody has it."""
    folder = tmp_path / "Airplanes"
    folder.mkdir()
    for number in AIRPLANES:
        shutil.copy(test_data / "psb_segbench" / "off" / f"{number}.off", folder / f"plane {number}.off")
    return folder


@pytest.mark.slow
def test_own_meshes(arrive: Arrive, meshes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    desk, me = arrive("b")

    assert me.drop_files(me.window, [meshes], lambda: me.shoot("dragging"))
    library, train = me.sees(LibraryView), me.sees(TrainView)
    me.shoot("coming in")
    me.wait(lambda: len(me.cards(library.list)) == len(AIRPLANES), 120, "eight meshes")
    me.reads("8 of 8 can be fitted", 60)
    me.shoot("verdicts")

    bring = train.bring
    if not bring.open:
        me.click(bring.heading)
    me.press("Find parts")
    me.wait(lambda: not bring.search.isVisible() and bring.old.count() > 0, 120, "parts")
    me.shoot("parts found")
    me.write(me.sees(QLineEdit, "New name of the part"), "airframe")
    me.press("Rename")
    me.wait(lambda: "airframe" in bring.parts.text(), 60, "airframe")
    me.shoot("parts named")

    fit = train.fit
    if not fit.open:
        me.click(fit.heading)
    me.press("More", fit)
    form = me.sees(FormView, within=fit)
    me.set_numbers(form, {"fit.steps": 300, "fit.code_steps": 100, "fit.accept": 0, "fit.accept_part": 0})
    me.shoot("fit settings")
    me.press("Fit 8 shapes")
    me.wait(lambda: bool(me.all(CurvesView)), 60, "the plot")
    curves = me.sees(CurvesView)
    me.wait(lambda: bool(curves.curves.runs) and fit.running.isVisible(), 200, "a curve")
    me.shoot("fitting")
    me.reads("8 fitted", 400)
    me.shoot("fitted")

    step = train.train
    steps = me.sees(QSpinBox, "Steps", step)
    me.write(steps, "150")
    me.click(step.go)
    me.wait(lambda: step.running.isVisible() and step.running.bar.maximum() > 0, 200, "training")
    me.shoot("training")
    me.wait(train.draw.go.isEnabled, 400, "a model")
    me.shoot("trained")
    me.press("Draw shapes…")

    me.write(me.sees(QSpinBox, "Count"), "4")
    me.press("Generate")
    me.turn_to("Shapes")
    me.wait(lambda: len(me.cards(library.list)) == len(AIRPLANES) + 4, 200, "four shapes beside those that were fitted")
    me.rest(3000)
    me.shoot("generated")

    me.turn_to("Report")
    choice = me.sees(ReportChoice)
    me.choose(me.sees(QComboBox, "Against", choice), "All")
    me.press("Evaluate", choice)
    report = me.sees(ReportView)
    me.wait(report.page.isVisible, 600, "the report")
    me.shoot("report")
    me.press("Open the report")
    assert Path(opened[-1]).is_file() and "<html" in Path(opened[-1]).read_text()[:200].lower()
    assert not me.all(QProgressBar, within=desk.window.strip)


def test_meshes_are_judged_and_their_parts_named(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    """The beginning of it in short: a zip on the empty window, with a mesh that is none, and stools of two pieces."""
    place = tmp_path / "Stools"
    place.mkdir()
    for height in (1.0, 1.3, 1.6):
        seat = trimesh.creation.box((1, 0.2, 1)).apply_translation((0, height, 0))
        leg = trimesh.creation.box((0.2, height - 0.2, 0.2)).apply_translation((0, height / 2 - 0.1, 0))
        trimesh.util.concatenate([seat, leg]).export(place / f"stool {height}.obj")
    (place / "song.obj").write_text("la la la")
    archive = Path(shutil.make_archive(str(tmp_path / "Stools"), "zip", place))
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "b quick")
    assert me.drop_files(me.window, [archive])
    train = me.sees(TrainView)
    me.reads("3 of 4 can be fitted", 120)
    told = [train.bring.verdicts.topLevelItem(i) for i in range(train.bring.verdicts.topLevelItemCount())]
    assert train.bring.open and sum("cannot be used" in one.text(0) for one in told if one) == 1
    me.press("Find parts")
    me.wait(lambda: train.bring.old.count() == 2, 120, "two parts")
    me.write(me.sees(QLineEdit, "New name of the part"), "seat")
    me.press("Rename")
    me.wait(lambda: "seat (3)" in train.bring.parts.text(), 60, "the seat")
    scene = desk.opened.model(Looking).scene  # looked at, not touched
    me.wait(lambda: {part.name for part in scene.shapes[0].parts} == {"seat", "part 2"}, 60, "the parts in the view")
    assert all(part.colour == colour(part.name) for part in scene.shapes[0].parts), "as on pictures and in files"
    me.shoot("parts named")
