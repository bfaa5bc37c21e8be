"""Words for people: what a job does, how long it still takes, and the command that does the same."""

import shlex
import sys
from pathlib import Path

from engine.jobs import (
    ExportJob,
    FilmJob,
    FitJob,
    GenerateJob,
    HealJob,
    ImportJob,
    InterpolateJob,
    Job,
    MeshJob,
    MixJob,
    PartsJob,
    RenameJob,
    RerollJob,
    SamplesJob,
    SplitJob,
    TrainJob,
    TurnJob,
    kind_of,
)
from engine.methods import name_of
from engine.text.asking import prompt_of
from studio.models.train_methods import METHODS

VERBS = {
    "import": "Import",
    "samples": "Make samples",
    "parts": "Find parts",
    "rename": "Rename a part",
    "turn": "Turn shapes",
    "fit": "Fit shapes",
    "train": "Train a model",
    "generate": "Generate",
    "mesh": "Make a mesh",
    "split": "Split into parts",
    "mix": "Mix parts",
    "joints": "Measure joints",
    "heal": "Heal joints",
    "reroll": "Reroll parts",
    "interpolate": "Morph",
    "export": "Export",
    "analyse": "Analyse a run",
    "health": "Check meshes",
    "evaluate": "Evaluate",
    "report": "Write a report",
    "film": "Make a film",
}


STAGES = {  # what the engine calls its work -> what people call it
    "analyse": "looking for patterns",
    "borrow parts": "looking for part names",
    "carry": "carrying surfaces along",
    "codes": "finding codes",
    "decode": "making surfaces",
    "export": "writing files",
    "extract": "making surfaces",
    "fit": "fitting",
    "import": "reading meshes",
    "make shapes": "making shapes",
    "match": "choosing the best",
    "mend": "moving parts together",
    "nearest": "comparing with training shapes",
    "order": "looking at the order of parts",
    "parts": "finding parts",
    "pictures": "drawing pictures",
    "read": "reading files",
    "sample": "drawing shapes",
    "settle": "moving parts together",
    "surface": "laying a surface",
    "train": "training",
    "turn": "turning shapes",
    "whole": "looking for loose pieces",
}


def stage_words(stage: str) -> str:
    """What a stage of a job is called; one that has no other name keeps the engine's."""
    return STAGES.get(stage, stage)


def counted(number: int, word: str) -> str:
    """ "1 shape", "12 shapes"."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def title_of(job: Job) -> str:
    """What a job does, in a few words."""
    match job:
        case GenerateJob():
            words = prompt_of(job.changes)
            what = counted(job.count, job.category or ("cloud" if words else "shape"))
            return f"Generate {what}: {words}" if words else f"Generate {what}"
        case MeshJob() if len(job.shapes) > 1:
            return f"Make {len(job.shapes)} meshes"
        case SplitJob() if len(job.shapes) > 1:
            return f"Split {counted(len(job.shapes), 'cloud')} into parts"
        case SamplesJob():
            return f"Make {counted(job.count, 'sample ' + job.category)}"
        case ImportJob():
            first = Path(job.paths[0]).name if job.paths else "nothing"
            return f"Import {first}" + (f" and {len(job.paths) - 1} more" if len(job.paths) > 1 else "")
        case FitJob():
            what = counted(len(job.items), "shape") if job.items else f"all {job.category or 'shape'}s"
            return f"Fit {what} with a model" if job.model else f"Fit {what}"
        case TrainJob():
            return f"Train a model ({METHODS[name_of(job.settings)][0].lower()}, {job.settings.train.steps:,} steps)"
        case ExportJob() | FilmJob() | InterpolateJob():
            return f"{VERBS[kind_of(job)]} {counted(len(job.shapes), 'shape')}"
        case PartsJob() if job.painted:
            return f"Paint parts on {counted(len(job.painted), 'shape')}"
        case RenameJob():
            return f"Rename {job.old} to {job.new}"
        case TurnJob():
            return f"Turn {counted(len(job.items), 'shape')} upright"
        case RerollJob():
            return f"Reroll {', '.join(job.parts)}"
        case MixJob() | HealJob():
            return VERBS[kind_of(job)]
    return VERBS.get(kind_of(job), kind_of(job))


def duration(seconds: float) -> str:
    """ "12 s", "4 min", "2 h 10 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def command_of(job: Job, project: Path) -> str:
    """The command that does what the job does, to be pasted into a terminal.

    Generations are spelled out; any other job is repeated by ``resume``, which reads its job.json and goes on with it.
    """
    words = [sys.executable or "python", "-m", "engine"]
    match job:
        case GenerateJob():
            words += ["generate", "--model", job.model, "--count", str(job.count), "--seed", str(job.seed)]
            words += ["--category", job.category] if job.category else []
            for option, values in (("--with", job.with_parts), ("--without", job.without), ("--set", job.changes)):
                words += [word for value in values for word in (option, value)]
            words += [word for pair in job.attributes.items() for word in ("--attribute", "=".join(pair))]
            words += ["--points", str(job.points)] if job.points else []
            words += ["--refine", job.refine] if job.refine else []
            words += ["--candidates", str(job.candidates)] if job.candidates > 1 else []
            words += [] if job.whole else ["--as-drawn"]
            words += ["--device", job.device] if job.device != "auto" else []
        case _:
            words += ["resume", job.run]
    return shlex.join([*words, "--project", str(project)])
