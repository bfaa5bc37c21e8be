"""The panels that there are, in the order in which they are built. A new one is a line here."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QDrag, QPixmap
from PySide6.QtWidgets import QWidget

from studio.models.cards import dragged
from studio.models.curves import Curves
from studio.models.form import Form
from studio.models.lineage import Lineage
from studio.models.looking import Looking
from studio.models.opened import OpenProject
from studio.models.watching import Watching
from studio.panel import Panel
from studio.views import gallery, library, make, mix, queue_list, report, timeline
from studio.views.export import ExportStrip
from studio.views.form import FormView
from studio.views.lineage import LineageView
from studio.views.report_choice import ReportChoice
from studio.views.train import TrainProgress, TrainView
from studio.views.view3d import View3D
from studio.views.view3d_brush import BrushTool
from studio.views.view_bar import ViewBar
from studio.widgets.column import Column

CARRIED = 96  # pixels of the picture that goes along with what is dragged


def _viewport(opened: OpenProject) -> Column:
    """The 3D view with its bar, and what was exported."""
    scene = opened.model(Looking).scene
    opened.model(Watching)
    view = View3D(scene)
    BrushTool(view)
    view.failed.connect(opened.troubles.tell)
    view.carried.connect(lambda name: _carry(view, opened, name))
    return Column(view, ViewBar(scene), ExportStrip(opened, _export_form))


def _carry(view: View3D, opened: OpenProject, name: str) -> None:
    """Drag a shape out of the view, onto a slot or to another program; a mixture is no shape yet."""
    if (card := opened.library.card(name)) is not None:
        drag = QDrag(view)
        drag.setMimeData(dragged(opened.library, [card]))
        if (picture := opened.thumbnails.image(name)) is not None:
            drag.setPixmap(QPixmap.fromImage(picture).scaledToWidth(CARRIED))
        drag.exec(Qt.DropAction.CopyAction)


def _library(opened: OpenProject) -> QWidget:
    """The library, which shows the lineage of a card beside itself."""
    found = library.LibraryView(opened)
    opened.model(Lineage).wanted.connect(lambda name: LineageView(opened, name, found).show())
    return found


def _export_form(form: Form) -> FormView:
    """All settings of an export; its presets stand in the dialogue itself."""
    found = FormView(form, ("options",))
    found.presets.hide()
    return found


def _curves(opened: OpenProject) -> TrainProgress:
    """Curves and previews; what draws curves takes a while to load, and is loaded when they are first shown."""

    def plot(curves: Curves) -> QWidget:
        from studio.views.curves import CurvesView

        return CurvesView(curves)

    return TrainProgress(opened, plot)


VIEW = Panel("view", "View", "centre", _viewport, share=5)
TRAIN = Panel("train", "Train", "right", lambda opened: TrainView(opened, FormView), workspaces=("Train",))
CURVES = Panel("curves", "Curves", "centre", _curves, workspaces=("Train",), share=3)
EVALUATE = Panel("evaluate", "Evaluate", "right", lambda opened: ReportChoice(opened, FormView), workspaces=("Report",))
LIBRARY = replace(library.PANEL, make=_library)
PANELS: tuple[Panel, ...] = (
    LIBRARY,
    VIEW,
    gallery.PANEL,
    CURVES,
    make.PANEL,
    mix.PANEL,
    timeline.PANEL,
    TRAIN,
    report.PANEL,
    EVALUATE,
    queue_list.PANEL,
)
