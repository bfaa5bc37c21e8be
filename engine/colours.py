"""The colours of parts, which are the same wherever a part is seen: in views, pictures and files. Torch-free."""

import colorsys
import re

from engine.storage import seed_of

WHOLE = "whole"  # the one part of an item that is not taken apart
GROUP = re.compile(r"part (\d+)")  # parts that were found, not named: the same number is the same part of every item
PLAIN = (0.46, 0.47, 0.50)  # colour of a whole
GOLDEN = 0.6180339887  # turns of the hue from one numbered part to the next, so that neighbours never look alike
COLOURS: dict[str, tuple[float, float, float]] = {
    "body": (0.62, 0.66, 0.70), "wing": (0.05, 0.23, 0.45), "tail": (0.80, 0.24, 0.06), "engine": (0.10, 0.11, 0.14),
    "back": (0.05, 0.25, 0.30), "seat": (0.80, 0.42, 0.10), "leg": (0.23, 0.13, 0.08), "arm": (0.42, 0.56, 0.42),
    "wheel": (0.04, 0.045, 0.055), "roof": (0.13, 0.25, 0.36), "hood": (0.85, 0.42, 0.12),
    "top": (0.70, 0.46, 0.25), "drawer": (0.11, 0.34, 0.36),
    "base": (0.10, 0.17, 0.26), "pole": (0.58, 0.40, 0.16), "shade": (0.87, 0.72, 0.48), "canopy": (0.35, 0.11, 0.10),
    "handle": (0.76, 0.24, 0.10),
}  # fmt: skip


def colour(name: str) -> tuple[float, float, float]:
    """Colour of a part, linear RGB: the palette's own, or a stable one made from the name."""
    if name in COLOURS:
        return COLOURS[name]
    if name == WHOLE:
        return PLAIN
    if found := GROUP.fullmatch(name):
        return colorsys.hls_to_rgb((0.58 + int(found[1]) * GOLDEN) % 1, 0.36, 0.55)
    hue = seed_of("colour", name) % 360 / 360
    return colorsys.hls_to_rgb(hue, 0.5, 0.45)
