"""Labels, buttons and gaps as the style sheet knows them."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from studio.icons import icon


def label(text: str = "", role: str = "", wrap: bool = False) -> QLabel:
    """Words; ``role``: title, heading, dim, good, warn, bad."""
    found = QLabel(text)
    found.setTextFormat(Qt.TextFormat.PlainText)
    found.setWordWrap(wrap)
    if role:
        found.setProperty("role", role)
    return found


def line() -> QFrame:
    """A thin line between groups."""
    found = QFrame()
    found.setProperty("role", "line")
    found.setFixedHeight(1)
    return found


def button(text: str, pressed: Callable[[], object], role: str = "", symbol: str = "", tip: str = "") -> QPushButton:
    """A button with words; ``role``: primary (one in a panel), flat."""
    found = QPushButton(text)
    if role:
        found.setProperty("role", role)
    if symbol:
        found.setIcon(icon(symbol, "on_accent" if role == "primary" else "text"))
    found.setToolTip(tip)
    found.clicked.connect(lambda: pressed())
    return found


def tool(symbol: str, tip: str, pressed: Callable[[], object] | None = None, checkable: bool = False) -> QToolButton:
    """A small button with a picture; its tip is its name for who cannot see it."""
    found = QToolButton()
    found.setProperty("role", "flat")
    found.setIcon(icon(symbol))
    found.setIconSize(QSize(16, 16))
    found.setToolTip(tip)
    found.setAccessibleName(tip)
    found.setCheckable(checkable)
    found.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    found.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)  # else no row is higher than it
    if pressed is not None:
        found.clicked.connect(lambda: pressed())
    return found


class Ground(QWidget):
    """A ground for other widgets in the panels' colour."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
