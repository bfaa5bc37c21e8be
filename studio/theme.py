"""Dark and light: follows the system unless a person chose one. Widgets that paint read their own ``palette()``."""

from string import Template
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFontInfo, QFontMetrics, QPalette
from PySide6.QtWidgets import QApplication

from engine.resources import resource
from studio.palette import DARK, LIGHT, Palette

TITLE = 22  # pixels of the largest words
LINE = 18  # pixels that a field gives its words at least
Choice = Literal["system", "dark", "light"]


def palette_of(colours: QPalette) -> Palette:
    """Our palette behind a widget's ``palette()``, for widgets that paint themselves."""
    return DARK if colours.color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


class Theme(QObject):
    """Gives the application its style, palette and style sheet. ``changed`` comes after every change."""

    changed = Signal()

    def __init__(self, app: QApplication, choice: Choice = "system", text: int = 100) -> None:
        """text : size of words, per cent of the system's."""
        super().__init__(app)
        self._app, self._text = app, text
        self._points = QFontInfo(app.font()).pointSizeF()  # also where the system says it in pixels
        self._sized = text != 100  # else the font is the system's
        self._choice: Choice = choice
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply()

    @property
    def choice(self) -> Choice:
        """What a person chose."""
        return self._choice

    @property
    def palette(self) -> Palette:
        """The colours now."""
        if self._choice == "system":
            return LIGHT if self._app.styleHints().colorScheme() == Qt.ColorScheme.Light else DARK
        return DARK if self._choice == "dark" else LIGHT

    def choose(self, choice: Choice) -> None:
        """Take a theme, or follow the system."""
        self._choice = choice
        self._apply()

    def enlarge(self, text: int) -> None:
        """Words in another size, per cent of the system's."""
        if text != self._text:
            self._text, self._sized = text, True
            self._apply()

    def _follow(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        font = self._app.font()
        if self._sized:
            font.setPointSizeF(self._points * self._text / 100)
            self._app.setFont(font)
        self._app.setPalette(qt_palette(self.palette))
        self._app.setStyleSheet(style_sheet(self.palette, self._text, QFontMetrics(font).height()))
        self.changed.emit()


def style_sheet(palette: Palette, text: int = 100, line: int = 0) -> str:
    """resources/studio.qss with the palette's colours in it. KeyError for a colour that it does not have.

    text : size of words, per cent; line : height of a line of them in pixels, 0 where that is not known
    """
    icons = resource("icons/check.svg").parent.as_posix()
    names = palette.colours() | {"icons": icons, "shade": "dark" if palette.dark else "light"}
    names |= {
        "title": f"{TITLE * text / 100:.0f}px",
        "row": f"{max(line, LINE)}px",
        "number": f"{max(line, LINE) - 1}px",
    }
    return Template(resource("studio.qss").read_text(encoding="utf-8")).substitute(names)


def qt_palette(palette: Palette) -> QPalette:
    """The same colours for what Qt paints without a style sheet."""
    role = QPalette.ColorRole
    roles = {
        role.Window: palette.panel,
        role.WindowText: palette.text,
        role.Base: palette.field,
        role.AlternateBase: palette.panel,
        role.Text: palette.text,
        role.PlaceholderText: palette.dim,
        role.Button: palette.raised,
        role.ButtonText: palette.text,
        role.BrightText: palette.bad,
        role.ToolTipBase: palette.raised,
        role.ToolTipText: palette.text,
        role.Highlight: palette.accent,
        role.HighlightedText: palette.on_accent,
        role.Accent: palette.accent,
        role.Link: palette.accent,
        role.Mid: palette.line,
    }
    colours = QPalette()
    for name, value in roles.items():
        colours.setColor(name, QColor(value))
    for name in (role.WindowText, role.Text, role.ButtonText):
        colours.setColor(QPalette.ColorGroup.Disabled, name, QColor(palette.faint))
    return colours
