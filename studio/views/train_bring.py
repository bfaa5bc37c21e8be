"""Step 1 of the Train panel: files in, what became of them, and the names of their parts."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from studio.models.bring import SAMPLES
from studio.models.form import Form
from studio.models.titles import counted
from studio.models.train import LEAST, Train
from studio.views.train_step import Step, in_row, in_rows, say, time_words
from studio.widgets.words import button, label

MESHES = "Meshes (*.obj *.glb *.gltf *.stl *.ply *.off *.3mf *.dae *.zip);;All files (*)"
ARROWS = 36  # pixels of what is beside a number in its field
ROW = 24  # pixels of a row of the list
MOST_ROWS = 6  # that show without scrolling
MOST_REASONS = 200  # of a verdict
FORM_HEIGHT = 300


class BringStep(Step):
    """Bound to the `Bring` of a `Train`. ``form_view`` makes the widget of a form."""

    def __init__(self, train: Train, form_view: Callable[[Form], QWidget]) -> None:
        super().__init__(1, "Bring shapes in")
        self._train, self._bring = train, train.bring
        self._form_view = form_view
        self._form: QWidget | None = None
        self.files = button("Files…", self._ask_files, tip="Meshes, or a zip of them; they can be dropped here, too")
        self.folder = button("Folder…", self._ask_folder, tip="All that a folder holds, or a data set")
        self.more = button(
            "More", self._unfold, "flat", "chevron-right", "Category, thickness, licence of what is brought in"
        )
        self.more.setCheckable(True)
        self.kind, self.count = QComboBox(), QSpinBox(minimum=1, maximum=10_000, value=40)
        for name in SAMPLES:
            self.kind.addItem(name.capitalize(), name)
        self.kind.setAccessibleName("Category of samples")
        self.kind.setToolTip("What kind of shapes the program makes by itself")
        self.count.setFixedWidth(max(68, self.fontMetrics().horizontalAdvance("10000") + ARROWS))
        self.count.setAccessibleName("Number of samples")
        self.count.setToolTip("How many; of more shapes a model learns more")
        self.make = button("Make samples", self._make, tip="Procedural shapes with named parts, to try it out")
        self.time = label(role="dim", wrap=True)
        self.verdicts = QTreeWidget(columnCount=1)
        self.verdicts.setHeaderHidden(True)
        self.verdicts.setAccessibleName("What became of the shapes")
        self.verdicts.itemExpanded.connect(self._fit_list)
        self.verdicts.itemCollapsed.connect(self._fit_list)
        self.parts = label(role="dim", wrap=True)
        self.search = button("Find parts", self._bring.find_parts, tip="By connected pieces, matched over all shapes")
        self.old, self.new = QComboBox(), QLineEdit(placeholderText="new name")
        self.old.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.old.setMinimumContentsLength(6)
        self.old.setAccessibleName("Part to rename")
        self.old.setToolTip("Which part gets another name")
        self.new.setAccessibleName("New name of the part")
        self.new.setToolTip("Parts of one name are one part of a model, and can be exchanged")
        self.rename = button("Rename", self._rename, tip="In all shapes; fits made before keep their names")
        self.merging = label(role="warn", wrap=True)
        self._told: object = None
        self._build()
        self.kind.activated.connect(self._estimate)
        self.count.valueChanged.connect(self._estimate)
        self.old.activated.connect(self._check_name)
        self.new.textChanged.connect(self._check_name)
        self.new.returnPressed.connect(self.rename.click)
        train.changed.connect(self.draw)
        self.draw()

    def _build(self) -> None:
        self.body.addLayout(in_rows(self.files, self.folder, self.more))
        self._extra = QHBoxLayout()
        self.body.addLayout(self._extra)
        self.body.addLayout(in_rows(self.kind, self.count, self.make))
        self.body.addWidget(self.time)
        self.body.addWidget(self.verdicts)
        self.body.addWidget(self.parts)
        self.ways = in_rows(self.search)  # what else can be done with them
        self.body.addLayout(self.ways)
        self.body.addLayout(in_row(self.old, self.new, self.rename))
        self.body.addWidget(self.merging)

    def draw(self) -> None:
        """Show what there is."""
        bring = self._bring
        done = len(self._train.taken) >= LEAST or len(bring.usable) >= LEAST
        hint = "Drop meshes, folders or a zip here, or make samples to try it out."
        if bring.busy:
            hint = "Shapes are coming in."
        elif bring.items:
            hint = "" if done else "Too few can be used: bring in more."
        self.show_state(done, bring.words, hint, "" if done or not bring.items else "warn")
        state = tuple(bring.verdicts)
        if state != self._told:
            self._told = state
            self._fill_verdicts()
        named, nameless = bring.parts, len(bring.nameless)
        words = ", ".join(f"{name} ({count:,})" for name, count in list(named.items())[:12])
        missing = f"{nameless:,} have no named parts, so nothing of them can be swapped." if nameless else ""
        say(
            self.parts,
            " ".join(filter(None, (f"Parts: {words}." if words else "", missing))),
            "warn" if nameless else "dim",
        )
        self.search.setVisible(bool(nameless))
        self.search.setEnabled(not bring.busy)
        for widget in (self.old, self.new, self.rename):
            widget.setVisible(bool(named))
        if [self.old.itemText(i) for i in range(self.old.count())] != list(named):
            chosen = self.old.currentText()
            self.old.clear()
            self.old.addItems(list(named))
            self.old.setCurrentIndex(max(0, self.old.findText(chosen)))
        self._check_name()
        self._estimate()

    def _fill_verdicts(self) -> None:
        self.verdicts.clear()
        self.verdicts.setRootIsDecorated(any(verdict.reasons for verdict in self._bring.verdicts))
        for verdict in self._bring.verdicts:
            row = QTreeWidgetItem([f"{verdict.count:,} {verdict.words}"])
            row.setSizeHint(0, QSize(0, ROW))
            row.setToolTip(0, f"{verdict.count:,} {verdict.words}")
            for name, reason in verdict.reasons[:MOST_REASONS]:
                inner = QTreeWidgetItem([f"{name}: {reason}"])
                inner.setSizeHint(0, QSize(0, ROW))
                inner.setToolTip(0, f"{name}: {reason}")
                row.addChild(inner)
            if (left := len(verdict.reasons) - MOST_REASONS) > 0:
                row.addChild(QTreeWidgetItem([f"and {left:,} more; the library shows all"]))
            self.verdicts.addTopLevelItem(row)
            row.setExpanded(verdict.mood == "bad")
        self._fit_list()

    def _fit_list(self, *_: object) -> None:
        """As high as its rows, up to a limit."""
        rows = 0
        for i in range(self.verdicts.topLevelItemCount()):
            item = self.verdicts.topLevelItem(i)
            rows += 1 + (item.childCount() if item is not None and item.isExpanded() else 0)
        self.verdicts.setFixedHeight(min(rows, MOST_ROWS) * ROW + 4)
        self.verdicts.setVisible(bool(rows))

    def _estimate(self, *_: object) -> None:
        seconds = self._train.runs.speeds.samples(self.kind.currentData(), self.count.value())
        say(
            self.time,
            "" if seconds is None else f"{counted(self.count.value(), 'sample')}: {time_words(seconds)[6:]}",
            "dim",
        )

    def _check_name(self, *_: object) -> None:
        old, new = self.old.currentText(), " ".join(self.new.text().split())
        both = self._bring.have_both(old, new) if new else 0
        say(
            self.merging,
            f"{counted(both, 'shape')} with both get one part of the two; that cannot be undone." if both else "",
            "warn",
        )
        self.rename.setText("Merge" if both else "Rename")
        self.rename.setEnabled(bool(old and new and old != new) and not self._bring.busy)

    def _make(self) -> None:
        self._bring.make_samples(self.kind.currentData(), self.count.value())

    def _rename(self) -> None:
        new = self.new.text()
        both = self._bring.have_both(self.old.currentText(), " ".join(new.split()))
        if self._bring.rename(self.old.currentText(), new, merge=bool(both)):
            self.new.clear()

    def _ask_files(self) -> None:
        texts, _ = QFileDialog.getOpenFileNames(self, "Bring shapes in", "", MESHES)
        self._bring.bring_in([Path(text) for text in texts])

    def _ask_folder(self) -> None:
        if text := QFileDialog.getExistingDirectory(self, "Bring in all that a folder holds"):
            self._bring.bring_in([Path(text)])

    def _unfold(self) -> None:
        if self._form is None:
            self._form = self._form_view(self._bring.form)
            self._form.setMinimumHeight(FORM_HEIGHT)
            self._extra.addWidget(self._form)
        self._form.setVisible(self.more.isChecked())
