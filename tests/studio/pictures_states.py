"""What there are pictures of: states of the window, one after the other, and pages beside it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QApplication, QWidget

from engine import shipped
from studio.models.lineage import Lineage
from studio.models.looking import Looking
from studio.models.make import Make
from studio.models.mix import Mix
from studio.models.opened import OpenProject, Projects
from studio.models.report import Report
from studio.models.timeline import Timeline
from studio.models.tour import Tour
from studio.models.train import Train
from studio.models.train_paint import Paint
from studio.panel import Workspace
from studio.views.export_dialog import ExportDialog
from studio.views.help import HelpPage
from studio.views.lineage import LineageView
from studio.views.make import MakeView
from studio.views.preferences import PreferencesPage
from studio.views.train import TrainView
from studio.views.view3d import View3D
from studio.window import MainWindow
from tests.studio.pictures_project import CHAIRS, HEALED, PLANES

READER = "shipped:tiny3d"  # the model that reads words, of builds that have one
PATIENCE_S = 120.0
CALM_S = 0.6  # without a change


@dataclass
class Desk:
    """The window, and what is behind it."""

    app: QApplication
    window: MainWindow
    projects: Projects
    folder: Path

    @property
    def opened(self) -> OpenProject:
        """The open project."""
        assert self.projects.current is not None
        return self.projects.current

    def go_to(self, workspace: Workspace) -> None:
        """Show a workspace."""
        self.opened.current.go_to(workspace)
        self.wait(lambda: False, 0.3)

    def wait(self, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Let the window work until something holds."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.005)

    def frame(self) -> None:
        """Bring what the view shows into full sight."""
        for view in self.window.findChildren(View3D):
            view.frame_all(smooth=False)

    def settle(self) -> None:
        """Wait until all pictures are there that can be."""
        views = [view for view in self.window.findChildren(View3D) if view.isVisible()]
        times = [time.monotonic()]
        heard = [lambda *_: times.append(time.monotonic())]
        if current := self.projects.current:
            current.thumbnails.ready.connect(heard[0])
        for view in views:
            view.settled.connect(heard[0])
            view.touch()
        self.wait(lambda: time.monotonic() - times[-1] > CALM_S and (len(times) > 1 or not views), 20)
        if current:
            current.thumbnails.ready.disconnect(heard[0])


def welcome(desk: Desk) -> None:
    """The first thing that a person sees."""


def make(desk: Desk) -> None:
    """Generated chairs, one of them in the view."""
    assert desk.projects.open(desk.folder)
    opened = desk.opened
    desk.wait(lambda: opened.library.card(CHAIRS[0]) is not None)
    opened.model(Make).choose("shipped:chair")
    opened.current.choose(CHAIRS[:1])
    opened.current.show(CHAIRS[0])
    desk.wait(lambda: bool(opened.model(Looking).scene.shapes))
    shown = [card.name for card in opened.library.cards if card.kind == "shape"][:16]
    desk.wait(lambda: all(opened.thumbnails.image(name) for name in shown), 60)


def more(desk: Desk) -> None:
    """All that Make asks, and two shapes side by side."""
    view = desk.window.findChild(MakeView)
    assert view is not None
    view.more.click()
    desk.opened.current.show(CHAIRS[0], CHAIRS[1])
    desk.wait(lambda: len(desk.opened.model(Looking).scene.shapes) == 2)


def words(desk: Desk) -> None:
    """A prompt with a slip."""
    opened = desk.opened
    make = opened.model(Make)
    make.choose(READER)
    make.set_count(2)
    make.prompting.write("a chiar with armrests and a dragon")
    desk.go_to("Make")


def forming(desk: Desk) -> None:
    """Clouds that take shape, in the view and in the gallery."""
    opened = desk.opened
    make, scene = opened.model(Make), opened.model(Looking).scene
    make.prompting.write("a chair with armrests")
    make.generate()
    desk.wait(lambda: any(shape.forming for shape in scene.shapes))
    desk.wait(lambda: False, 1)


def clouds(desk: Desk) -> None:
    """Clouds in the library, one of them in the view."""
    opened = desk.opened
    desk.wait(lambda: opened.queue.running is None)
    desk.wait(lambda: any(card.cloud for card in opened.library.cards))
    drawn = [card.name for card in opened.library.cards if card.cloud]
    opened.current.choose(tuple(drawn[:1]))
    opened.current.show(drawn[0])
    desk.wait(lambda: all(opened.thumbnails.image(name) for name in drawn[:2]), 60)
    desk.frame()


def mix(desk: Desk) -> None:
    """An aeroplane with the wings and engines of others."""
    opened = desk.opened
    mixed = opened.model(Mix)
    mixed.begin(PLANES[1])
    desk.go_to("Mix")
    for part, donor in (("wing", PLANES[2]), ("tail", PLANES[0])):
        mixed.take(part, donor)
    desk.wait(lambda: mixed.score >= 0)
    mixed.select("body")
    mixed.select("wing")  # and so outlined: what was selected before it was shown is not
    desk.frame()


def morph(desk: Desk) -> None:
    """Three aeroplanes on the timeline, on the way to the second."""
    timeline = desk.opened.model(Timeline)
    timeline.clear()
    desk.go_to("Morph")
    timeline.add(PLANES[:3])
    timeline.seek(timeline.frames // 6)
    desk.wait(lambda: timeline.is_there(timeline.frames // 6))
    desk.frame()


def train(step: int) -> Callable[[Desk], None]:
    """One of the four steps, with curves and previews."""

    def show(desk: Desk) -> None:
        desk.go_to("Train")
        view, model = desk.window.findChild(TrainView), desk.opened.model(Train)
        assert view is not None
        desk.wait(lambda: model.ready and model.bring.ready)
        for i, one in enumerate(view.steps, 1):
            one.unfold(i == step)
        desk.wait(lambda: False, 1)
        desk.frame()

    return show


def paint(desk: Desk) -> None:
    """A mesh whose parts are painted."""
    train(1)(desk)
    model = desk.opened.model(Train)
    brush = desk.opened.model(Paint)
    brush.begin_with(model.bring.items[:1])
    desk.wait(lambda: brush.ready)
    desk.frame()


def tour(desk: Desk) -> None:
    """The first step of the tour."""
    desk.opened.model(Paint).end()
    desk.window.ways_in.take_tour()
    desk.wait(lambda: False, 1)


def report(desk: Desk) -> None:
    """The figures of an evaluation."""
    found = desk.opened.model(Report)
    desk.go_to("Report")
    desk.wait(lambda: bool(found.entries))
    found.choose((found.entries[0].run,))
    desk.wait(lambda: bool(found.evaluations))
    desk.frame()


def trouble(desk: Desk) -> None:
    """Something went wrong, jobs wait, and the whole queue is open."""
    desk.opened.model(Tour).leave()
    desk.go_to("Make")
    desk.opened.queue.hold(True)
    for _ in range(2):
        desk.opened.model(Make).generate()
    desk.window.toggle_queue()
    desk.opened.troubles.tell("The disk is full: free 2 GB on it, then try again.", "OSError: [Errno 28]\n  …")
    desk.window.banner.details.click()


STATES: dict[str, Callable[[Desk], None]] = {
    "welcome": welcome,
    "make": make,
    "more": more,
    **({"words": words, "forming": forming, "clouds": clouds} if "tiny3d" in shipped.names() else {}),
    "mix": mix,
    "morph": morph,
    **{f"train{step}": train(step) for step in range(1, 5)},
    "paint": paint,
    "report": report,
    "tour": tour,
    "trouble": trouble,
}


def lineage(desk: Desk) -> QWidget:
    """Where the healed aeroplane comes from."""
    desk.opened.model(Lineage).ask(HEALED)
    found = desk.window.findChildren(LineageView)[-1]
    desk.wait(lambda: found.tree.topLevelItemCount() > 0)
    return found


def export(desk: Desk) -> QWidget:
    """The export dialogue."""
    desk.opened.current.choose(CHAIRS[:2])
    next(action for action in desk.window.menus["File"].actions() if action.text() == "Export…").trigger()
    found = desk.window.findChild(ExportDialog)
    assert found is not None
    desk.wait(lambda: "…" not in found.expected.text(), 20)
    return found


def preferences(desk: Desk) -> QWidget:
    """What a person can choose for the program."""
    next(action for action in desk.window.menus["Edit"].actions() if action.text().startswith("Preferences")).trigger()
    return desk.window.findChildren(PreferencesPage)[-1]


def help_page(name: str) -> Callable[[Desk], QWidget]:
    """A page of the menu Help."""

    def show(desk: Desk) -> QWidget:
        next(action for action in desk.window.menus["Help"].actions() if action.text() == name).trigger()
        found = desk.window.findChildren(HelpPage)[-1]
        desk.wait(lambda: len(found.text.toPlainText()) > 80, 60)
        return found

    return show


PAGES: dict[str, Callable[[Desk], QWidget]] = {
    "lineage": lineage,
    "export": export,
    "preferences": preferences,
    "diagnostics": help_page("Diagnostics"),
    "licences": help_page("Licences"),
}
