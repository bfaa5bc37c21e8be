"""Stages and what was heard of them."""

from typing import Any, TypeVar

from engine.protocol import Stage
from engine.stages import ended, retold

T = TypeVar("T")


def heard(stage: Stage[T]) -> tuple[T, list[Any]]:
    """The result of a stage, and its events."""
    events: list[Any] = []
    return ended(retold(stage, events.append)), events
