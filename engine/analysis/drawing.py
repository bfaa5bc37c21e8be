"""Flat drawings of a few kinds of things, as inline SVG for pages and as pixels for windows."""

from dataclasses import dataclass, field
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.pictures.sheet import FAINT, INK, PAPER, plain

Shape = Literal["circle", "square", "diamond", "triangle", "cross"]
Rgb = tuple[int, int, int]  # sRGB 0..255
FINER, SCALE = 4, 2  # the picture is drawn at FINER, and comes out at SCALE pixels for each unit of the drawing
CORNERS: dict[Shape, tuple[tuple[float, float], ...]] = {  # of equal area, half width about 1
    "square": ((-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)),
    "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    "triangle": ((0, -1.4), (1.3, 0.9), (-1.3, 0.9)),
}
INKS: dict[str, Rgb] = {"ink": INK, "faint": FAINT}


@dataclass
class Drawing:
    """``width`` by ``height`` units, y downwards, filled step by step. Text is in the page's colour; sizes are in units."""

    width: int
    height: int
    title: str = ""
    _svg: list[str] = field(default_factory=list)
    _image: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self._image = Image.new("RGB", (self.width * FINER, self.height * FINER), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def mark(self, shape: Shape, at: tuple[float, float], radius: float, colour: Rgb, told: str = "") -> None:
        """A mark with a thin outline, so that light ones are seen on paper; ``told`` when pointed at."""
        x, y = at
        title = f"<title>{escape(told)}</title>" if told else ""
        look = f'fill="{_hex(colour)}" stroke="{_hex(_edge(colour))}" stroke-width=".7"'
        if shape == "cross":
            ends = [((x - radius, y + s * radius), (x + radius, y - s * radius)) for s in (1, -1)]
            d = "".join(f"M{a:.2f} {b:.2f}L{c:.2f} {e:.2f}" for (a, b), (c, e) in ends)
            self._svg.append(f'<path d="{d}" stroke="{_hex(colour)}" stroke-width="2" fill="none">{title}</path>')
            for line in ends:
                self._draw.line([(p * FINER, q * FINER) for p, q in line], colour, 2 * FINER)
        elif shape == "circle":
            self._svg.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:g}" {look}>{title}</circle>')
            box = [(x - radius) * FINER, (y - radius) * FINER, (x + radius) * FINER, (y + radius) * FINER]
            self._draw.ellipse(box, colour, _edge(colour), round(0.7 * FINER))
        else:
            corners = [(x + radius * a, y + radius * b) for a, b in CORNERS[shape]]
            told_points = " ".join(f"{a:.2f},{b:.2f}" for a, b in corners)
            self._svg.append(f'<polygon points="{told_points}" {look}>{title}</polygon>')
            self._draw.polygon([(a * FINER, b * FINER) for a, b in corners], colour, _edge(colour), round(0.7 * FINER))

    def box(self, x: float, y: float, width: float, height: float, colour: Rgb, told: str = "") -> None:
        """A filled rectangle."""
        title = f"<title>{escape(told)}</title>" if told else ""
        place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
        self._svg.append(f'<rect {place} fill="{_hex(colour)}">{title}</rect>')
        self._draw.rectangle([x * FINER, y * FINER, (x + width) * FINER - 1, (y + height) * FINER - 1], colour)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: Rgb = FAINT, dashed: bool = False
    ) -> None:
        """A thin straight line."""
        (a, b), (c, d) = start, end
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        ends = f'x1="{a:.2f}" y1="{b:.2f}" x2="{c:.2f}" y2="{d:.2f}"'
        self._svg.append(f'<line {ends} stroke="{_hex(colour)}" stroke-width="1"{dash}/>')
        length = np.hypot(c - a, d - b)
        pieces = np.arange(0, max(length, 1e-9), 8 if dashed else max(length, 1e-9)) / max(length, 1e-9)
        step = 4 / max(length, 1e-9) if dashed else 1
        for start_at in pieces:
            stop = min(1, start_at + step)
            points = [((a + s * (c - a)) * FINER, (b + s * (d - b)) * FINER) for s in (start_at, stop)]
            self._draw.line(points, colour, FINER)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 12,
        anchor: Literal["start", "middle", "end"] = "start",
        ink: Literal["ink", "faint"] | Rgb = "ink",
        turned: bool = False,
        halo: bool = False,
    ) -> None:
        """Words on the baseline ``y``. ``turned``: read upwards. ``halo``: with paper round the letters."""
        fill = _hex(ink) if isinstance(ink, tuple) else "currentColor"
        look = f'fill="{fill}" font-size="{size:g}" text-anchor="{anchor}"' + (
            ' opacity=".7"' if ink == "faint" else ""
        )
        if turned:
            look += f' transform="rotate(-90 {x:.2f} {y:.2f})"'
        if halo:
            look += ' paint-order="stroke" stroke="#fff" stroke-width="4" stroke-linejoin="round" style="fill:#26292f"'
        self._svg.append(f'<text x="{x:.2f}" y="{y:.2f}" {look}>{escape(words)}</text>')
        font = ImageFont.load_default(size * FINER)
        colour = ink if isinstance(ink, tuple) else INKS[ink]
        side = {"start": "l", "middle": "m", "end": "r"}[anchor]
        around = 2 * FINER if halo else 0
        if not turned:
            self._draw.text(
                (x * FINER, y * FINER), plain(words), colour, font, f"{side}s", stroke_width=around, stroke_fill=PAPER
            )
            return
        length, height = int(font.getlength(plain(words))) + 2, int(size * FINER * 1.4)
        slip = Image.new("L", (length, height), 0)
        ImageDraw.Draw(slip).text((0, size * FINER), plain(words), 255, font, "ls")
        slip = slip.rotate(90, expand=True)
        shift = {"start": length, "middle": length / 2, "end": 0}[anchor]
        self._image.paste(colour, (round(x * FINER - size * FINER), round(y * FINER - shift)), slip)

    def svg(self) -> str:
        """The drawing as a figure of an HTML page."""
        head = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" role="img" aria-label="{escape(self.title)}"'
        caption = f"<figcaption>{escape(self.title)}</figcaption>" if self.title else ""
        return f"<figure>{caption}<svg {head}>{''.join(self._svg)}</svg></figure>"

    def file(self) -> str:
        """The drawing as an SVG file of its own, on paper."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        look = f'style="color:{_hex(INK)};font-family:system-ui,sans-serif"'
        paper = f'<rect width="100%" height="100%" fill="{_hex(PAPER)}"/>'
        inside = "".join(self._svg)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {look}>{paper}{inside}</svg>\n'

    def pixels(self) -> NDArray[np.uint8]:
        """(SCALE height, SCALE width, 3) sRGB."""
        return np.asarray(self._image.resize((self.width * SCALE, self.height * SCALE), Image.Resampling.LANCZOS))


def length_of(words: str, size: float = 12) -> float:
    """Width of words in units, as the picture has them; a page's font may differ by a tenth."""
    return ImageFont.load_default(size * FINER).getlength(plain(words)) / FINER


def srgb(linear: tuple[float, float, float]) -> Rgb:
    """A linear RGB colour 0..1 as sRGB 0..255 (IEC 61966-2-1)."""
    r, g, b = (round(255 * (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055)) for c in linear)
    return r, g, b


def mixed(low: Rgb, high: Rgb, share: float) -> Rgb:
    """A colour between two."""
    r, g, b = (round(x + (y - x) * min(1.0, max(0.0, share))) for x, y in zip(low, high, strict=True))
    return r, g, b


def _edge(colour: Rgb) -> Rgb:
    return mixed(colour, INK, 0.6)


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
