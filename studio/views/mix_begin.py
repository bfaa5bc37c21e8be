"""What the part-swap panel says before there is a mix: begin with the shape in view, or find the parts of a cloud first."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu

from studio.models.cloud_work import SPLIT, CloudWork
from studio.models.library import Card
from studio.models.opened import OpenProject
from studio.widgets.empty_page import EmptyPage
from studio.widgets.words import button

WORDS = "Choose a shape in the library. Each of its parts gets a slot, and other shapes give theirs."
SPLITS = "A cloud of points has no parts yet. A model that knows them finds them, and then they can be exchanged."


class MixBegin(EmptyPage):
    """``wanted``: the shape that is looked at is to be mixed."""

    wanted = Signal()

    def __init__(self, opened: OpenProject) -> None:
        self._clouds, self._current = opened.model(CloudWork), opened.current
        self.begin = button("", self._begin, "primary")
        super().__init__("Exchange the parts of a shape", WORDS, self.begin)
        self._cloud = False

    def show_card(self, card: Card | None) -> None:
        """Say what can be done with what is looked at."""
        self._cloud = card is not None and card.cloud
        fault = self._clouds.why_not((self._current.shape,)) if self._cloud else ""
        self.begin.setText(f"{SPLIT} first" if self._cloud else "Mix the shape in view")
        self.words.setText(fault or SPLITS if self._cloud else WORDS)
        self.begin.setToolTip(fault or ("" if self._cloud else "Each of its parts gets a slot"))
        self.begin.setEnabled(can_mix(card) or (self._cloud and not fault))

    def _begin(self) -> None:
        if not self._cloud:
            self.wanted.emit()
            return
        names = (self._current.shape,)
        categories = self._clouds.categories(names)
        if len(categories) == 1:
            self._clouds.split(names, categories[0], mix=True)
            return
        menu = QMenu(self)  # the prompt does not say what it is, so a person does
        for one in categories:
            menu.addAction(f"As {one}", partial(self._clouds.split, names, one, mix=True))
        menu.popup(self.begin.mapToGlobal(self.begin.rect().bottomLeft()))


def can_mix(card: Card | None) -> bool:
    """Whether it is a shape with parts."""
    return card is not None and card.kind == "shape" and bool(card.parts)
