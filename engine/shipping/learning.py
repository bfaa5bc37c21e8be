"""The version of the code that a shipped model learned with. A model that was made with another one is made anew."""

import ast
from collections.abc import Sequence
from pathlib import Path

import engine
from engine.storage import digest

CLOUD_PLACES = (
    *("methods/tiny3d/denoiser.py", "methods/tiny3d/network.py", "clouds/pool.py", "diffusion", "optimise.py"),
    *("text/captions.py", "text/phrases.py", "text/vocabulary.py", "text/word_encoder.py"),
    *("clouds/told.py", "clouds/practice.py", "methods/tiny3d/method.py"),
)
MATCH_PLACES = ("methods/tiny3d/matcher.py", "clouds/told.py")  # of what ranks these clouds
PLACES = ("basis", "methods/basis", "fields", "diffusion", "optimise.py")  # of the engine


def learning_version(root: Path = Path(engine.__file__).parent, places: Sequence[str] = PLACES) -> str:
    """The first 8 digits of a hash of what that code does: remarks and the way it is set do not count.

    root : folder of the engine; places : what of it counts. Other versions of Python may tell of the same code by another
    hash.
    """
    found = [root / place for place in places]
    files = [file for place in found for file in ([place] if place.is_file() else sorted(place.rglob("*.py")))]
    told = [f"{file.relative_to(root).as_posix()}\n{meaning(file.read_text(encoding='utf-8'))}" for file in files]
    return digest("\n".join(told).encode())[:8]


def meaning(source: str) -> str:
    """Source code without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return ast.dump(tree)
