"""Animated GIF: one palette for all pictures, no dithering that crawls, only what changes from picture to picture."""

import struct
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image
from scipy.spatial import cKDTree

from engine.errors import InputError

COLOURS = 255  # the last of the 256 stands for "as in the picture before"
ROUNDS = 6  # of Lloyd's algorithm on the palette
QUICKEST = 2  # hundredths of a second; browsers slow shorter ones down to 10
LARGEST = 65535  # pixels
Tally = tuple[NDArray[np.int64], NDArray[np.float64]]  # (K,) colours as numbers and how many pixels have them
NO_COLOURS: Tally = (np.zeros(0, np.int64), np.zeros(0))


def hundredths(ticks: Sequence[int], fps: float) -> list[int]:
    """How long each picture stands, in 1/100 s, the unit of the format: rounded so that the errors never add up.

    ticks : for how many frames at ``fps`` a second each picture stands. InputError where a picture would be too quick.
    """
    ends = np.round(np.cumsum([0, *ticks]) * (100 / fps)).astype(int)
    times = [int(time) for time in np.diff(ends)]
    if min(times) < QUICKEST:
        raise InputError(
            f"a GIF shows at most {100 / QUICKEST:g} pictures a second, not {fps:g}; choose fewer, or .mp4"
        )
    return times


def tallied(tally: Tally, picture: NDArray[np.uint8]) -> Tally:
    """A count of colours, NO_COLOURS at first, with those of one more picture (H, W, 3)."""
    found, number = np.unique(_codes(picture), return_counts=True)
    codes, place = np.unique(np.concatenate([tally[0], found]), return_inverse=True)
    return codes, np.bincount(place, np.concatenate([tally[1], number]), len(codes)).astype(np.float64)


def palette_of(tally: Tally) -> NDArray[np.uint8]:
    """(K, 3) sRGB colours, K at most COLOURS, that stand for all that were `tallied`.

    Median cut and then Lloyd's algorithm, both on colours weighted by the square root of their area, or a plain backdrop
    would take most of them.
    """
    codes, counts = tally
    colours = _colours(codes)
    if len(codes) <= COLOURS:
        return colours
    weights = np.sqrt(counts)
    sample = colours.repeat(np.ceil(weights / weights.mean()).astype(int), 0)
    cut = Image.fromarray(sample[None]).quantize(COLOURS, Image.Quantize.MEDIANCUT)
    centres = np.array(cut.getpalette(), np.float64).reshape(-1, 3)[:COLOURS]
    for _ in range(ROUNDS):
        nearest = cKDTree(centres).query(colours)[1]
        total = np.bincount(nearest, weights, len(centres))
        used = total > 0
        sums = np.stack([np.bincount(nearest, weights * colours[:, c], len(centres)) for c in range(3)], 1)
        centres[used] = sums[used] / total[used, None]
    return np.unique(np.round(centres).astype(np.uint8), axis=0)


def encoded(pictures: Iterable[NDArray[np.uint8]], times: Iterable[int], palette: NDArray[np.uint8]) -> Iterator[bytes]:
    """The bytes of a GIF that plays for ever, piece by piece: one per picture (H, W, 3), all of one size, and an end.

    times : 1/100 s each, see `hundredths`. Every pixel gets the nearest colour of ``palette``; pixels whose colour stays
    are left out. Format: CompuServe GIF89a specification, 1990, and Netscape's application block for the loop.
    """
    tree = cKDTree(palette.astype(np.float64))
    before: NDArray[np.uint8] | None = None
    for picture, time in zip(pictures, times, strict=True):
        codes, place = np.unique(_codes(picture), return_inverse=True)
        index = tree.query(_colours(codes))[1].astype(np.uint8)[place].reshape(picture.shape[:2])
        start = _start(index.shape, palette) if before is None else b""
        yield start + _image(index, before, time)
        before = index
    yield b"\x3b"


def _start(shape: tuple[int, ...], palette: NDArray[np.uint8]) -> bytes:
    """Header, screen, colours and the block that says that it plays for ever."""
    height, width = shape
    if max(shape) > LARGEST:
        raise InputError(f"a GIF is at most {LARGEST} pixels wide; choose a smaller --size")
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    screen = struct.pack("<HHBBB", width, height, 0xF7, 0, 0)  # 256 colours of 8 bits each for all pictures
    return b"GIF89a" + screen + table.tobytes() + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def _image(index: NDArray[np.uint8], before: NDArray[np.uint8] | None, time: int) -> bytes:
    """One picture as a change of the one before; Pillow packs the pixels."""
    corner = (0, 0)
    if before is not None:
        same = index == before
        index = np.where(same, np.uint8(COLOURS), index)
        rows, columns = np.flatnonzero(~same.all(1)), np.flatnonzero(~same.all(0))
        top, left = (int(rows[0]), int(columns[0])) if len(rows) else (0, 0)
        bottom, right = (int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else (1, 1)
        index, corner = index[top:bottom, left:right], (left, top)
    image = Image.fromarray(np.ascontiguousarray(index), "P")
    return b"".join(GifImagePlugin.getdata(image, corner, duration=10 * time, transparency=COLOURS, disposal=1))


def _codes(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(H, W, 3) -> (H * W,) one number per colour."""
    red, green, blue = picture.reshape(-1, 3).astype(np.int64).T
    return np.asarray((red << 16) | (green << 8) | blue, np.int64)


def _colours(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(K,) -> (K, 3), the way back."""
    return np.stack([codes >> 16, (codes >> 8) & 255, codes & 255], 1).astype(np.uint8)
