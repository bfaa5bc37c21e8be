import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from engine.errors import InputError
from engine.metrics.chamfer import chamfer
from engine.metrics.protocol import PROTOCOLS, chosen, isovalue, kept, normalised, passed_over, to_draw
from engine.settings import ProtocolSettings, override

PAPER, OURS = PROTOCOLS["paper"], PROTOCOLS["ours"]


def test_paper_is_the_published_protocol_without_its_quirks() -> None:
    assert (PAPER.points, PAPER.samples_per_reference, PAPER.normalise, PAPER.grid) == (2048, 1.1, True, 356)
    assert not (PAPER.spread_filter or OURS.spread_filter) and PAPER.level == OURS.level == 0.5
    assert to_draw(PAPER, 606) == 666 and to_draw(OURS, 606) == 606
    assert isovalue(PAPER) == 0
    assert isovalue(replace(PAPER, level=0.8)) == pytest.approx(1.386, abs=5e-4)
    assert msgspec.json.decode(msgspec.json.encode(PAPER), type=ProtocolSettings) == PAPER
    assert override(PAPER, ["spread_filter=true"]).spread_filter
    with pytest.raises(InputError, match="points"):
        override(PAPER, ["points=3"])


def test_the_spread_filter_drops_what_lies_close_together() -> None:
    chairs = replace(PAPER, spread_filter=True)
    rng = np.random.default_rng(0)
    lone, crowd = 100 * rng.normal(size=(101, 4)), rng.normal(size=(99, 4))
    order = rng.permutation(200)
    rows = np.concatenate([lone, crowd])[order]
    assert to_draw(chairs, 100) == 200
    assert chosen(chairs, rows, 100).tolist() == np.flatnonzero(order < 101).tolist()  # in the order drawn
    assert chosen(PAPER, rows, 100).tolist() == list(range(200))
    assert chosen(chairs, rows[:50], 100).tolist() == list(range(50))


def test_empty_samples_are_replaced_in_order() -> None:
    empty = np.array([False, True, False, False, True, False])
    assert kept(empty, 3).tolist() == [0, 2, 3]
    assert kept(empty, 9).tolist() == [0, 2, 3, 5]
    assert [passed_over(empty, count) for count in (1, 2, 3, 4, 5, 9)] == [0, 1, 1, 2, 2, 2]
    assert passed_over(np.array([False, False, True, True]), 10) == 2  # all that there are were looked at
    with pytest.raises(InputError, match="every sample is empty"):
        kept(np.ones(3, bool), 2)


def test_normalised_clouds_know_neither_size_nor_place() -> None:
    clouds = np.random.default_rng(1).normal(size=(4, 300, 3)) * [1, 2, 3]
    done = normalised(PAPER, clouds)
    assert np.abs(done.mean(1)).max() < 1e-12 and done.std((1, 2)) == pytest.approx(1)
    moved = normalised(PAPER, 7 * clouds + [3, -4, 5])
    assert chamfer(moved[0], done[1]) == pytest.approx(chamfer(done[0], done[1]), rel=1e-9)
    assert np.array_equal(normalised(OURS, clouds), clouds)
    with pytest.raises(InputError, match="one repeated point"):
        normalised(PAPER, np.full((1, 20, 3), 0.3))
