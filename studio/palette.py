"""The colours of the window, dark and light: the one place that names them. No Qt."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as "#rrggbb", from the back to the front.

    window : behind the panels; panel : of docks and bars; raised : buttons, cards, headers; field : where one types
    line : borders; text, dim : words that matter, and those that explain; faint : what is switched off
    accent : the one saturated colour; on_accent : words on it; chosen : behind a selected row
    good, warn, bad : words of a verdict, readable on panel and raised
    """

    dark: bool
    window: str
    panel: str
    raised: str
    hover: str
    field: str
    line: str
    text: str
    dim: str
    faint: str
    accent: str
    accent_hover: str
    on_accent: str
    chosen: str
    good: str
    warn: str
    bad: str

    def colours(self) -> dict[str, str]:
        """Name -> colour."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, str)}


DARK = Palette(
    dark=True,
    window="#191a1d",
    panel="#222428",
    raised="#2e3136",
    hover="#393d43",
    field="#17181a",
    line="#3b3f45",
    text="#e6e8eb",
    dim="#a4abb5",
    faint="#6d747e",
    accent="#6ea8fe",
    accent_hover="#8bbaff",
    on_accent="#0e1726",
    chosen="#2b3c56",
    good="#7fc893",
    warn="#e3b45f",
    bad="#f29389",
)

LIGHT = Palette(
    dark=False,
    window="#e4e6e9",
    panel="#f4f5f7",
    raised="#ffffff",
    hover="#e9ecf0",
    field="#ffffff",
    line="#cdd2d8",
    text="#1d2126",
    dim="#565e69",
    faint="#8b929c",
    accent="#2361c4",
    accent_hover="#1a52ab",
    on_accent="#ffffff",
    chosen="#d5e3fa",
    good="#1c6e37",
    warn="#7d5200",
    bad="#ae2a20",
)


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio"); words need 4.5."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
