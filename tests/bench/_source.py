"""What runs of benchmarks are named after: another engine starts from scratch."""

from collections.abc import Sequence
from pathlib import Path

from engine.shipping.learning import meaning

ROOT = Path(__file__).parents[2]


def code_of(places: Sequence[str]) -> bytes:
    """What the engine's source in some places (files and folders below ``engine``) does: remarks do not count."""
    found = [ROOT / "engine" / place for place in places]
    files = [file for place in found for file in ([place] if place.is_file() else sorted(place.rglob("*.py")))]
    return "\n".join(meaning(file.read_text(encoding="utf-8")) for file in files).encode()
