"""Reports of evaluations as files: one page, tables, and copies where a person wants them."""

from collections.abc import Mapping, Sequence
from filecmp import cmp
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.geometry.export.place import check_place, put
from engine.jobs import EvaluateJob, ReportJob
from engine.method import Workspace
from engine.metrics import thumbnails
from engine.metrics.report import to_html
from engine.metrics.result import Evaluation, read_evaluation
from engine.metrics.tables import to_csv, to_latex, verdicts_csv
from engine.project import Project
from engine.protocol import Saved, Stage
from engine.storage import write_atomic

RESULT = "evaluation.json"
PAGES = (PAGE, SCORES, TABLE, VERDICTS) = ("report.html", "scores.csv", "table.tex", "verdicts.csv")


def report(job: ReportJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Evaluations -> one report of them all; see `ReportJob`."""
    folders = {run: project.run_folder(project.catalogue.run(run).id) for run in dict.fromkeys(job.runs)}
    missing = [run for run, folder in folders.items() if not (folder / RESULT).is_file()]
    if missing:
        raise InputError(f"{', '.join(missing)} is no finished evaluation (`list runs`); `evaluate` first")
    check_out(job, work.folder)
    evaluations = [read_evaluation(folder / RESULT) for folder in folders.values()]
    files = yield from written(evaluations, folders, work.folder, job)
    return {"run": job.run, "of": list(folders), "files": files}


def written(
    evaluations: Sequence[Evaluation], folders: Mapping[str, Path], folder: Path, job: EvaluateJob | ReportJob
) -> Stage[list[str]]:
    """Write page and tables into the run's ``folder``, with copies in the job's ``out``, all or none -> where they are.

    folders : of the evaluations' own runs, which hold the pictures
    """
    pictures = {
        (run, kind, row): data
        for run, place in folders.items()
        for (kind, row), data in thumbnails.read(place / "pictures").items()
    }
    texts = {
        PAGE: to_html(evaluations, pictures),
        SCORES: to_csv(evaluations),
        TABLE: to_latex(evaluations),
    }
    if len(evaluations) == 1 and evaluations[0].novelty:
        texts[VERDICTS] = verdicts_csv(evaluations[0])
    for name, text in texts.items():
        write_atomic(folder / name, text.encode())
        yield Saved(kind="report", path=str(folder / name))
    names = [*texts, *([RESULT] if (folder / RESULT).is_file() else [])]
    if not job.out:
        return [str(folder / name) for name in names]
    put({Path(job.out) / name: folder / name for name in reversed(names)}, job.overwrite)
    return [str(Path(job.out) / name) for name in names]


def check_out(job: EvaluateJob | ReportJob, folder: Path) -> None:
    """Raise InputError when the job's reports cannot be written to its ``out``, or would replace files unasked.

    Files like those of the run's own ``folder`` are copies that it has made already.
    """
    names = [*PAGES, *([RESULT] if isinstance(job, EvaluateJob) else [])]
    paths = [Path(job.out) / name for name in names if job.out]
    own = [
        path for path in paths if (mine := folder / path.name).is_file() and path.is_file() and cmp(mine, path, False)
    ]
    check_place([path for path in paths if path not in own], job.overwrite)
