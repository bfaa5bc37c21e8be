"""A menu of what can be done with cards."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget, QWidgetAction

from studio.models.offers import Offer


def card_menu(parent: QWidget, groups: Iterable[Iterable[Offer]]) -> QMenu:
    """The groups one below the other with lines between them. It goes away by itself when it is closed."""
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for group in groups:
        if not menu.isEmpty():
            menu.addSeparator()
        _fill(menu, menu, group)
    return menu


def _fill(menu: QMenu, root: QMenu, offers: Iterable[Offer]) -> None:
    for offer in offers:
        if offer.lines:
            _fill(menu.addMenu(offer.text), root, offer.lines)
        elif offer.typed is not None:
            menu.addAction(_field(menu, root, offer.text, offer.typed))
        else:
            action = menu.addAction(offer.text)
            action.setEnabled(offer.work is not None)
            action.setCheckable(offer.on is not None)
            action.setChecked(bool(offer.on))
            if (work := offer.work) is not None:
                action.triggered.connect(lambda *_, work=work: work())


def _field(menu: QMenu, root: QMenu, words: str, typed: Callable[[str], object]) -> QWidgetAction:
    """A line to type into; Enter takes what is there and closes the menu."""
    field = QLineEdit(placeholderText=words)
    field.setAccessibleName(words)

    def take() -> None:
        text = field.text()
        root.close()
        typed(text)

    field.returnPressed.connect(take)
    action = QWidgetAction(menu)
    action.setDefaultWidget(field)
    return action
