"""Shapes that stand out: planted ones are found, ordinary ones are left in peace."""

import numpy as np
import pytest

from engine.analysis.odd import modified_z, outliers, reasons
from engine.analysis.rows import REJECTED, TRAIN, UNSEEN
from engine.errors import InputError
from engine.stages import ended
from tests.analysis.made import WIDTH, in_process, made, noise  # noqa: F401

pytestmark = pytest.mark.usefixtures("in_process")


def test_planted_outliers_are_found_where_they_are() -> None:
    latent = noise(64)
    latent[5, WIDTH : 2 * WIDTH] += 6  # an odd wing among ordinary ones
    latent[11] *= 4  # odd all over
    found = ended(outliers(made(latent), "", 0))
    flagged = {(one.shape, one.part) for one in found.measured if one.flagged}
    assert ("run/0005", "wing") in flagged and ("run/0011", "") in flagged
    assert {("run/0011", part) for part in ("body", "wing", "tail")} <= flagged
    assert ("run/0005", "body") not in flagged and ("run/0005", "tail") not in flagged
    assert set(found.shapes[:2]) == {"run/0005", "run/0011"}
    assert "wing far" in reasons(found)["run/0005"]


def test_a_group_of_like_outliers_does_not_hide_itself() -> None:
    """Ten near-copies have each other as neighbours; the robust distance finds them."""
    latent = noise(100)
    latent[90:] = latent[:1] + 8 + 0.1 * noise(10, seed=1)
    found = ended(outliers(made(latent, parts=0), "", 0))
    by_robust = {one.shape for one in found.measured if one.robust_z > 3.5}
    assert {f"run/{i:04d}" for i in range(90, 100)} <= by_robust


@pytest.mark.parametrize(("seed", "width"), [(0, 36), (1, 36), (0, 600), (1, 600)])
def test_ordinary_shapes_are_left_in_peace(seed: int, width: int) -> None:
    """Seen and unseen rows of one distribution: hardly any stands out, also with more numbers than shapes."""
    rows = made(noise(120, width, seed) * np.linspace(0.2, 1, width), [TRAIN] * 90 + [UNSEEN] * 30)
    found = ended(outliers(rows, "", 0))
    for kind in ("neighbours_z", "robust_z"):
        z = np.array([getattr(one, kind) for one in found.measured if not one.part])
        assert abs(np.median(z[90:]) - np.median(z[:90])) < 1
        assert (z > 3.5).mean() < 0.02
    assert np.mean([one.flagged for one in found.measured]) < 0.03


def test_poor_fits_are_told() -> None:
    quality = 0.95 + 0.01 * np.sin(np.arange(40))
    quality[3], quality[4] = 0.4, 0.93
    rows = made(noise(40), [TRAIN] * 4 + [REJECTED] + [TRAIN] * 35, quality=quality)
    found = ended(outliers(rows, "", 0))
    assert [(one.shape, one.rejected) for one in found.poor] == [("run/0003", False), ("run/0004", True)]
    assert "IoU 0.40" in reasons(found)["run/0003"] and "rejected" in reasons(found)["run/0004"]


def test_modified_z_known_by_hand() -> None:
    reference = np.array([1.0, 2, 3, 4, 5])  # median 3, MAD 1
    assert modified_z(np.array([3.0, 4, 0]), reference) == pytest.approx([0, 0.6745, -3 * 0.6745])
    same = np.array([2.0, 2, 2, 2, 7])  # MAD 0, mean absolute deviation 1
    assert modified_z(np.array([2.0, 3]), same) == pytest.approx([0, 0.7979])
    assert np.isfinite(modified_z(np.array([1.0, 2]), np.ones(5))).all()


def test_too_few_training_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        ended(outliers(made(noise(20), [TRAIN] * 9 + [UNSEEN] * 11), "", 0))
