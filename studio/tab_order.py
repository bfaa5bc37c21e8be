"""The order in which Tab goes through the window: as one reads, place by place."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QScrollArea, QWidget


def go_on(places: Sequence[QWidget], now: QWidget | None, forwards: bool) -> bool:
    """Give the focus to the widget after ``now``, or before it; round and round. False where there is none.

    places : what stands in the window, in order; inside each, rows are read from the top, and each from the left
    """
    order = [widget for place in places for widget in in_reading_order(focusable(place))]
    if not order:
        return False
    step = 1 if forwards else -1
    place = order.index(now) + step if now in order else (0 if forwards else -1)
    found = order[place % len(order)]
    found.setFocus(Qt.FocusReason.TabFocusReason if forwards else Qt.FocusReason.BacktabFocusReason)
    _show(found)
    return True


def focusable(place: QWidget) -> list[QWidget]:
    """What in a place can have the focus by keys: it can be seen and is enabled, and is no mere ground of others."""
    return [widget for widget in (place, *place.findChildren(QWidget)) if _takes_focus(widget)]


def in_reading_order(widgets: Iterable[QWidget]) -> list[QWidget]:
    """Rows from the top; in a row, of which all middles lie beside its first widget, from the left."""
    at = {widget: widget.mapToGlobal(QPoint(0, 0)) for widget in widgets}
    rows: list[list[QWidget]] = []
    bottom = 0
    for widget in sorted(at, key=lambda widget: (at[widget].y(), at[widget].x())):
        if not rows or at[widget].y() + widget.height() // 2 >= bottom:
            rows.append([])
            bottom = at[widget].y() + widget.height()
        rows[-1].append(widget)
    return [widget for row in rows for widget in sorted(row, key=lambda widget: at[widget].x())]


def _takes_focus(widget: QWidget) -> bool:
    by_keys = bool(widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value) and widget.focusProxy() is None
    return by_keys and widget.isVisible() and widget.isEnabled() and type(widget) is not QScrollArea


def _show(widget: QWidget) -> None:
    """Bring it into sight where it lies in something that scrolls."""
    above = widget.parentWidget()
    while above is not None:
        if isinstance(above, QScrollArea):
            above.ensureWidgetVisible(widget)
        above = above.parentWidget()
