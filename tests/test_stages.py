"""Results stay whatever is heard of a stage, events stay in order, and who closes one closes what is within."""

from collections.abc import Generator

import pytest

from engine.errors import InputError
from engine.protocol import Event, Note, Progress
from engine.stages import ended, noting, retold

NOTES = [Note(text="one"), Note(text="two", warning=True)]
STEPS = [Progress(stage="a", done=done, total=2) for done in range(2)]
EVENTS: list[Event] = [NOTES[0], STEPS[0], NOTES[1], STEPS[1]]


def stage(closed: list[bool], fault: Exception | None = None) -> Generator[Event, None, str]:
    try:
        yield from EVENTS
        if fault:
            raise fault
        return "result"
    finally:
        closed.append(True)


def test_all_but_notes_is_said_and_the_result_stays() -> None:
    notes: list[Note] = []
    said: list[Event] = []
    assert ended(stage([])) == ended(retold(noting(stage([]), notes), said.append)) == "result"
    assert said == STEPS and notes == NOTES


def test_events_are_said_in_other_words() -> None:
    assert list(retold(stage([]), str)) == [str(event) for event in EVENTS]


def test_an_error_goes_through_and_closing_reaches_what_is_within() -> None:
    closed: list[bool] = []
    with pytest.raises(InputError, match="no"):
        ended(noting(stage(closed, InputError("no")), []))
    assert closed == [True]
    within = stage(closed)
    going = retold(within, str)
    next(going)
    going.close()
    assert closed == [True, True]
