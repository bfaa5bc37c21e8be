"""Stages side by side: results in order, all events, an end to all of them with an error or a stop."""

import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from engine.abreast import AHEAD, abreast
from engine.protocol import Note, Stage
from tests.hearing import heard

ended: list[int] = []


def stage(number: int, events: int, fails: bool = False) -> Stage[int]:
    try:
        for i in range(events):
            time.sleep(0.002)
            yield Note(text=f"{number}/{i}")
        if fails:
            raise ValueError(f"stage {number}")
        return number
    finally:
        ended.append(number)


@pytest.fixture(autouse=True)
def nothing_left() -> None:
    ended.clear()


def together(stages: Iterable[Stage[int]], count: int, at_once: int = 3) -> Stage[list[int]]:
    found = []
    with abreast(stages, at_once) as results:
        for _ in range(count):
            found.append((yield from results.next()))
    return found


@pytest.mark.parametrize(("count", "at_once"), [(0, 3), (1, 3), (3, 1), (3, 3), (9, 2)])
def test_results_are_in_order_and_no_event_is_lost(count: int, at_once: int) -> None:
    found, events = heard(together((stage(number, 17 - 2 * number) for number in range(count)), count, at_once))
    assert found == list(range(count))
    told = [event.text for event in events]
    for number in range(count):
        mine = [text for text in told if text.startswith(f"{number}/")]
        assert mine == [f"{number}/{i}" for i in range(17 - 2 * number)]


def test_a_long_one_does_not_keep_the_others_and_few_go_ahead() -> None:
    begun: list[int] = []

    def stages() -> Iterator[Stage[int]]:
        for number in range(100):
            begun.append(number)
            yield stage(number, 300 if number == 0 else 1)

    going = together(stages(), 100, at_once=2)
    while 0 not in ended:
        next(going)
    assert {1, 2, 3, 4, 5, 6, 7} < set(ended) and len(begun) <= 2 * AHEAD + 1
    going.close()
    assert len(ended) < 30


def test_an_error_ends_them_all() -> None:
    with pytest.raises(ValueError, match="stage 0"):
        list(together([stage(0, 3, fails=True), stage(1, 100_000), stage(2, 100_000)], 3))
    assert sorted(ended) == [0, 1, 2]


def test_closed_it_closes_them() -> None:
    going = together([stage(0, 100_000), stage(1, 100_000)], 2)
    next(going)
    before = time.monotonic()
    going.close()
    assert sorted(ended) == [0, 1] and time.monotonic() - before < 5
    assert not [one for one in threading.enumerate() if one.name.startswith("abreast")]
