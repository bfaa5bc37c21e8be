"""What a person can see of widgets: which words are cut off, which controls explain themselves."""

from typing import TypeVar

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from studio.widgets.elided import Elided
from studio.widgets.narrow_choice import NarrowChoice

W = TypeVar("W", bound=QWidget)
QT_MAKES_THEIRS = (QLineEdit, QAbstractSpinBox, QComboBox, QTabBar)
OFF = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
SLACK = 1  # pixels by which fonts may differ from what a layout has measured


def visible(root: QWidget, kind: type[W]) -> list[W]:
    """Widgets of a kind that are on the screen, but for those that belong to others of Qt's own making."""
    found = [widget for widget in root.findChildren(kind) if widget.isVisible()]
    return [widget for widget in found if not widget.objectName().startswith("qt_")]


def clipped(root: QWidget) -> list[str]:
    """Words that do not fit where they stand, and widgets that reach out of their window."""
    labels = [one for one in visible(root, QLabel) if one.text() and not isinstance(one, Elided) and not _fits(one)]
    found = [f"label “{one.text()}”" for one in labels]
    for kind in (QPushButton, QToolButton):
        buttons = [one for one in visible(root, kind) if one.text() and _short(one.size(), one.minimumSizeHint())]
        found += [f"button “{one.text()}”" for one in buttons]
    boxes = [one for one in visible(root, QComboBox) if not isinstance(one, NarrowChoice) and not _chosen_fits(one)]
    found += [f"choice “{one.currentText()}”" for one in boxes]
    bars = [one for one in visible(root, QTabBar) if one.count()]
    found += [f"tabs of {one.tabText(0)}" for one in bars if not one.rect().contains(one.tabRect(one.count() - 1))]
    tall = [
        one for one in visible(root, QScrollArea) if one.horizontalScrollBarPolicy() == OFF and not _wide_enough(one)
    ]
    found += [f"what stands in {type(one.parentWidget()).__name__} is wider than it" for one in tall]
    window = QRect(root.mapToGlobal(root.rect().topLeft()), root.size())
    outside = [one for one in visible(root, QWidget) if not _on(one, window) and not one.isWindow()]
    return found + [f"{type(one).__name__} “{one.accessibleName()}” is outside" for one in outside]


def unexplained(root: QWidget) -> list[str]:
    """Controls without a tip, also those that are not on the screen."""
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)
    controls = [one for kind in kinds for one in root.findChildren(kind) if not one.objectName().startswith("qt_")]
    own = [
        one
        for one in controls
        if not isinstance(one, QScrollBar) and not isinstance(one.parentWidget(), QT_MAKES_THEIRS)
    ]
    return [
        f"{type(one).__name__} {one.accessibleName() or getattr(one, 'text', str)()}"
        for one in own
        if not one.toolTip()
    ]


def _fits(one: QLabel) -> bool:
    if one.wordWrap():
        return one.height() + SLACK >= one.heightForWidth(one.width())
    if one.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored:
        return one.fontMetrics().horizontalAdvance(one.text()) <= one.contentsRect().width() + SLACK
    return not _short(one.size(), one.sizeHint())


def _wide_enough(one: QScrollArea) -> bool:
    inside = one.widget()
    return inside is None or inside.width() <= one.viewport().width() + SLACK


def _short(there: QSize, needed: QSize) -> bool:
    return there.width() + SLACK < needed.width() or there.height() + SLACK < needed.height()


def _chosen_fits(one: QComboBox) -> bool:
    option = QStyleOptionComboBox()
    one.initStyleOption(option)
    part = QStyle.SubControl.SC_ComboBoxEditField
    room = one.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, one)
    return one.fontMetrics().horizontalAdvance(one.currentText()) <= room.width() + SLACK


def _on(one: QWidget, window: QRect) -> bool:
    """Whether it lies in the window; what scrolls may lie anywhere."""
    above = one.parentWidget()
    while above is not None:
        if above.objectName() == "qt_scrollarea_viewport":
            return True
        above = above.parentWidget()
    return window.contains(QRect(one.mapToGlobal(one.rect().topLeft()), one.size()))
