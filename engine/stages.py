"""Stages as others hear them: without their events, with their notes put aside, with other events in place of theirs."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from engine.protocol import Note, Progress, Stage

T = TypeVar("T")
Given = TypeVar("Given")
Told = TypeVar("Told")


def ended(stage: Generator[Any, None, T]) -> T:
    """The result of a stage whose events nobody hears."""
    while True:
        try:
            next(stage)
        except StopIteration as end:
            result: T = end.value
            return result


def retold(stage: Generator[Given, None, T], told: Callable[[Given], Told | None]) -> Generator[Told, None, T]:
    """The stage with ``told`` of each event in its place, or nothing where that is None. Closing it closes the stage."""
    try:
        while True:
            try:
                event = told(next(stage))
            except StopIteration as end:
                result: T = end.value
                return result
            if event is not None:
                yield event
    finally:
        stage.close()


def as_part_of(event: Progress, stage: Stage[T]) -> Generator[Any, None, T]:
    """A stage that is a small part of another: it shows that one's progress, and notes of its own."""
    return retold(stage, lambda own: event if isinstance(own, Progress) else own)


def noting(stage: Generator[Any, None, T], notes: list[Note]) -> Generator[Any, None, T]:
    """The stage, whose notes are put into ``notes`` instead of being said."""

    def told(event: Any) -> Any:
        if not isinstance(event, Note):
            return event
        notes.append(event)
        return None

    return retold(stage, told)
