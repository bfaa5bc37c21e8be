"""Sheets of pictures with captions, and PNG files."""

import unicodedata
from collections.abc import Sequence
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.errors import InputError
from engine.storage import write_atomic

PAPER, INK, FAINT = (255, 255, 255), (38, 42, 48), (92, 99, 108)  # sRGB
# Pillow's own font, the only one that is everywhere, holds ASCII and these
BEYOND_ASCII = set("«°±´·»‘’“”…‹›©™")
PLAINER = str.maketrans({"–": "-", "—": "-", "−": "-", "•": "·", "×": "x", "≤": "<=", "≥": ">=", "ß": "ss", "ø": "o"})


def sheet(
    images: Sequence[NDArray[np.uint8]], columns: int, captions: Sequence[str] | None = None, title: str | None = None
) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB sheet of equally large pictures, row by row, each above its caption.

    images : (h, w, 3) each. Sizes follow from w alone, see `measures`. A caption too wide for two lines ends in an
    ellipsis; letters are shown as `plain` has them. InputError when pictures differ in size or captions in number.
    """
    if not images or columns < 1 or len({image.shape for image in images}) != 1:
        raise InputError("a sheet needs at least one column, and pictures that are all of one size")
    if captions is not None and len(captions) != len(images):
        raise InputError(f"{len(images)} pictures need as many captions, not {len(captions)}")
    height, width = images[0].shape[:2]
    columns = min(columns, len(images))
    text, gap, head, foot = measures(width, captions is not None, title is not None)
    size = (gap + columns * (width + gap), gap + head + ceil(len(images) / columns) * (height + foot + gap))
    paper = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(paper)
    if title is not None:
        font = ImageFont.load_default(1.5 * text)
        draw.text(
            (gap, gap + head / 2 - gap / 4), fitting(plain(title), font, size[0] - 2 * gap), INK, font, anchor="lm"
        )
    font = ImageFont.load_default(text)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        x, y = gap + column * (width + gap), gap + head + row * (height + foot + gap)
        paper.paste(Image.fromarray(image), (x, y))
        if captions is not None:
            for line, words in enumerate(lines(plain(captions[i]), font, width)):
                draw.text((x + width / 2, y + height + (0.45 + 1.3 * line) * text), words, FAINT, font, anchor="mt")
    return np.asarray(paper)


def measures(width: int, captions: bool, title: bool) -> tuple[int, int, int, int]:
    """Pixels for pictures ``width`` wide: size of the text, gap between pictures, title's band, caption's band."""
    text = max(11, round(width / 22))
    return text, max(4, width // 24), round(2.6 * text) if title else 0, round(3.2 * text) if captions else 0


def plain(text: str) -> str:
    """``text`` in letters that the font has: accents are left off, what has no likeness becomes a question mark."""
    letters = unicodedata.normalize("NFC", text).translate(PLAINER)
    known = (c if c in BEYOND_ASCII else unicodedata.normalize("NFKD", c) for c in letters)
    bare = (c for c in "".join(known) if not unicodedata.combining(c))
    return "".join(
        c if (c.isascii() and c.isprintable()) or c in BEYOND_ASCII else " " if c.isspace() else "?" for c in bare
    )


def lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    """``text`` in at most two lines that fit into ``width`` pixels, broken between words."""
    words = text.split()
    first = len(words)
    while first > 1 and font.getlength(" ".join(words[:first])) > width:
        first -= 1
    rest = " ".join(words[first:])
    return [fitting(part, font, width) for part in (" ".join(words[:first]), rest) if part]


def fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """``text``, or as much of its beginning with an ellipsis as fits into ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept and font.getlength(text[:kept].rstrip() + "…") > width:
        kept -= 1
    return text[:kept].rstrip() + "…"


def save_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an (H, W, 3) sRGB picture as PNG, whole or not at all. The same picture gives the same bytes."""
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=6)
    write_atomic(path, file.getvalue())
