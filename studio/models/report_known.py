"""What the disk says of evaluations: those that are finished, and the real shapes that there are to compare with."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import StudioError
from engine.jobs import EvaluateJob, ReportJob
from engine.project import Project
from engine.rows import MADE
from studio.models.titles import counted

PAGE = "report.html"
UNSEEN, ALL = "unseen", "all"
SPLITS = {UNSEEN: "Unseen", "test": "Test", "val": "Validation"}
MOST_NAMED = 3  # of what was held against, in the title of an evaluation


@dataclass(frozen=True)
class Entry:
    """A finished evaluation, or a report of several; ``of`` are the evaluations that it shows."""

    run: str
    title: str
    note: str
    of: tuple[str, ...]
    page: Path


@dataclass(frozen=True)
class Known:
    """What the disk says: finished evaluations, newest first; names of real shapes by (split, category)."""

    entries: tuple[Entry, ...] = ()
    real: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def names(self, choice: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """Real shapes that are meant by a choice (a split, UNSEEN, ALL, or a category, of which the unseen ones are meant).

        kinds : categories that splits are narrowed down to; () = all
        """
        named = choice not in (*SPLITS, ALL)
        splits = {ALL: None, "test": ("test",), "val": ("val",)}.get(choice, ("test", "val"))
        wanted = (choice,) if named else kinds
        return tuple(
            name
            for (split, category), names in self.real.items()
            if (splits is None or split in splits) and (not wanted or category in wanted)
            for name in names
        )


def _opponent(job: EvaluateJob) -> str:
    """What shapes were held against, in a few words."""
    named = len(job.against) > MOST_NAMED
    return counted(len(job.against), "named shape") if named else ", ".join(job.against) or UNSEEN


def read_known(folder: Path) -> Known:
    """What there is in a project. For a thread: opens the project anew."""
    with Project(folder) as project:
        entries = []
        for run in reversed(project.catalogue.runs()):
            page = project.run_folder(run.id) / PAGE
            if run.kind in ("evaluate", "report") and run.state == "finished" and page.is_file():
                try:
                    job = project.job(run.id)
                except StudioError:
                    continue
                when = time.strftime("%d %b %H:%M", time.localtime(run.created))
                match job:
                    case EvaluateJob():
                        title = job.names[0] if len(job.names) == 1 else counted(len(job.names), "shape")
                        note = f"against {_opponent(job)}, {when}"
                        entries.append(Entry(run.id, title, note, (run.id,), page))
                    case ReportJob():
                        title = f"Comparison of {len(job.runs)}"
                        entries.append(Entry(run.id, title, f"{', '.join(job.runs)}, {when}", job.runs, page))
        real: defaultdict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
        for item in project.catalogue.items():
            if item.split != MADE and project.geometry_path(item.id).is_file():
                real[item.split, item.category] += (item.id,)
    return Known(tuple(entries), dict(real))
