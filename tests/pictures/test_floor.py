import numpy as np
import pytest
from numpy.typing import NDArray

from engine.pictures.floor import LAYERS, REACH, sky_shade

SIDE = 128
AXIS = ((np.arange(SIDE) + 0.5) / SIDE * 2 - 1) * REACH
AWAY = np.hypot(AXIS[:, None], AXIS[None])


def plate(where: NDArray[np.bool_], height: float) -> NDArray[np.float32]:
    level = np.where(where, height, np.inf).astype(np.float32)
    return sky_shade(level, level)


@pytest.mark.parametrize("height", LAYERS[2:6])
def test_disc_hides_the_known_share_of_the_sky(height: float) -> None:
    radius = 0.3
    shade = plate(radius > AWAY, height)
    middle = shade[SIDE // 2, SIDE // 2]
    assert middle == pytest.approx(radius**2 / (radius**2 + height**2), abs=0.03)  # form factor, point under a disc
    assert AWAY.ravel()[shade.argmax()] == AWAY.min()
    assert shade[:, 0].max() < 1e-3  # no border can be seen


def test_higher_is_softer_and_nothing_is_nothing() -> None:
    low, high = (plate(AWAY < 0.2, height) for height in (LAYERS[0], LAYERS[-2]))
    assert low.max() > 0.95 and high.max() < 0.3
    outside = (AWAY > 0.3) & (AWAY < 0.6)
    assert high[outside].mean() > 3 * low[outside].mean()
    assert not plate(AWAY < 0, 0.1).any()


def test_long_wall_hides_the_known_share_of_the_sky() -> None:
    height = LAYERS[4]
    wall = np.broadcast_to(AXIS[None] < 0, (SIDE, SIDE))  # everything to the left stands on the floor, up to the height
    shade = sky_shade(np.where(wall, 0, np.inf), np.where(wall, height, np.inf))
    for distance in (0.1, 0.2, 0.3):
        column = int(np.searchsorted(AXIS, distance))
        away = AXIS[column]
        # an endless wall hides (1 - d / sqrt(d^2 + h^2)) / 2; ours ends at the map's border, 1.28 away
        assert shade[SIDE // 2, column] == pytest.approx((1 - away / np.hypot(away, height)) / 2, abs=0.04)
