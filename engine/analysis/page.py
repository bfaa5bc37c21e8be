"""The analyses as one HTML page that needs nothing beside it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.analysis.drawing import Drawing
from engine.metrics.report import STYLE, table

Cells = tuple[str, Sequence[str | float]]


@dataclass
class Section:
    """What one analysis shows: a heading, how to read it, a table, drawings, sheets of pictures with their captions, its
    findings in a sentence each, and what the job's result tells of it (name of a table -> its lines)."""

    title: str
    text: str
    head: Sequence[str] = ()
    rows: Sequence[Cells] = ()
    drawings: Sequence[Drawing] = ()
    sheets: Sequence[tuple[str, NDArray[np.uint8]]] = ()
    findings: Sequence[str] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


def page(title: str, facts: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page."""
    body = [f"<h1>{escape(title)}</h1>", *(f"<p><small>{escape(fact)}</small></p>" for fact in facts)]
    for one in sections:
        body.append(f"<h2>{escape(one.title)}</h2>")
        body += [f"<p><b>{escape(finding)}</b></p>" for finding in one.findings]
        body.append(f"<p>{escape(one.text)}</p>")
        body += [drawing.svg() for drawing in one.drawings]
        body += [
            f'<figure><figcaption>{escape(caption)}</figcaption><img style="max-width:100%" alt="{escape(caption)}" '
            f'src="data:image/png;base64,{_encoded(image)}"/></figure>'
            for caption, image in one.sheets
        ]
        if one.rows:
            body.append(table(one.head, one.rows))
    head = f'<meta charset="utf-8"/><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def _encoded(image: NDArray[np.uint8]) -> str:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=6)
    return base64.b64encode(file.getvalue()).decode()
