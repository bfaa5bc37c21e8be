"""Which cards are chosen, and which shape is looked at: what the library, the view and the panels have in common."""

from PySide6.QtCore import QObject, Signal


class Current(QObject):
    """``chosen`` are names of cards, the last clicked one last. ``shape`` is the shape or item that the view shows."""

    chosen_changed = Signal()
    shape_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.chosen: tuple[str, ...] = ()
        self.shape = ""

    def choose(self, names: tuple[str, ...]) -> None:
        """Take these as the chosen ones."""
        if names != self.chosen:
            self.chosen = names
            self.chosen_changed.emit()

    def show(self, name: str) -> None:
        """Look at a shape or an item; "" = at nothing."""
        if name != self.shape:
            self.shape = name
            self.shape_changed.emit(name)
