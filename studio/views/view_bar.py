"""The bar under the 3D view: how shapes are shown, how far their parts stand apart, where they are cut open."""

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSlider

from studio.models.scene import Plane, Scene, Style
from studio.widgets.words import Ground, label, tool

STYLES: tuple[tuple[str, Style], ...] = (
    ("Shaded", "shaded"),
    ("Clay", "clay"),
    ("Normals", "normals"),
    ("X-ray", "x-ray"),
    ("Wireframe", "wireframe"),
)
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
        self.style_box, self.cut_box = QComboBox(), QComboBox()
        for words, style in STYLES:
            self.style_box.addItem(words, style)
        for words, normal in AXES:
            self.cut_box.addItem(words, normal)
        self.style_box.setAccessibleName("Style")
        self.cut_box.setAccessibleName("Cut open")
        self.parts = tool("shape", "Colour the parts", checkable=True)
        self.explode, self.offset = QSlider(Qt.Orientation.Horizontal), QSlider(Qt.Orientation.Horizontal)
        for slider, name in ((self.explode, "Explode"), (self.offset, "Where it is cut")):
            slider.setFixedWidth(110)
            slider.setAccessibleName(name)
            slider.setToolTip(name)
        self.explode.setRange(0, 100)
        self.offset.setRange(-48, 48)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 5, 10, 5)
        row.setSpacing(8)
        row.addWidget(self.style_box)
        row.addWidget(self.parts)
        row.addSpacing(8)
        row.addWidget(label("Explode", "dim"))
        row.addWidget(self.explode)
        row.addSpacing(8)
        row.addWidget(self.cut_box)
        row.addWidget(self.offset)
        row.addStretch(1)
        self.style_box.activated.connect(lambda i: self._look(style=self.style_box.itemData(i)))
        self.parts.toggled.connect(lambda on: self._look(part_colours=on))
        self.explode.valueChanged.connect(lambda value: self._look(explode=value / 100))
        self.cut_box.activated.connect(lambda _: self._cut())
        self.offset.valueChanged.connect(lambda _: self._cut())
        scene.look_changed.connect(self._draw)
        scene.plane_changed.connect(self._draw)
        self._draw()

    def _look(self, **changes: object) -> None:
        self._scene.look = replace(self._scene.look, **changes)  # type: ignore[arg-type]

    def _cut(self) -> None:
        normal = self.cut_box.currentData()
        self._scene.plane = Plane(normal, self.offset.value() / 100) if any(normal) else None

    def _draw(self) -> None:
        look, plane = self._scene.look, self._scene.plane
        with QSignalBlocker(self.parts), QSignalBlocker(self.explode), QSignalBlocker(self.offset):
            self.style_box.setCurrentIndex(self.style_box.findData(look.style))
            self.parts.setChecked(look.part_colours)
            self.explode.setValue(round(100 * look.explode))
            if plane is not None:
                self.offset.setValue(round(100 * plane.offset))
        self.offset.setVisible(plane is not None)
