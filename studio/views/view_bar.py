"""The bar under the 3D view: how shapes are shown, how far their parts stand apart, where they are cut open."""

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QSlider

from studio.models.scene import Plane, Scene, Style
from studio.models.scene_contents import Arrangement
from studio.panel import in_menu
from studio.widgets.flow import Flow
from studio.widgets.words import Ground, label, tool

STYLES: tuple[tuple[str, Style], ...] = (
    ("Shaded", "shaded"),
    ("Clay", "clay"),
    ("Normals", "normals"),
    ("X-ray", "x-ray"),
    ("Wireframe", "wireframe"),
)
ARRANGEMENTS: tuple[tuple[str, Arrangement], ...] = (
    ("Side by side", "side"),
    ("Wipe", "wipe"),
    ("The one in front", "one"),
)
NO_PARTS = "A cloud of points has no parts to move apart; split it into parts first"
AXES: tuple[tuple[str, tuple[float, float, float]], ...] = (
    ("Whole", (0, 0, 0)),
    ("Cut across", (1, 0, 0)),
    ("Cut flat", (0, 1, 0)),
    ("Cut front", (0, 0, 1)),
)


class ViewBar(Ground):
    """Bound to a `Scene`."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene
        self.style_box, self.cut_box, self.arrangement = QComboBox(), QComboBox(), QComboBox()
        for words, arrangement in ARRANGEMENTS:
            self.arrangement.addItem(words, arrangement)
        for words, style in STYLES:
            self.style_box.addItem(words, style)
        for words, normal in AXES:
            self.cut_box.addItem(words, normal)
        for box, name, tip in (
            (self.style_box, "Style", "How surfaces are drawn"),
            (self.cut_box, "Cut open", "A plane that cuts the shape open and shows its field"),
            (self.arrangement, "Arrangement", "How two shapes are compared"),
        ):
            box.setAccessibleName(name)
            box.setToolTip(tip)
        self.parts = tool("shape", "Colour the parts", checkable=True)
        self.explode, self.offset = QSlider(Qt.Orientation.Horizontal), QSlider(Qt.Orientation.Horizontal)
        for slider, name in ((self.explode, "Explode"), (self.offset, "Where it is cut")):
            slider.setFixedWidth(110)
            slider.setAccessibleName(name)
            slider.setToolTip(name)
        self.explode.setRange(0, 100)
        self.offset.setRange(-48, 48)
        row = Flow(8)
        row.setContentsMargins(10, 5, 10, 5)
        exploded = label("Explode", "dim")
        for widget in (self.style_box, self.parts, exploded, self.explode, self.cut_box, self.offset, self.arrangement):
            row.addWidget(widget)
        self.setLayout(row)
        self.style_box.activated.connect(lambda i: self._look(style=self.style_box.itemData(i)))
        self.arrangement.activated.connect(lambda i: self._look(arrangement=self.arrangement.itemData(i)))
        self.parts.toggled.connect(lambda on: self._look(part_colours=on))
        self.explode.valueChanged.connect(lambda value: self._look(explode=value / 100))
        self.cut_box.activated.connect(lambda _: self._cut())
        self.offset.valueChanged.connect(lambda _: self._cut())
        scene.look_changed.connect(self._draw)
        scene.shapes_changed.connect(self._draw)
        self._actions()
        scene.plane_changed.connect(self._draw)
        self._draw()

    def _actions(self) -> None:
        """What the keys of the view do, for those who look into the menus; they work wherever the focus is."""
        for text, keys, work in (
            ("Hide the part", "H", self._hide),
            ("Show all parts", "Alt+H", self._scene.show_all),
            ("Show the part alone", "/", self._isolate),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda *_, work=work: work())
            self.addAction(in_menu(action, "View"))

    def _hide(self) -> None:
        if self._scene.selected is not None:
            self._scene.set_hidden(self._scene.selected, True)

    def _isolate(self) -> None:
        selected = self._scene.selected
        self._scene.isolate(None if self._scene.isolated or selected is None else selected[1])

    def _look(self, **changes: object) -> None:
        self._scene.look = replace(self._scene.look, **changes)  # type: ignore[arg-type]

    def _cut(self) -> None:
        normal = self.cut_box.currentData()
        self._scene.plane = Plane(normal, self.offset.value() / 100) if any(normal) else None

    def _draw(self) -> None:
        look, plane = self._scene.look, self._scene.plane
        with QSignalBlocker(self.parts), QSignalBlocker(self.explode), QSignalBlocker(self.offset):
            self.arrangement.setCurrentIndex(self.arrangement.findData(look.arrangement))
            self.arrangement.setVisible(len(self._scene.shapes) > 1)
            self.style_box.setCurrentIndex(self.style_box.findData(look.style))
            self.parts.setChecked(look.part_colours)
            self.explode.setValue(round(100 * look.explode))
            if plane is not None:
                self.offset.setValue(round(100 * plane.offset))
        self.offset.setVisible(plane is not None)
        cloud = bool(self._scene.shapes) and all(shape.is_cloud for shape in self._scene.shapes)
        self.explode.setEnabled(not cloud)
        self.explode.setToolTip(NO_PARTS if cloud else "Explode")
