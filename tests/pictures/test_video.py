from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError
from engine.pictures import video
from engine.pictures.sheet import save_png

cv2 = pytest.importorskip("cv2", reason="the extra `video` is not installed")


def wandering(folder: Path, count: int, height: int, width: int) -> tuple[list[Path], list[NDArray[np.uint8]]]:
    """A red disc on a light backdrop that goes to the right."""
    y, x = np.mgrid[:height, :width]
    paths, pictures = [], []
    for i in range(count):
        picture = np.full((height, width, 3), (240, 242, 245), np.uint8)
        picture[np.hypot(y - height / 2, x - 20 - 8 * i) < 14] = (200, 60, 30)
        paths.append(folder / f"{i:04d}.png")
        save_png(paths[-1], picture)
        pictures.append(picture)
    return paths, pictures


def test_the_file_holds_every_frame_at_its_time(tmp_path: Path) -> None:
    paths, pictures = wandering(tmp_path, 6, 95, 131)
    ticks = [3, 1, 1, 1, 1, 2]
    events = list(video.write_mp4(tmp_path / "film.mp4", paths, ticks, 12))
    assert events
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(12)
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == sum(ticks)
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (132, 96)
    for picture, ticked in zip(pictures, ticks, strict=True):
        for _ in range(ticked):
            there, frame = film.read()
            assert there
            assert np.abs(frame[:95, :131, ::-1].astype(int) - picture).mean() < 4
    assert not film.read()[0]
    film.release()


def test_what_does_not_read_back_is_an_error(tmp_path: Path) -> None:
    paths, _ = wandering(tmp_path, 4, 64, 64)
    out = tmp_path / "film.mp4"
    list(video.write_mp4(out, paths, [1] * 4, 12))
    names = [str(path) for path in paths]
    for order in (
        video.Order(names, [1, 1, 1, 2], 12, str(out)),
        video.Order(names[:3], [1, 1, 1], 12, str(out)),
        video.Order(names[::-1], [4, 1, 1, 1], 12, str(out)),
    ):
        with pytest.raises(DamagedFileError):
            video._check(order, (64, 64))
    with pytest.raises(DamagedFileError):
        video._check(video.Order(names, [1] * 4, 12, str(out)), (66, 64))


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'shape-studio\[video\]'"):
        list(video.write_mp4(tmp_path / "film.mp4", [], [], 12))
    assert not list(tmp_path.iterdir())
