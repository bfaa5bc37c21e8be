import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError
from engine.metrics.chamfer import chamfer
from engine.metrics.dense import chamfer_measure, dense_tasks
from engine.metrics.emd import emd, subset
from engine.metrics.kept import keys_of
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER, Measure, emd_measure
from engine.metrics.work import Found, Task
from engine.stages import ended
from tests.hearing import heard
from tests.metrics.test_chamfer import clouds

PAIRS = (("a", "a"), ("a", "b"), ("b", "b"))


def counting(measure: Measure) -> tuple[Measure, list[int]]:
    """The measure, and a list that grows by the number of values that each of its pieces of work finds."""
    calls: list[int] = []

    def counted(task: Task) -> Found:
        found = task()
        calls.append(len(found.values))
        return found

    def tasks(clouds: NDArray[np.float64], missing: NDArray[np.bool_]) -> Iterator[Task]:
        return (partial(counted, task) for task in measure.tasks(clouds, missing))

    return replace(measure, tasks=tasks), calls


def test_every_number_is_that_of_its_pair() -> None:
    a, b = clouds(0, 4, 50), clouds(1, 3, 50)
    found = ended(distances({"a": a, "b": b}, PAIRS, CHAMFER))
    matched, events = heard(distances({"a": a, "b": b}, PAIRS, emd_measure(20, 5)))
    assert matched.measure == "emd-20-seed-5" and events[-1].done == events[-1].total == 6 + 12 + 3
    for i in range(4):
        for j in range(3):
            assert found.between("a", "b")[i, j] == found.between("b", "a")[j, i]
            assert found.between("a", "b")[i, j] == pytest.approx(chamfer(a[i], b[j]), rel=1e-12)
            assert matched.between("a", "b")[i, j] == pytest.approx(
                emd(subset(a[i], 20, 5), subset(b[j], 20, 5)), rel=1e-12
            )
    for both in (found, matched):
        for name in "ab":
            within = both.between(name, name)
            assert np.array_equal(within, within.T) and not within.diagonal().any()
            assert (within[~np.eye(len(within), dtype=bool)] > 0).all()


@pytest.mark.parametrize("measure", [CHAMFER, emd_measure(20)], ids=lambda measure: measure.name)
def test_a_pair_is_measured_once_and_never_again(tmp_path: Path, measure: Measure) -> None:
    counted, calls = counting(measure)
    a, b = clouds(0, 5, 50), clouds(1, 4, 50)
    first = ended(distances({"a": a, "b": b}, PAIRS, counted, tmp_path))
    assert sum(calls) == counted.ways * 36 and first.measured == 36 and first.known == 0
    again = ended(distances({"b": b[::-1], "a": a}, PAIRS, counted, tmp_path))
    assert sum(calls) == counted.ways * 36 and (again.measured, again.known) == (0, 36)
    assert np.array_equal(again.between("a", "b"), first.between("a", "b")[:, ::-1])
    more = np.concatenate([a, clouds(2, 2, 50)])  # two new clouds among themselves, to the old, and to b
    grown = ended(distances({"a": more, "b": b}, PAIRS, counted, tmp_path))
    assert sum(calls) == counted.ways * (36 + 1 + 2 * 5 + 2 * 4) and grown.known == 36
    fresh = ended(distances({"a": more, "b": b}, PAIRS, measure))
    for pair in PAIRS:
        assert grown.between(*pair) == pytest.approx(fresh.between(*pair), rel=1e-12)


def test_what_was_known_stays_where_many_pairs_are_measured_anew(tmp_path: Path) -> None:
    """Half of the pairs are known; the others are measured among all."""
    sets = {"a": clouds(6, 70, 40)}
    some = np.random.default_rng(0).random((70, 70)) < 0.3
    few = ended(distances(sets, [("a", "a")], CHAMFER, tmp_path, only={("a", "a"): some}))
    found = ended(distances(sets, [("a", "a")], CHAMFER, tmp_path))
    assert few.measured + found.measured == 70 * 69 / 2 and found.known == few.measured
    fresh = ended(distances(sets, [("a", "a")], CHAMFER))
    assert found.between("a", "a") == pytest.approx(fresh.between("a", "a"), rel=1e-12)


def test_equal_clouds_are_one_cloud() -> None:
    a = clouds(3, 4, 50)
    counted, calls = counting(CHAMFER)
    found = ended(distances({"a": a, "b": a[[2, 0, 2]]}, PAIRS, counted))
    assert sum(calls) == 2 * 6
    assert np.array_equal(found.between("b", "b"), found.between("a", "a")[np.ix_([2, 0, 2], [2, 0, 2])])
    assert found.between("a", "b")[2, 0] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelled_work_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr("engine.metrics.matrices.TELL_EVERY", 0.0)
    sets = {"a": clouds(0, 12, 300)}
    stage = distances(sets, [("a", "a")], CHAMFER, tmp_path, workers)
    for _ in range(7):
        next(stage)
    stage.close()
    assert threading.active_count() == 1
    result = ended(distances(sets, [("a", "a")], CHAMFER, tmp_path))
    assert 0 < result.known < 66 and result.measured == 66 - result.known


@pytest.mark.parametrize("measure", [CHAMFER, emd_measure(20)], ids=lambda measure: measure.name)
def test_threads_and_pools_change_nothing(monkeypatch: pytest.MonkeyPatch, measure: Measure) -> None:
    sets = {"a": clouds(0, 37, 50), "b": clouds(1, 21, 50)}
    one = ended(distances(sets, PAIRS, measure))
    monkeypatch.setattr("engine.metrics.directed.POOLED", 7 * 50)
    many, events = heard(distances(sets, PAIRS, measure, workers=3))
    for pair in PAIRS:
        assert many.between(*pair) == pytest.approx(one.between(*pair), rel=1e-12)
    done = [event.done for event in events]
    assert done == sorted(done) and done[-1] == events[-1].total


def test_a_fault_in_a_thread_is_raised_and_ends_the_others() -> None:
    def tasks(clouds: NDArray[np.float64], missing: NDArray[np.bool_]) -> Iterator[Task]:
        yield from (partial(next, iter(())) for _ in range(5))

    with pytest.raises(RuntimeError):
        ended(distances({"a": clouds(0, 5, 8)}, [("a", "a")], replace(CHAMFER, tasks=tasks), workers=2))
    assert threading.active_count() == 1


def test_sets_larger_than_a_block_that_lack_different_pairs(tmp_path: Path) -> None:
    sets = {"a": clouds(0, 37, 8), "b": clouds(1, 21, 8), "c": clouds(2, 5, 8)}
    ended(distances({"a": sets["a"][::3], "c": sets["c"]}, [("c", "a"), ("a", "a")], CHAMFER, tmp_path))
    counted, calls = counting(CHAMFER)
    asked = [("b", "a"), ("a", "a"), ("c", "b")]
    found = ended(distances(sets, asked, counted, tmp_path))
    assert sum(calls) / 2 == found.measured == 37 * 21 + 37 * 36 // 2 - 13 * 12 // 2 + 5 * 21
    for a, b in asked:
        exact = [[chamfer(one, other) for other in sets[b]] for one in sets[a]]
        assert found.between(a, b) == pytest.approx(np.array(exact), rel=1e-12)


def test_other_seeds_and_sizes_of_a_measure_are_kept_apart(tmp_path: Path) -> None:
    for number, measure in enumerate([emd_measure(20, 0), emd_measure(20, 1), emd_measure(21, 0), CHAMFER]):
        found = ended(distances({"a": clouds(0, 3, 50)}, [("a", "a")], measure, tmp_path))
        assert found.known == 0 and len(list(tmp_path.iterdir())) == number + 1


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a 50, b 40"):
        ended(distances({"a": clouds(0, 2, 50), "b": clouds(0, 2, 40)}, PAIRS, CHAMFER))
    bad = clouds(0, 2, 50)
    bad[1, 3] = np.inf
    with pytest.raises(InputError, match="cloud 1"):
        ended(distances({"a": bad}, [("a", "a")], CHAMFER))
    ended(distances({"a": clouds(0, 2, 50)}, [("a", "a")], CHAMFER, tmp_path))
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DamagedFileError, match=f"{file.name}.*delete it"):
        ended(distances({"a": clouds(0, 2, 50)}, [("a", "a")], CHAMFER, tmp_path))


def test_hash_is_of_the_numbers() -> None:
    a = clouds(0, 3, 50).astype(np.float64)
    assert len(set(keys_of(np.concatenate([a, a])).tolist())) == 3
    assert (keys_of(a) != keys_of(a[:, ::-1])).all()


def test_the_way_of_a_gpu_gives_the_same_on_the_cpu(tmp_path: Path) -> None:
    sets = {"a": clouds(0, 9, 200) * 0.1 + 5, "b": clouds(1, 5, 200) * 0.1 + 5}
    tasks = partial(dense_tasks, device=torch.device("cpu"), at_once=3 * 200**2)
    counted, calls = counting(replace(CHAMFER, ways=1, tasks=tasks))
    found, events = heard(distances(sets, PAIRS, counted, tmp_path))
    assert sum(calls) == found.measured == 36 + 45 + 10 and max(calls) == 3
    assert events[-1].done == events[-1].total
    exact = ended(distances(sets, PAIRS, CHAMFER))
    for pair in PAIRS:
        assert found.between(*pair) == pytest.approx(exact.between(*pair), rel=1e-6)
    assert chamfer_measure(torch.device("cpu")) is CHAMFER
