"""The panels that there are, in the order in which they are built. A new one is a line here."""

from studio.models.looking import Looking
from studio.models.opened import OpenProject
from studio.panel import Panel
from studio.views import gallery, library, make, mix, queue_list
from studio.views.view3d import View3D
from studio.views.view_bar import ViewBar
from studio.widgets.column import Column


def _viewport(opened: OpenProject) -> Column:
    """The 3D view with its bar."""
    scene = opened.model(Looking).scene
    view = View3D(scene)
    view.failed.connect(opened.troubles.tell)
    return Column(view, ViewBar(scene))


VIEW = Panel("view", "View", "centre", _viewport, share=5)
PANELS: tuple[Panel, ...] = (library.PANEL, VIEW, gallery.PANEL, make.PANEL, mix.PANEL, queue_list.PANEL)
