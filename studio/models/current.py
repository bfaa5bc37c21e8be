"""Which cards are chosen, and which shape is looked at: what the library, the view and the panels have in common."""

from PySide6.QtCore import QObject, Signal


class Current(QObject):
    """``chosen`` are names of cards, the last clicked one last. ``shape`` is the shape or item that the view shows, and
    ``beside`` another one that is compared with it, "" = none. ``workspace_wanted(name)``: what is asked for is done there.
    """

    chosen_changed = Signal()
    shape_changed = Signal(str)
    workspace_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.chosen: tuple[str, ...] = ()
        self.shape = self.beside = ""

    def choose(self, names: tuple[str, ...]) -> None:
        """Take these as the chosen ones."""
        if names != self.chosen:
            self.chosen = names
            self.chosen_changed.emit()

    def show(self, name: str, beside: str = "") -> None:
        """Look at a shape or an item, with another one beside it; "" = at nothing."""
        if (name, beside) != (self.shape, self.beside):
            self.shape, self.beside = name, beside
            self.shape_changed.emit(name)

    def look_again(self) -> None:
        """What is looked at is itself another now."""
        self.shape_changed.emit(self.shape)

    def go_to(self, workspace: str) -> None:
        """Ask for a workspace to be shown."""
        self.workspace_wanted.emit(workspace)
