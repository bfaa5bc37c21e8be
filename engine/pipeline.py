"""The straight line: one generator per kind of job. It never asks for a method's name."""

from collections.abc import Callable
from typing import Any

import msgspec
import torch

from engine import device
from engine.errors import InputError, explain
from engine.events import EventLog
from engine.footprint import measured
from engine.jobs import (
    AnalyseJob,
    EvaluateJob,
    ExportJob,
    FilmJob,
    FitJob,
    GenerateJob,
    HealJob,
    HealthJob,
    ImportJob,
    InterpolateJob,
    Job,
    JointsJob,
    MeshJob,
    MixJob,
    PartsJob,
    RenameJob,
    ReportJob,
    RerollJob,
    SamplesJob,
    SplitJob,
    TrainJob,
    TurnJob,
)
from engine.method import Workspace
from engine.project import Project
from engine.protocol import Finished, Stage
from engine.storage import sweep


def run(job: Job, project: Project) -> Stage[dict[str, Any]]:
    """Run a job, or go on with it, or return at once when it is finished; the last event is Finished.

    Takes the run's lease, keeps its events, and leaves an honest state: finished, cancelled (closed by the caller) or
    failed. Raises StudioError, and BusyError while another process works on the same run. A new run whose input turns
    out to be bad before anything was done leaves no trace.
    """
    job = project.submit(job)
    folder = project.run_folder(job.run)
    project.catalogue.acquire(job.run)
    log = EventLog(folder / "events.jsonl", beat=lambda: project.catalogue.beat(job.run))
    try:
        if (folder / "result.json").exists():
            result: dict[str, Any] = msgspec.json.decode((folder / "result.json").read_bytes())
        else:
            sweep(folder)
            result = yield from log.keep(measured(_stage(job, project), folder, _gpu_peak()))
            project.finish(job.run, result)
    except (GeneratorExit, KeyboardInterrupt):
        project.catalogue.end_run(job.run, "cancelled", "stopped by the user; resume goes on from here")
        raise
    except BaseException as error:
        if isinstance(error, InputError) and not log.begun:
            project.forget(job.run)
        else:
            project.catalogue.end_run(job.run, "failed", explain(error))
        raise
    project.catalogue.end_run(job.run, "finished")
    yield Finished(result=result)
    return result


def _stage(job: Job, project: Project) -> Stage[dict[str, Any]]:
    """The stage of a job. Its module is loaded when it is asked for: together they take seconds, one alone a fraction."""
    match job:
        case ImportJob():
            from engine.datasets.importing import import_files

            return import_files(job, project)
        case SamplesJob():
            from engine.datasets.making import make_samples

            return make_samples(job, project)
        case PartsJob() if job.painted:
            from engine.datasets.painted_parts import paint_parts

            return paint_parts(job, project)
        case PartsJob():
            from engine.datasets.auto_parts import find_parts

            return find_parts(job, project)
        case RenameJob():
            from engine.datasets.renaming import rename_part

            return rename_part(job, project)
        case TurnJob():
            from engine.datasets.turning import turn_items

            return turn_items(job, project)
    work = Workspace(project.run_folder(job.run), device.choose(job.device))
    match job:
        case FitJob():
            from engine.fitting import fit

            return fit(job, project, work)
        case TrainJob():
            from engine.training import train

            return train(job, project, work)
        case GenerateJob():
            from engine.generating import generate

            return generate(job, project, work)
        case MeshJob():
            from engine.meshing import mesh_clouds

            return mesh_clouds(job, project, work)
        case SplitJob():
            from engine.splitting import split

            return split(job, project, work)
        case MixJob():
            from engine.mixing import mix_parts

            return mix_parts(job, project, work)
        case JointsJob():
            from engine.joining import measure_joints

            return measure_joints(job, project, work)
        case HealJob():
            from engine.healing import heal_shape

            return heal_shape(job, project, work)
        case RerollJob():
            from engine.healing import reroll_parts

            return reroll_parts(job, project, work)
        case InterpolateJob():
            from engine.blending import blend

            return blend(job, project, work)
        case ExportJob():
            from engine.exporting import export

            return export(job, project, work)
        case HealthJob():
            from engine.checkup import checkup

            return checkup(job, project, work)
        case FilmJob():
            from engine.films import film

            return film(job, project, work)
        case EvaluateJob():
            from engine.evaluating import evaluate

            return evaluate(job, project, work)
        case ReportJob():
            from engine.reporting import report

            return report(job, project, work)
        case AnalyseJob():
            from engine.analysing import analyse

            return analyse(job, project, work)


def _gpu_peak() -> Callable[[], int]:
    """Bytes that torch gives out on a GPU at most, from now on; a GPU that nothing has used yet is left alone."""
    if _gpu_in_use():
        torch.cuda.reset_peak_memory_stats()
    return lambda: torch.cuda.max_memory_allocated() if _gpu_in_use() else 0


def _gpu_in_use() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()
