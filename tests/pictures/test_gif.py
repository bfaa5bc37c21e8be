from functools import reduce
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from engine.errors import InputError
from engine.pictures.gif import COLOURS, NO_COLOURS, encoded, hundredths, palette_of, tallied

SIDE = 48


def discs(count: int) -> list[NDArray[np.uint8]]:
    """A coloured disc that wanders over a soft gradient."""
    y, x = np.mgrid[:SIDE, :SIDE]
    found = []
    for i in range(count):
        picture = np.repeat((225 + 25 * y / SIDE)[..., None], 3, 2)
        near = np.hypot(y - SIDE / 2, x - 10 - 3 * i)
        picture[near < 9] = (np.array([200, 90, 30]) * (1 - near[near < 9, None] / 20)).round()
        found.append(picture.astype(np.uint8))
    return found


def palette(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return palette_of(reduce(tallied, pictures, NO_COLOURS))


def shown(data: bytes) -> tuple[list[NDArray[np.int64]], list[int]]:
    """What a viewer shows, and for how many milliseconds each."""
    pictures, times = [], []
    with Image.open(BytesIO(data)) as file:
        for i in range(getattr(file, "n_frames", 1)):
            file.seek(i)
            times.append(int(file.info["duration"]))
            pictures.append(np.asarray(file.convert("RGB")).astype(np.int64))
        assert file.info["loop"] == 0
    return pictures, times


def test_a_viewer_shows_every_picture_in_its_colours() -> None:
    pictures = discs(7)
    assert len(np.unique(np.concatenate(pictures).reshape(-1, 3), axis=0)) < COLOURS  # so that nothing need be lost
    found, times = shown(b"".join(encoded(pictures, [5] * 7, palette(pictures))))
    assert times == [50] * 7
    for picture, wanted in zip(found, pictures, strict=True):
        assert np.array_equal(picture, wanted)


def test_many_colours_become_few_without_steps_in_the_backdrop() -> None:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    ball = np.stack([250 * x * y, 90 + 160 * y * (1 - x), 250 * (1 - x) * (1 - y)], -1)
    pictures = [np.where(np.roll(x < 0.5, 5 * i, 1)[..., None], ball, 225 + 25 * y[..., None]) for i in range(4)]
    pictures = [picture.astype(np.uint8) for picture in pictures]
    assert len(np.unique(np.concatenate(pictures).reshape(-1, 3), axis=0)) > 4 * COLOURS
    colours = palette(pictures)
    assert len(colours) <= COLOURS
    found, _ = shown(b"".join(encoded(pictures, [4] * 4, colours)))
    for picture, wanted in zip(found, pictures, strict=True):
        assert np.abs(picture - wanted).mean() < 4
        backdrop = np.ptp(wanted, axis=-1) == 0
        assert np.abs(picture - wanted)[backdrop].max() <= 3


def test_what_stands_still_costs_nothing() -> None:
    one = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    first, again, *_ = list(encoded([one, one], [4, 4], palette([one])))
    assert len(again) < 40 < len(first)
    found, _ = shown(b"".join(encoded([one, one], [4, 4], palette([one]))))
    assert np.array_equal(found[0], found[1])


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.floats(0.5, 40))
def test_times_add_up(ticks: list[int], fps: float) -> None:
    times = hundredths(ticks, fps)
    ends = np.cumsum(ticks) * 100 / fps
    assert np.abs(np.cumsum(times) - ends).max() <= 0.5 + 1e-9
    assert min(times) >= 2


def test_too_quick_is_refused() -> None:
    with pytest.raises(InputError, match="mp4"):
        hundredths([1, 1, 1], 60)
