"""Cards of a generation while it works: pictures of what the shapes seem to become, until there are the shapes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from studio.models.cards import Cards, Index
from studio.models.library import Card, Filter, Library, Mood
from studio.models.thumbnails import Thumbnails

KIND = "shapes"  # of previews, see engine.forming
NOTES: tuple[tuple[str, Mood], ...] = (("to come", ""), ("taking shape", ""), ("ready", "good"))  # by state


class FormingCards(Cards):
    """The cards of a run: of shapes that there are, and while it works of those that it is about to make."""

    def __init__(self, library: Library, thumbnails: Thumbnails, choice: Filter) -> None:
        self._coming: list[Card] = []
        self._images: dict[str, QImage] = {}
        super().__init__(library, thumbnails, choice)

    @property
    def coming(self) -> str:
        """The run whose shapes are to come; "" when none are."""
        return self._coming[0].run if self._coming else ""

    @property
    def ready(self) -> int:
        """How many of those that come are finished."""
        return sum(card.note == NOTES[-1][0] for card in self._coming)

    @property
    def begun(self) -> int:
        """How many of those that come can be seen."""
        return sum(card.note != NOTES[0][0] for card in self._coming)

    def begin(self, run: str, count: int, title: str) -> None:
        """Show room for the shapes that a run is about to make; ``title`` is what they have in common."""
        self._images.clear()
        self._coming = [
            Card("shape", f"{run}/{i:04d}", f"{title}.{i + 1}", NOTES[0][0], run=run, row=i) for i in range(count)
        ]
        self._filter = Filter(run=run)
        self._read()

    def take(self, arrays: Mapping[str, NDArray]) -> None:
        """Newer pictures (R, S, S, 3) uint8 of the first R shapes, and the state of each of all."""
        pictures, states = arrays["pictures"], arrays["state"]
        for card, state in zip(self._coming, states.tolist(), strict=False):
            card.note, card.mood = NOTES[state]
        for card, picture, state in zip(self._coming, pictures, states, strict=False):
            if state:
                self._images[card.name] = _image(picture)
        if self._coming:
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1))

    def end(self) -> None:
        """What has not come does not come any more."""
        if self._coming:
            self._coming = []
            self._read()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """As of all cards; without a picture of its own a shape has the last one from when it formed."""
        if index.isValid() and role == Qt.ItemDataRole.DecorationRole:
            card = self.card(index.row())
            own = None if self._is_coming(card) else super().data(index, role)
            return own or self._images.get(card.name)
        return super().data(index, role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """What is not there yet cannot be chosen."""
        if index.isValid() and self._is_coming(self.card(index.row())):
            return Qt.ItemFlag.ItemNeverHasChildren
        return super().flags(index)

    def _found(self) -> list[Card]:
        there = super()._found()
        if self.coming != self.filter.run or len(there) == len(self._coming):
            return there
        known = {card.name: card for card in there}
        return [known.get(card.name, card) for card in self._coming]

    def _is_coming(self, card: Card) -> bool:
        return card.row < len(self._coming) and self._coming[card.row] is card


def _image(picture: NDArray[np.uint8]) -> QImage:
    """(S, S, 3) as Qt has it, with memory of its own."""
    side = len(picture)
    return QImage(picture.tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888).copy()
