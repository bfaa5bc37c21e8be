"""Where the data that ships with the program lies: ``resources/`` beside the package, in a checkout and when installed."""

from pathlib import Path

from engine.errors import InputError

FOLDER = Path(__file__).parents[1] / "resources"


def resource(name: str) -> Path:
    """The shipped file ``name`` ("features/procedural.safetensors"). Raises InputError when the installation lacks it."""
    path = FOLDER / name
    if not path.is_file():
        raise InputError(f"this installation lacks {path}; install the program again")
    return path
