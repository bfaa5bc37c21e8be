"""Stages without their events."""

from typing import TypeVar

from engine.protocol import Stage

T = TypeVar("T")


def ended(stage: Stage[T]) -> T:
    """The result of a stage."""
    while True:
        try:
            next(stage)
        except StopIteration as end:
            result: T = end.value
            return result
