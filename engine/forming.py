"""What a model's shapes seem to become while they are drawn: quick pictures for whoever watches, the newest win."""

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.clouds.cloud import PointCloud
from engine.clouds.dots import EDGE, dots
from engine.geometry.export import GREY
from engine.mailbox import Preview
from engine.method import Field, Representation, Shapes
from engine.pictures.sketch import lattice, sketch
from engine.protocol import Stage

# of the previews: "pictures" (R, S, S, 3) uint8 of the first R shapes, "state" (N,) uint8 of all N; of clouds also
# "points" (R, P, 3) float16, zeros where a cloud has none yet, and "colours" (R, P, 3) float16 linear RGB where points
# have some
KIND = "shapes"
NOTHING, SEEN, STAYS = range(
    3
)  # states of a shape: no picture yet, a picture of what it seems to become, kept for good
MOST = 24  # shapes that have pictures: more are out of sight
SIZE = 96  # pixels per side
ROUGH, FINE = 20, 36  # grid points per side: while a shape changes, and at last
DEARER = 3.0  # about how much longer a fine picture takes
OFTEN = 6  # looks at a drawing, at most
SHARE = 0.15  # of the job's time that pictures may take
TO_COME = 0.15  # seconds that the job will at least spend on each shape once it is drawn
BEAT_S = 0.2  # between two previews of one look

T = TypeVar("T")


class Forming:
    """Follows one drawing of ``count`` shapes: `look` is shown how they get on, `settled` what has become of one, and
    `beside` lets previews out among the events of the stage that does all that."""

    def __init__(
        self,
        representation: Representation,
        count: int,
        device: torch.device,
        to_come: float = TO_COME,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        """to_come : seconds that are still spent on each shape when all are drawn, at least."""
        self.spent = 0.0  # seconds on pictures
        self._representation, self._device, self._clock = representation, device, clock
        self._pictures = np.zeros((min(count, MOST), SIZE, SIZE, 3), np.uint8)
        self._state = np.full(count, NOTHING, np.uint8)
        self._began, self._ahead = clock(), to_come * count
        self._price = 0.0  # seconds that the last rough picture took
        self._next = 1 / OFTEN  # share of the steps at which to look again
        self._pause = 1 / OFTEN  # share of the steps between two looks; none between those at clouds, which cost little
        self._points = np.zeros((len(self._pictures), 0, 3), np.float16)
        self._colours: NDArray[np.float16] | None = None
        self._guesses: dict[int, Tensor] = {}  # (D,) that the fine pictures are of
        self._news: list[tuple[int, Tensor]] = []  # what has settled since the last preview

    def look(self, indices: range, share: float, guess: Tensor) -> Stage[None]:
        """See what samples ``indices`` seem to become (B, D), after a share of the steps; see `method.Look`."""
        shown = range(indices.start, min(indices.stop, len(self._pictures)))
        last = share >= 1
        if not shown or not (last or (share >= self._next and self._affordable(len(shown)))):
            return
        self._next = self._pause if last else share + self._pause
        yield from self._draw(shown, guess[: len(shown)], FINE if last else ROUGH)

    def settled(self, place: int, row: Shapes) -> None:
        """Shape ``place`` stays, as this row; it may be another than the one that was looked at."""
        self._state[place] = STAYS
        self._news.append((place, row.latent[0].cpu()))

    def beside(self, stage: Stage[T]) -> Stage[T]:
        """The events and the result of ``stage``, and previews when it has settled something."""
        try:
            while True:
                try:
                    event = next(stage)
                except StopIteration as end:
                    if self._news:
                        yield from self._tell()
                    result: T = end.value
                    return result
                yield event
                if self._news:
                    yield from self._tell()
        finally:
            stage.close()

    def _tell(self) -> Stage[None]:
        """Pictures of what has settled as something else than it was seen as; and a preview."""
        news, self._news = self._news, []
        for place, latent in news:
            if place < len(self._pictures) and not torch.equal(latent, self._guesses.get(place, latent[:0])):
                yield from self._draw(range(place, place + 1), latent[None], FINE)
        yield self._preview()

    def _preview(self) -> Preview:
        clouds = {"points": self._points} if self._points.size else {}
        if self._colours is not None:
            clouds["colours"] = self._colours
        return Preview(KIND, {"pictures": self._pictures, "state": self._state} | clouds)

    def _affordable(self, count: int) -> bool:
        allowed = SHARE * (self._clock() - self._began + self._ahead)
        return self.spent + count * self._price * (1 + DEARER) <= allowed

    def _draw(self, places: range, guess: Tensor, grid: int) -> Stage[None]:
        points = torch.from_numpy(lattice(grid))
        began, told = self._clock(), time.monotonic()
        present = self._representation.present(guess) if self._representation.parts else None
        colours = {part.name: part.colour for part in self._representation.parts}
        made: list[Field | PointCloud] = list(self._representation.decode(Shapes(guess, present).to(self._device)))
        for done, (place, one) in enumerate(zip(places, made, strict=True), 1):
            if isinstance(one, PointCloud):
                picture: NDArray[np.uint8] | None = self._dots(place, one)
            else:
                solids = [(_logits(one.part(name), points, grid), colours[name]) for name in one.parts]
                picture = sketch(solids or [(_logits(one, points, grid), GREY)], SIZE)
            if picture is not None:
                self._pictures[place] = picture
                self._state[place] = max(SEEN, self._state[place])
            if done == len(made) or time.monotonic() - told > BEAT_S:
                told = time.monotonic()
                yield self._preview()
        took = self._clock() - began
        self.spent += took
        if grid == FINE:
            self._guesses |= zip(places, guess, strict=True)
        else:
            self._price = took / len(places)

    def _dots(self, place: int, cloud: PointCloud) -> NDArray[np.uint8]:
        """Picture of a cloud, and its points for who can draw them; from now on every step is worth a look."""
        if self._points.shape[1] != len(cloud):
            self._points = np.zeros((len(self._pictures), len(cloud), 3), np.float16)
            self._colours = None if cloud.colours is None else np.zeros_like(self._points)
        self._points[place], self._pause = cloud.points.clip(-EDGE, EDGE), 0.0
        if self._colours is not None and cloud.colours is not None:
            self._colours[place] = cloud.colours
        return dots(cloud, SIZE)


@torch.no_grad()
def _logits(field: Callable[[Tensor], Tensor], points: Tensor, grid: int) -> NDArray[np.float32]:
    found: NDArray[np.float32] = field(points).cpu().float().reshape(grid, grid, grid).numpy()
    return found
