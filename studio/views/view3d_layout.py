"""Which shapes have a pane, and where in the view it lies."""

from PySide6.QtCore import QPointF, QRectF

from studio.models.scene import Scene

GRIDS = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2)}  # columns, rows
GAP = 2.0  # pixels between panes


def panes(scene: Scene, room: QRectF) -> dict[str, QRectF]:
    """Key of each shape that is seen -> its pane. The two of a wipe lie over each other, the second one on top."""
    keys = [shape.key for shape in scene.shapes]
    if not keys:
        return {}
    match scene.look.arrangement:
        case "one":
            return {scene.active: QRectF(room)}
        case "wipe":
            return {key: QRectF(room) for key in [scene.active, *(key for key in keys if key != scene.active)][:2]}
        case "side":
            columns, rows = GRIDS[len(keys)]
            width = (room.width() - GAP * (columns - 1)) / columns
            height = (room.height() - GAP * (rows - 1)) / rows
            corners = [
                QPointF((width + GAP) * (i % columns), (height + GAP) * (i // columns)) for i in range(len(keys))
            ]
            return {
                key: QRectF(room.x() + at.x(), room.y() + at.y(), width, height)
                for key, at in zip(keys, corners, strict=True)
            }


def wiped(scene: Scene) -> bool:
    """Whether two shapes share the view by a wipe."""
    return scene.look.arrangement == "wipe" and len(scene.shapes) > 1


def wipe_line(scene: Scene, room: QRectF) -> float:
    """x of the line between the two shapes of a wipe."""
    return room.left() + scene.look.wipe * room.width()


def pane_at(scene: Scene, room: QRectF, at: QPointF) -> tuple[str, QRectF] | None:
    """The shape that one sees at a point, and its pane."""
    found = [(key, pane) for key, pane in panes(scene, room).items() if pane.contains(at)]
    if wiped(scene) and len(found) == 2:
        return found[int(at.x() >= wipe_line(scene, room))]
    return found[0] if found else None
