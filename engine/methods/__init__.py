"""The methods of the engine. Torch-free: settings and presets only; ``load`` brings in a method's networks.

A new method is a folder with ``settings.py``, ``method.py`` and its networks, and one line in each table here.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.methods.basis import settings as basis
from engine.methods.basis.settings import BasisSettings
from engine.methods.hyperdiffusion import settings as hyperdiffusion
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic import settings as semantic
from engine.methods.semantic.settings import SemanticSettings
from engine.methods.tiny3d import settings as tiny3d
from engine.methods.tiny3d.settings import Tiny3dSettings

if TYPE_CHECKING:
    from engine.method import Method

MethodSettings = HyperdiffusionSettings | SemanticSettings | BasisSettings | Tiny3dSettings

_PRESETS: dict[str, Mapping[str, MethodSettings]] = {
    "hyperdiffusion": hyperdiffusion.PRESETS,
    "semantic": semantic.PRESETS,
    "basis": basis.PRESETS,
    "tiny3d": tiny3d.PRESETS,
}

NAMES = tuple(_PRESETS)


def name_of(settings: MethodSettings) -> str:
    """Name of the method that ``settings`` belong to."""
    return str(settings.__struct_config__.tag)


def preset(method: str, name: str) -> MethodSettings:
    """Settings of a method's preset. Raises InputError that lists what there is."""
    if method not in _PRESETS:
        raise InputError(f"there is no method {method!r}; choose one of {', '.join(NAMES)}")
    presets = _PRESETS[method]
    if name not in presets:
        raise InputError(f"method {method} has no preset {name!r}; choose one of {', '.join(presets)}")
    return presets[name]


def load(settings: MethodSettings) -> "Method":
    """The method that ``settings`` belong to, with its networks (imports torch)."""
    method: Method = importlib.import_module(f"engine.methods.{name_of(settings)}.method").METHOD
    return method
