"""What a person sees first: make shapes at once, bring meshes in, or go on with a project."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from studio.widgets.flow import Flow
from studio.widgets.words import button, label

MOST_SHOWN = 6
FROM_WORDS = "From words"  # title of what is asked in words, and not by what it makes


class Welcome(QWidget):
    """Three ways in. ``generate(model)``, ``samples(category)``, ``bring_in``, ``new``, ``choose`` (a folder is wanted),
    ``open(folder)``, ``tour``."""

    generate = Signal(str)
    tour = Signal()
    samples = Signal(str)
    bring_in = Signal()
    new = Signal()
    choose = Signal()
    open = Signal(object)

    def __init__(self, models: Sequence[tuple[str, str]], recent: Sequence[Path], tour: bool = False) -> None:
        """models : (name, title) of those that come with the program; recent : projects, newest first; tour : offer it."""
        super().__init__()
        self.setObjectName("centre")
        cards = QHBoxLayout()
        cards.setSpacing(16)
        if models:
            models = sorted(models, key=lambda model: model[1] == FROM_WORDS)
            titles = [_plural(title).lower() for _, title in models if title != FROM_WORDS]
            titles += ["whatever you describe"] if len(titles) < len(models) else []
            words = f"New shapes from a trained model: {', '.join(titles)}. The first appear in seconds."
            self.starts = [
                button(
                    title if title == FROM_WORDS else _plural(title) if len(models) > 1 else "Generate",
                    partial(self.generate.emit, name),
                    "primary",
                    tip=_tip(title),
                )
                for name, title in models
            ]
            show = button("Show me how", self.tour.emit, "", tip="A tour of two minutes on the real controls")
            cards.addWidget(_card("Generate shapes now", words, *self.starts, *([show] if tour else [])))
        else:
            words = (
                "A dozen aeroplanes or chairs that the program makes itself: to look at, to take apart, to learn from."
            )
            offered = [
                button(text, partial(self.samples.emit, category), tip=f"A new project with a dozen {text.lower()}")
                for text, category in (("Aeroplanes", "airplane"), ("Chairs", "chair"))
            ]
            cards.addWidget(_card("Try it with samples", words, *offered))
        self.meshes = button(
            "Choose files…", self.bring_in.emit, "" if models else "primary", tip="A new project with meshes of yours"
        )
        words = "Bring in OBJ, GLB, STL, PLY, OFF, 3MF or whole folders, and see what each mesh is good for."
        cards.addWidget(_card("Open my meshes", words, self.meshes))
        column = QVBoxLayout()
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(label("Shape Studio", "title"))
        column.addWidget(label("Make new 3D shapes, mix their parts, take them to other programs.", "dim"))
        column.addSpacing(14)
        column.addLayout(cards)
        column.addSpacing(18)
        head = QHBoxLayout()
        head.addWidget(label("Projects", "heading"))
        head.addStretch(1)
        head.addWidget(button("New…", self.new.emit, "flat", tip="An empty project (Ctrl+N)"))
        head.addWidget(button("Open…", self.choose.emit, "flat", tip="A project in a folder (Ctrl+O)"))
        column.addLayout(head)
        self.recent = [self._project(folder) for folder in recent[:MOST_SHOWN]]
        for row in self.recent:
            column.addWidget(row)
        if not recent:
            column.addWidget(label("Projects that you open appear here.", "dim"))
        column.addStretch(3)
        middle = QWidget()
        middle.setLayout(column)
        middle.setMaximumWidth(680)
        sides = QHBoxLayout(self)
        sides.addStretch(1)
        sides.addWidget(middle, 8)
        sides.addStretch(1)

    def _project(self, folder: Path) -> QWidget:
        row = button(f"{folder.name}", lambda: self.open.emit(folder), "flat", "folder", str(folder))
        row.setStyleSheet("text-align: left")
        return row


def _tip(title: str) -> str:
    if title == FROM_WORDS:
        return "A new project, and a line to say in what should be made"
    return f"A new project with its first {_plural(title).lower()}"


def _plural(title: str) -> str:
    return title if title.endswith("s") else f"{title}s"


def _card(title: str, words: str, *actions: QWidget) -> QFrame:
    found = QFrame()
    found.setProperty("role", "card")
    column = QVBoxLayout(found)
    column.setContentsMargins(18, 16, 18, 16)
    column.setSpacing(8)
    column.addWidget(label(title, "heading"))
    column.addWidget(label(words, "dim", wrap=True))
    column.addStretch(1)
    column.addSpacing(6)
    row = Flow(8)
    for action in actions:
        row.addWidget(action)
    column.addLayout(row)
    return found
