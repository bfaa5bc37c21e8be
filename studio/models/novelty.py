"""How new and how firm a generated shape is: which training shape it is nearest to, by its latent or as a cloud by points,
as generations and analyses tell it; and whether it came out in one piece, as asked for, and not hanging by a thread."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from engine.live_requests import known_name
from engine.project import Project
from engine.rows import RunRow

Word = Literal["", "copy", "close", "new"]
KEPT = "kept.json"  # see engine.finished
LONGEST = 0.95  # cube units of the longest side of a shape
COPY, CLOSE = 1.0, 10.0  # percentiles below which a shape is called a copy, and close
_BY = {False: "By latents: Evaluate compares surfaces.", True: "By some of their points: Evaluate compares more."}
NOTES: dict[Word, str] = {"": "", "new": "new", "close": "close to one", "copy": "a copy"}


@dataclass(frozen=True)
class Novelty:
    """What is known of a generated shape.

    nearest : the training shape that it is nearest to, by a name under which it can be looked at; item : what its data
        set calls it; "" where that is not known
    percentile : share in % of training shapes that are nearer than that to another one
    whole : whether it is in one piece and as it was asked for; None where nobody looked
    joint : how wide its narrowest joint is, in cube units, and whether it hangs by it as by a thread; None where nobody
        measured
    by_points : its nearest training shape is told by points, as of clouds, and not by latents
    """

    nearest: str = ""
    item: str = ""
    percentile: float = 0.0
    whole: bool | None = None
    joint: "Width | None" = None
    by_points: bool = False

    @property
    def word(self) -> Word:
        """How new it is, in a word."""
        if not self.nearest:
            return ""
        return "copy" if self.percentile < COPY else "close" if self.percentile < CLOSE else "new"

    @property
    def note(self) -> str:
        """All of it in a few words."""
        quality = {None: "", True: "one piece", False: "flawed"}[self.whole]
        if self.whole and self.joint and self.joint.delicate:
            quality = "delicate"
        return "  ·  ".join(word for word in (NOTES[self.word], quality) if word)

    @property
    def good(self) -> bool:
        """Whether there is nothing to be said against it."""
        firm = self.whole is not False and not (self.joint and self.joint.delicate)
        return self.word in ("", "new") and firm

    @property
    def sentence(self) -> str:
        """The same in full, with its limits."""
        told = {True: "In one piece, watertight, and as it was asked for.", False: "In pieces, or not as asked for."}
        lines = [told[self.whole]] if self.whole is not None else []
        if self.whole and self.joint:
            lines += [self.joint.sentence] if self.joint.sentence else []
        if self.nearest:
            share = f"{self.percentile:.0f} % of training shapes have a nearer one"
            lines += [f"Nearest training shape: {self.item}; {share}.", _BY[self.by_points]]
        return "\n".join(lines)


class Width(msgspec.Struct, frozen=True):
    """How wide the narrowest joint of a shape is."""

    shape: str
    width: float
    delicate: bool

    @property
    def sentence(self) -> str:
        """For people."""
        share = f"{100 * self.width / LONGEST:.1f} % of its size wide"
        if self.width == 0:
            return "It hangs by a thread: somewhere its parts hardly meet."
        if self.delicate:
            return f"It hangs by a thread: the narrowest joint between its parts is {share}."
        return f"The narrowest joint between its parts is {share}." if self.width < 1 else ""


class _Near(msgspec.Struct):
    shape: str
    nearest: str
    percentile: float


class _Generated(msgspec.Struct):
    """What is needed of the result of a generation, or of what was kept of one that was stopped."""

    shapes: tuple[str, ...] = ()
    nearest: tuple[_Near, ...] = ()
    loose: tuple[str, ...] | None = None
    joints: tuple[Width, ...] = ()


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
        folder = project.run_folder(run.id)
        try:
            if run.kind == "generate" and run.state == "finished":
                found |= _generated(folder.joinpath("result.json").read_bytes(), run.id)
            elif run.kind == "generate":
                found |= _generated(folder.joinpath(KEPT).read_bytes(), run.id)
            elif run.kind == "analyse" and run.state == "finished":
                found |= _analysed(folder.joinpath("nearest.json").read_bytes(), found)
        except (OSError, msgspec.DecodeError):
            continue
    return found


def _generated(data: bytes, run: str) -> dict[str, Novelty]:
    result = msgspec.json.decode(data, type=_Generated)
    near = {one.shape: one for one in result.nearest}
    joints = {one.shape: one for one in result.joints}
    found = {}
    for name in result.shapes:
        whole = None if result.loose is None else name not in result.loose
        joint, one = joints.get(name), near.get(name)
        if one is not None:
            openable = one.nearest if "/" in one.nearest else known_name(run, one.nearest)
            found[name] = Novelty(openable, one.nearest, one.percentile, whole, joint)
        elif whole is not None:
            found[name] = Novelty(whole=whole, joint=joint)
    return found


def _analysed(data: bytes, before: dict[str, Novelty]) -> dict[str, Novelty]:
    neighbours = msgspec.json.decode(data, type=_Analysed).neighbours
    told = {one.shape: before.get(one.shape, Novelty()) for one in neighbours}
    return {
        one.shape: replace(told[one.shape], nearest=one.nearest, item=one.nearest, percentile=100 * one.closer)
        for one in neighbours
        if not one.part
    }
