"""The panels that there are, in the order in which they are built. A new one is a line here."""

from studio.panel import Panel
from studio.views import gallery, library, make, queue_list

PANELS: tuple[Panel, ...] = (library.PANEL, gallery.PANEL, make.PANEL, queue_list.PANEL)
