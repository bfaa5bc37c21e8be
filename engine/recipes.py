"""How a training run is optimised: its settings, or what was published of its method, told by the type of its settings."""

from functools import singledispatch
from typing import Any

from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.methods.tiny3d.settings import published as published_points
from engine.optimise import published
from engine.settings import TrainSettings


@singledispatch
def optimiser_settings(settings: Any, items: int) -> TrainSettings:
    """``settings.train`` for so many training items, with ``recipe=published`` as HyperDiffusion has it."""
    return published(settings.train, items)


@optimiser_settings.register
def _(settings: Tiny3dSettings, items: int) -> TrainSettings:
    return settings.train if settings.train.recipe == "ours" else published_points(settings.train)
