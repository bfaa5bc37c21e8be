"""Maps: what is apart stays apart, what is explained is counted, and too little is refused."""

import numpy as np
import pytest

from engine.analysis.learned import Array, Embed, asked, embed, learner
from engine.analysis.maps import maps, stacked
from engine.analysis.rows import TRAIN, UNSEEN
from engine.errors import InputError
from engine.protocol import Progress
from engine.stages import ended
from tests.analysis.made import WIDTH, in_process, made, noise  # noqa: F401

pytestmark = pytest.mark.usefixtures("in_process")


def test_components_and_their_shares_are_known() -> None:
    """Rows that vary along two axes, 3 to 1 in spread: shares 0.9 and 0.1."""
    rows = np.zeros((64, 5))
    turn = 2 * np.pi * np.arange(64) / 64
    rows[:, 1], rows[:, 3] = 3 * np.cos(turn), np.sin(turn)
    found = embed(Embed(Array.of(rows.astype(np.float32)), 10, 0))
    assert found.variance[:2] == pytest.approx((0.9, 0.1), abs=1e-4)
    plane = found.pca.array()
    assert abs(np.corrcoef(plane[:, 0], rows[:, 1])[0, 1]) == pytest.approx(1)
    assert np.ptp(plane[:, 1]) == pytest.approx(2, rel=1e-4)


def test_unseen_shapes_are_not_drawn_to_the_middle() -> None:
    """With more numbers than shapes, unseen shapes of the same distribution must be as far out as training shapes."""
    ratios: dict[str, list[float]] = {"pca": [], "tsne": []}
    for seed in range(4):
        rows = made(noise(80, 3000, seed), [TRAIN] * 40 + [UNSEEN] * 40, parts=0)
        (found,) = ended(maps(rows, "", 15, 0)).maps
        for key, several in ratios.items():
            points = np.array([getattr(place, key) for place in found.places])
            out = np.linalg.norm(points - points.mean(0), axis=1)
            several.append(out[40:].mean() / out[:40].mean())
    assert all(0.75 < np.mean(several) < 1.33 for several in ratios.values()), ratios


def test_parts_that_differ_form_groups_until_their_means_are_taken_off() -> None:
    latent = noise(25) + np.repeat([8.0, 0.0, -8.0], WIDTH)
    found = ended(maps(made(latent), "", 10, 0))
    plain, centred = found.maps
    assert (plain.centred, centred.centred) == (False, True) and len(plain.places) == 75

    def purity(key: str, one: object) -> float:
        """Share of places whose nearest place is of the same part."""
        points = np.array([getattr(p, key) for p in one.places])  # type: ignore[attr-defined]
        parts = np.array([p.part for p in one.places])  # type: ignore[attr-defined]
        apart = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(len(points))
        return float((parts[apart.argmin(1)] == parts).mean())

    assert purity("pca", plain) == purity("tsne", plain) == 1
    assert purity("pca", centred) < 0.6 > purity("tsne", centred)
    assert plain.variance[0] > 0.5 > centred.variance[0]
    again = ended(maps(made(latent), "", 10, 0)).maps[0]
    assert again.places == plain.places  # the same seed gives the same map


def test_parts_lie_over_one_another_without_their_means() -> None:
    rows = made(noise(20) + np.repeat([5.0, 0.0, -5.0], WIDTH))
    index = {"wing": np.arange(20), "tail": np.arange(20)}
    plain, centred = (stacked(rows, index, flag) for flag in (False, True))
    for block in np.split(centred, 2):
        assert block.mean(0) == pytest.approx(0, abs=1e-5)
    assert all(abs(block.mean()) > 0.9 for block in np.split(plain, 2))
    assert plain.std(0) == pytest.approx(1, abs=1e-5) and centred.std(0) == pytest.approx(1, abs=1e-5)


def test_one_part_alone_and_no_parts_at_all() -> None:
    (only,) = ended(maps(made(noise(20)), "tail", 5, 0)).maps
    assert {place.part for place in only.places} == {"tail"} and not only.centred
    (whole,) = ended(maps(made(noise(20), parts=0), "", 5, 0)).maps
    assert {place.part for place in whole.places} == {""} and len(whole.places) == 20


def test_too_few_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        ended(maps(made(noise(2)), "", 30, 0))
    found = ended(maps(made(noise(5)), "", 30, 0))
    assert found.maps[0].perplexity == pytest.approx(14 / 3)


def test_a_map_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # a real child
    with learner() as child:
        request = Embed(Array.of(noise(3000).astype(np.float32)), 30, 0)
        stage = asked(child, request, Array, "maps")
        event = next(stage)
        assert isinstance(event, Progress) and child.pid is not None
        stage.close()
        assert child.pid is None
