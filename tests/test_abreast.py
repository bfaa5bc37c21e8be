"""Stages side by side: results in order, all events, an end to all of them with an error or a stop."""

import threading
import time

import pytest

from engine.abreast import abreast
from engine.protocol import Note, Stage

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


@pytest.mark.parametrize("count", [0, 1, 3])
def test_results_are_in_order_and_no_event_is_lost(count: int) -> None:
    told = []
    going = abreast([stage(number, 7 - 2 * number) for number in range(count)])
    while True:
        try:
            told.append(next(going).text)  # type: ignore[union-attr]
        except StopIteration as end:
            assert end.value == list(range(count))
            break
    for number in range(count):
        mine = [text for text in told if text.startswith(f"{number}/")]
        assert mine == [f"{number}/{i}" for i in range(7 - 2 * number)]


def test_an_error_ends_them_all() -> None:
    with pytest.raises(ValueError, match="stage 1"):
        list(abreast([stage(0, 100_000), stage(1, 3, fails=True), stage(2, 100_000)]))
    assert sorted(ended) == [0, 1, 2]


def test_closed_it_closes_them() -> None:
    going = abreast([stage(0, 100_000), stage(1, 100_000)])
    next(going)
    before = time.monotonic()
    going.close()
    assert sorted(ended) == [0, 1] and time.monotonic() - before < 5
    assert not [one for one in threading.enumerate() if one.name.startswith("abreast")]
