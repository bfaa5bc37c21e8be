"""The panels that there are, in the order in which they are built. A new one is a line here."""

from PySide6.QtWidgets import QWidget

from studio.models.curves import Curves
from studio.models.looking import Looking
from studio.models.opened import OpenProject
from studio.panel import Panel
from studio.views import gallery, library, make, mix, queue_list
from studio.views.form import FormView
from studio.views.train import TrainProgress, TrainView
from studio.views.view3d import View3D
from studio.views.view_bar import ViewBar
from studio.widgets.column import Column


def _viewport(opened: OpenProject) -> Column:
    """The 3D view with its bar."""
    scene = opened.model(Looking).scene
    view = View3D(scene)
    view.failed.connect(opened.troubles.tell)
    return Column(view, ViewBar(scene))


def _curves(opened: OpenProject) -> TrainProgress:
    """Curves and previews; what draws curves takes a while to load, and is loaded when they are first shown."""

    def plot(curves: Curves) -> QWidget:
        from studio.views.curves import CurvesView

        return CurvesView(curves)

    return TrainProgress(opened, plot)


VIEW = Panel("view", "View", "centre", _viewport, share=5)
TRAIN = Panel("train", "Train", "right", lambda opened: TrainView(opened, FormView), workspaces=("Train",))
CURVES = Panel("curves", "Curves", "centre", _curves, workspaces=("Train",), share=3)
PANELS: tuple[Panel, ...] = (library.PANEL, VIEW, gallery.PANEL, CURVES, make.PANEL, mix.PANEL, TRAIN, queue_list.PANEL)
