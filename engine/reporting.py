"""Reports of evaluations as files: one page, tables, and copies where a person wants them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.jobs import ReportJob
from engine.method import Workspace
from engine.metrics import thumbnails
from engine.metrics.report import to_html
from engine.metrics.result import Evaluation, read_evaluation
from engine.metrics.tables import to_csv, to_latex, verdicts_csv
from engine.project import Project
from engine.protocol import Saved, Stage
from engine.storage import write_atomic

RESULT = "evaluation.json"
PAGE = "report.html"


def report(job: ReportJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Evaluations -> one report of them all; see `ReportJob`."""
    folders = {run: project.run_folder(project.catalogue.run(run).id) for run in dict.fromkeys(job.runs)}
    missing = [run for run, folder in folders.items() if not (folder / RESULT).is_file()]
    if missing:
        raise InputError(f"{', '.join(missing)} is no finished evaluation (`list runs`); `evaluate` first")
    check_place(job.out, work.folder)
    evaluations = [read_evaluation(folder / RESULT) for folder in folders.values()]
    files = yield from written(evaluations, folders, work.folder, job.out)
    return {"run": job.run, "of": list(folders), "files": files}


def written(evaluations: Sequence[Evaluation], folders: Mapping[str, Path], folder: Path, out: str) -> Stage[list[str]]:
    """Write page and tables into the run's ``folder``, with copies in ``out`` -> where they are.

    folders : of the evaluations' own runs, which hold the pictures
    """
    pictures = {
        (run, kind, row): data
        for run, place in folders.items()
        for (kind, row), data in thumbnails.read(place / "pictures").items()
    }
    texts = {
        PAGE: to_html(evaluations, pictures),
        "scores.csv": to_csv(evaluations),
        "table.tex": to_latex(evaluations),
    }
    if len(evaluations) == 1 and evaluations[0].novelty:
        texts["verdicts.csv"] = verdicts_csv(evaluations[0])
    for name, text in texts.items():
        write_atomic(folder / name, text.encode())
        yield Saved(kind="report", path=str(folder / name))
    names = [*texts, *([RESULT] if (folder / RESULT).is_file() else [])]
    if not out:
        return [str(folder / name) for name in names]
    for name in names:
        write_atomic(Path(out) / name, (folder / name).read_bytes())
    return [str(Path(out) / name) for name in names]


def check_place(out: str, folder: Path) -> None:
    """Raise InputError when a report would be written over another one than that of the run's own ``folder``."""
    there, own = Path(out) / PAGE, folder / PAGE
    if out and there.exists() and not (own.exists() and own.read_bytes() == there.read_bytes()):
        raise InputError(f"{out} holds a report already; choose another folder")
