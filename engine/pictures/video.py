"""MP4 by OpenCV, whose FFmpeg is the LGPL one: VP9, since its build has no free H.264 or AV1 encoder.

VP9 in MP4 plays in Chrome, Edge, Firefox, VLC, mpv and Blender, and in Safari from version 14 on macOS 11 on; QuickTime
does not know it. The older MPEG-4 Part 2 (mp4v), which OpenCV also writes, plays in no browser.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image

from engine.child import Child
from engine.errors import DamagedFileError, InputError
from engine.protocol import Progress, Stage
from engine.stages import retold

CODEC = "vp09"
MEMORY = 4 * 2**30  # bytes; the encoder looks some 25 pictures ahead
SECONDS_EACH = 20.0  # of a large picture on a slow machine
FAR = 12.0  # mean difference of 0..255 between a picture and what was written of it that counts as damage


class Order(msgspec.Struct, frozen=True):
    """A film to write: PNG files of one size, for how many frames each stands, frames a second, and where it goes."""

    pictures: list[str]
    ticks: list[int]
    fps: float
    out: str


def require() -> None:
    """Raises InputError when the library that writes MP4 is not installed."""
    if find_spec("cv2") is None:
        raise InputError("MP4 needs OpenCV: pip install 'shape-studio[video]'; .gif and folders of .png work without")


def write_mp4(path: Path, pictures: Sequence[Path], ticks: Sequence[int], fps: float) -> Stage[None]:
    """Write a film of PNG ``pictures`` to ``path``; each stands for so many ``ticks``, of which ``fps`` make a second.

    Sides are made even by doubling the last row or column, which the codec asks for. Raises InputError without OpenCV,
    DamagedFileError when the file does not read back as it should.
    """
    require()
    order = Order([str(picture) for picture in pictures], list(ticks), fps, str(path))
    seconds = 60 + SECONDS_EACH * sum(ticks)
    words = "make it shorter or its pictures smaller, or choose .gif"
    with Child("engine.pictures.video:record", MEMORY, seconds, "writing the film", words, words) as child:
        asked = child.ask(msgspec.msgpack.encode(order))
        begun = Progress(stage="film", done=0, total=len(ticks))
        yield from retold(asked, lambda seconds: replace(begun, message=f"{path.name}, {seconds:.0f} s"))


def record(request: bytes) -> bytes:
    """Write an Order and read it back, in a process of its own. Raises DamagedFileError, InputError."""
    import cv2

    order = msgspec.msgpack.decode(request, type=Order)
    first = _even(order.pictures[0])
    size = first.shape[1], first.shape[0]
    writer = cv2.VideoWriter(order.out, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*CODEC), order.fps, size)
    if not writer.isOpened():
        raise InputError(
            f"this build of OpenCV cannot write {CODEC} into .mp4; choose .gif, or a folder for .png files"
        )
    try:
        for name, ticks in zip(order.pictures, order.ticks, strict=True):
            picture = np.ascontiguousarray(_even(name)[..., ::-1])
            for _ in range(ticks):
                writer.write(picture)
    finally:
        writer.release()
    _check(order, size)
    return b""


def _check(order: Order, size: tuple[int, int]) -> None:
    """Raises DamagedFileError unless the file has all frames, of this size and about these colours."""
    import cv2

    film = cv2.VideoCapture(order.out, cv2.CAP_FFMPEG)
    try:
        for name, ticks in zip(order.pictures, order.ticks, strict=True):
            wanted = _even(name).astype(np.float32)
            for _ in range(ticks):
                there, found = film.read()
                if not there or found.shape[1::-1] != size or np.abs(found[..., ::-1] - wanted).mean() > FAR:
                    raise DamagedFileError(f"{order.out}: does not read back as it was written; write it again")
        if film.read()[0]:
            raise DamagedFileError(f"{order.out}: reads back with more frames than were written; write it again")
    finally:
        film.release()


def _even(path: str) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB picture with even sides."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
