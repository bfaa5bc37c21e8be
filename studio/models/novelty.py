"""How new a generated shape is: which training shape it is nearest to by its latent, as generations and analyses tell it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from engine.project import Project
from engine.rows import RunRow

Word = Literal["", "copy", "close", "new"]
COPY, CLOSE = 1.0, 10.0  # percentiles below which a shape is called a copy, and close


@dataclass(frozen=True)
class Novelty:
    """The nearest training shape, and the share in % of training shapes that are nearer than that to another one."""

    nearest: str
    percentile: float

    @property
    def word(self) -> Word:
        """The same in a word."""
        return "copy" if self.percentile < COPY else "close" if self.percentile < CLOSE else "new"

    @property
    def sentence(self) -> str:
        """The same in full, with its limits."""
        return (
            f"Nearest training shape: {self.nearest}; {self.percentile:.0f} % of training shapes have a nearer one.\n"
            "By latents: Evaluate compares surfaces."
        )


class _Near(msgspec.Struct):
    shape: str
    nearest: str
    percentile: float


class _Generated(msgspec.Struct):
    """What is needed of the result of a generation."""

    nearest: tuple[_Near, ...] = ()


class _Neighbour(msgspec.Struct):
    shape: str
    part: str
    nearest: str
    closer: float


class _Analysed(msgspec.Struct):
    """What is needed of nearest.json of an analysis."""

    neighbours: tuple[_Neighbour, ...]


def read_novelties(project: Project, runs: Iterable[RunRow]) -> dict[str, Novelty]:
    """By the name of a shape. Files that are not there, or that another version wrote, tell nothing."""
    found: dict[str, Novelty] = {}
    for run in runs:
        if run.state != "finished" or run.kind not in ("generate", "analyse"):
            continue
        path = project.run_folder(run.id) / ("result.json" if run.kind == "generate" else "nearest.json")
        try:
            data = path.read_bytes()
            if run.kind == "generate":
                near = msgspec.json.decode(data, type=_Generated).nearest
                found |= {one.shape: Novelty(one.nearest, one.percentile) for one in near}
            else:
                neighbours = msgspec.json.decode(data, type=_Analysed).neighbours
                found |= {one.shape: Novelty(one.nearest, 100 * one.closer) for one in neighbours if not one.part}
        except (OSError, msgspec.DecodeError):
            continue
    return found
