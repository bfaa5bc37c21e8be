"""What an evaluation found, as it is stored, printed and compared."""

from pathlib import Path
from typing import Any

import msgspec

from engine.errors import DamagedFileError
from engine.metrics.frechet import FrechetRow
from engine.metrics.scores import ScoreRow
from engine.metrics.verdict import NoveltyResult, PartNovelty
from engine.storage import write_json

VERSION = 1


class Reconstruction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One shape rebuilt: see `engine.metrics.reconstruction`. ``iou`` is None where no sample lay inside either."""

    name: str
    chamfer: float
    f_score: float
    iou: float | None
    normal_consistency: float


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One run, measured.

    name : of the run
    settings : everything that was chosen, by dotted name (protocol, sampler, numbers of shapes); plain values
    seeds, hashes : by what they are for (samples, intervals, EMD subsets; model, references, samples)
    units : how to read each measure's numbers, by its name
    rows : scores by measure and category, real-vs-real rows among them
    frechet : distances of features; they need as many shapes as features to mean much, see their notes
    parts : how near each part is to the training shapes' parts
    novelty : verdicts; sample_names and training_names tell what their row numbers stand for
    """

    name: str
    settings: dict[str, Any]
    seeds: dict[str, int]
    hashes: dict[str, str]
    units: dict[str, str]
    rows: tuple[ScoreRow, ...] = ()
    reconstructions: tuple[Reconstruction, ...] = ()
    f_score_threshold: float | None = None
    frechet: tuple[FrechetRow, ...] = ()
    parts: tuple[PartNovelty, ...] = ()
    novelty: NoveltyResult | None = None
    sample_names: tuple[str, ...] = ()
    training_names: tuple[str, ...] = ()
    version: int = VERSION


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write as indented JSON, whole or not at all."""
    write_json(path, evaluation)


def read_evaluation(path: Path) -> Evaluation:
    """The evaluation that `write_evaluation` wrote. Raises DamagedFileError when the file holds none of this version."""
    try:
        evaluation = msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{path} holds no evaluation ({error}); evaluate the run again") from error
    if evaluation.version != VERSION:
        told = f"version {evaluation.version}, and this program reads version {VERSION}"
        raise DamagedFileError(f"{path} is of {told}; evaluate the run again")
    return evaluation
