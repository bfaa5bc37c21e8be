"""Turning shapes upright, in step 1 of the Train panel: which axes of their files are up and front, seen in the view."""

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from studio.models.bring import Bring
from studio.models.queue import Queue
from studio.models.titles import counted
from studio.models.train_turn import Scope, Turn
from studio.views.train_step import in_rows, say
from studio.widgets.rows import Rows
from studio.widgets.waits import Waits
from studio.widgets.words import button, label

AXES = ("+y", "-y", "+z", "-z", "+x", "-x")
TIPS = (("Tip forward", 0), ("Tip over", 2), ("Turn round", 1))  # round which axis of the view
HINT = "The 3D view shows how it would stand. There, 1 on the number pad looks at its front."


class TurnBox(QWidget):
    """Bound to a `Turn`; the items are those of a `Bring`. Empty until ``begin``, which stands elsewhere, is pressed."""

    def __init__(self, turn: Turn, bring: Bring, queue: Queue) -> None:
        super().__init__()
        self._turn = turn
        self.begin = button("Turn upright…", turn.begin, tip="Where shapes lie on their side or face the wrong way")
        self.title = label(role="heading", wrap=True)
        self.up, self.front, self.scope = QComboBox(), QComboBox(), QComboBox()
        self.tips = [
            button(words, lambda axis=axis: turn.tip(axis), tip=f"{words} by a quarter, as the view shows it")  # type: ignore[misc]
            for words, axis in TIPS
        ]
        self.hint = label(role="dim", wrap=True)
        self.go = button("Turn", turn.apply, "primary", tip="Makes a job of it; it can be turned back the same way")
        self.cancel = button("Cancel", turn.end, tip="Leave it as it stands")
        self.waits = Waits(queue, lambda: turn.run)
        self.inside = QWidget()
        self._build()
        self.up.activated.connect(lambda i: turn.set_up(self.up.itemData(i)))
        self.front.activated.connect(lambda i: turn.set_front(self.front.itemData(i)))
        self.scope.activated.connect(lambda i: turn.set_scope(self.scope.itemData(i)))
        turn.changed.connect(self.draw)
        bring.changed.connect(self.draw)
        self.draw()

    def _build(self) -> None:
        for name, box, tip in (
            ("Axis that is up", self.up, "Which axis of the file points up; Z in files from Blender and CAD programs"),
            ("Axis that is the front", self.front, "Which axis of the file the front looks along"),
            ("What is turned", self.scope, "This shape alone, or others with it"),
        ):
            box.setAccessibleName(name)
            box.setToolTip(tip)
        for box in (self.up, self.front):
            for axis in AXES:
                box.addItem(axis_words(axis), axis)
        rows = Rows()
        rows.row("Up", self.up)
        rows.row("Front", self.front)
        rows.row("For", self.scope)
        inner = QVBoxLayout(self.inside)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(self.title)
        inner.addLayout(in_rows(*self.tips))
        inner.addLayout(rows)
        inner.addWidget(self.hint)
        inner.addWidget(self.waits)
        inner.addLayout(in_rows(self.go, self.cancel))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.inside)

    @property
    def can_begin(self) -> bool:
        """Whether there is anything to turn."""
        return self._turn.can_begin

    def draw(self) -> None:
        """Show what the model holds."""
        turn = self._turn
        self.setVisible(bool(turn.item))
        self.begin.setVisible(not turn.item and turn.can_begin)
        if not turn.item:
            return
        self.title.setText(f"Turning {turn.title}")
        self.up.setCurrentIndex(self.up.findData(turn.axes.up))
        self.front.setCurrentIndex(self.front.findData(turn.axes.front))
        scopes = [(scope_words(scope, count), scope) for scope, count in turn.scopes().items()]
        if [(self.scope.itemText(i), self.scope.itemData(i)) for i in range(self.scope.count())] != scopes:
            self.scope.clear()
            for words, scope in scopes:
                self.scope.addItem(words, scope)
        self.scope.setCurrentIndex(self.scope.findData(turn.scope))
        say(self.hint, turn.obstacle or HINT, "dim")
        self.go.setText("Turn it" if len(turn.items) == 1 else f"Turn {counted(len(turn.items), 'shape')}")
        self.go.setEnabled(not turn.obstacle)


def axis_words(axis: str) -> str:
    """ "Z of the file", "−Z of the file"."""
    return f"{'−' if axis[0] == '-' else ''}{axis[1].upper()} of the file"


def scope_words(scope: Scope, count: int) -> str:
    """What is turned."""
    return {"one": "This shape", "import": f"All {count:,} that came in with it", "all": f"All {count:,} from files"}[
        scope
    ]
