"""The thread that draws: VTK without a window, which turns frames into images and pixels into parts.

All of VTK lives here, so the window's own loop never waits for a picture: drawing lets go of Python's lock. A picture is
painted by Qt as any other, so that labels can lie over it, and neither X11 nor Wayland matters.
"""

from ctypes import CDLL
from dataclasses import dataclass
from sys import platform
from time import perf_counter

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot
from PySide6.QtGui import QImage
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkRenderWindow
from vtkmodules.vtkRenderingOpenGL2 import vtkEGLRenderWindow

from engine.errors import StudioError
from studio.views.view3d_frame import Frame
from studio.views.view3d_pane import PaneActors
from studio.views.view3d_surface import HEAVY, Surfaces

NO_OPENGL = (
    "the 3D view needs OpenGL 3.2; update the graphics driver (Debian, Ubuntu: apt-get install libegl1 libgl1-mesa-dri)"
)
FINER = 2  # a picture that stands still is drawn this much larger where that is quick
QUICK = 0.08  # seconds that a still picture may take, to be drawn larger


@dataclass(frozen=True, eq=False)
class Drawn:
    """Images of a frame's panes, in their order, and the seconds that they took."""

    frame: Frame
    images: tuple[QImage, ...]
    seconds: float


@dataclass(frozen=True)
class Found:
    """What lies under a pixel that was asked about: the name of a part of the shape, or None."""

    number: int
    key: str
    part: str | None


class Stage(QObject):
    """Draws. Its slots run one after the other in the thread that it was moved to; it is told by `Signal`, and tells so."""

    drawn = Signal(object)  # Drawn
    found = Signal(object)  # Found
    failed = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._window: vtkRenderWindow | None = None
        self._panes: dict[str, PaneActors] = {}
        self._surfaces = Surfaces()
        self._pixels = vtkUnsignedCharArray()
        self._fine_cost: float | None = None  # seconds of the last still picture, per pixel
        self._last: Frame | None = None

    @Slot(object)
    def draw(self, frame: Frame) -> None:
        """Make the images of a frame -> ``drawn``."""
        try:
            window = self._window or self._open()
        except StudioError as error:
            self.failed.emit(str(error))
            return
        start = perf_counter()
        for key in set(self._panes) - {pane.key for pane in frame.panes}:
            self._drop(self._panes.pop(key))
        faces = sum(len(placed.mesh.faces) for pane in frame.panes for placed in pane.parts.values() if placed.visible)
        coarse = not frame.fine and faces > HEAVY
        finer = self._finer(frame)
        width, height = (max(8, side) * finer for side in frame.size)
        if tuple(window.GetSize()) != (width, height):
            window.SetSize(width, height)
        images = []
        for pane in frame.panes:
            if pane.key not in self._panes:
                self._panes[pane.key] = PaneActors(self._surfaces)
                window.AddRenderer(self._panes[pane.key].renderer)
            self._panes[pane.key].show(pane, frame, coarse, finer * frame.ratio)
            for key, actors in self._panes.items():
                actors.renderer.SetDraw(key == pane.key)
            window.Render()
            images.append(self._image(width, height, finer))
        self._last = frame
        seconds = perf_counter() - start
        if frame.fine and frame.panes:
            self._fine_cost = seconds / (len(frame.panes) * width * height)
        self.drawn.emit(Drawn(frame, tuple(images), seconds))

    @Slot(int, str, float, float)
    def find(self, number: int, key: str, x: float, y: float) -> None:
        """Which part lies at (x, y), shares of the pane's width and height from its upper left -> ``found``."""
        name = None
        if self._window is not None and key in self._panes:
            width, height = self._window.GetSize()
            name = self._panes[key].under(x * width, (1 - y) * height)
        self.found.emit(Found(number, key, name))

    @Slot()
    def close(self) -> None:
        """Give everything back -> ``closed``. It may draw again later."""
        for pane in self._panes.values():
            self._drop(pane)
        self._panes.clear()
        self._surfaces.clear()
        if self._window is not None:
            self._window.Finalize()
            self._window = None
        self.closed.emit()

    def actors(self) -> int:
        """How many actors VTK holds, for tests."""
        return sum(pane.renderer.GetActors().GetNumberOfItems() for pane in self._panes.values())

    def _open(self) -> vtkRenderWindow:
        if platform == "linux":
            try:
                CDLL("libEGL.so.1")  # VTK would crash without it
            except OSError as error:
                raise StudioError(NO_OPENGL) from error
        window = vtkEGLRenderWindow() if platform == "linux" else vtkRenderWindow()
        window.SetOffScreenRendering(1)
        window.SetShowWindow(False)
        window.SetMultiSamples(0)
        window.Initialize()
        if not window.GetInitialized():
            raise StudioError(NO_OPENGL)
        self._window = window
        return window

    def _drop(self, pane: PaneActors) -> None:
        if self._window is not None:
            self._window.RemoveRenderer(pane.renderer)
            pane.renderer.SetPass(None)  # type: ignore[arg-type]
            pane.renderer.ReleaseGraphicsResources(self._window)

    def _finer(self, frame: Frame) -> int:
        """How much larger to draw: what is quick enough as far as is known."""
        if not frame.fine or self._fine_cost is None:
            return 1
        pixels = len(frame.panes) * frame.size[0] * frame.size[1] * FINER**2
        return FINER if self._fine_cost * pixels < QUICK else 1

    def _image(self, width: int, height: int, finer: int) -> QImage:
        """What was drawn, as an image of its own."""
        assert self._window is not None
        self._window.GetPixelData(0, 0, width - 1, height - 1, 0, self._pixels, 0)
        rows = vtk_to_numpy(self._pixels).reshape(height, width, 3)
        if finer > 1:
            blocks = rows.reshape(height // finer, finer, width // finer, finer, 3)
            rows = blocks.mean((1, 3)).astype("uint8")
        rows = rows[::-1].copy()  # VTK counts from below
        return QImage(rows.data, rows.shape[1], rows.shape[0], 3 * rows.shape[1], QImage.Format.Format_RGB888).copy()


def own_thread(stage: Stage) -> QThread | None:
    """A started thread with the stage in it; None on macOS, which wants all drawing in the main thread."""
    if platform == "darwin":
        return None
    thread = QThread()
    thread.setObjectName("3D view")
    stage.moveToThread(thread)
    stage.closed.connect(thread.quit, Qt.ConnectionType.DirectConnection)
    thread.start()
    return thread
