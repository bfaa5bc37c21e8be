"""The command line: ``python -m engine COMMAND``. Every command is one job of pipeline.py; nothing is computed here."""

import functools
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from engine import console, methods
from engine.datasets.found import KINDS
from engine.errors import InputError, StudioError, TrainingError, explain, out_of_memory
from engine.jobs import Device, ExportJob, FitJob, Format, GenerateJob, ImportJob, Job, SamplesJob, TrainJob
from engine.project import Project
from engine.settings import ExportOptions, override

TROUBLE = ("sheet", "points", "refused")  # verdicts that a person should look at
SEVERAL = 4  # part names that a table shows
FORMATS = get_args(Format)
CATEGORIES = ("airplane", "chair", "car", "table", "lamp", "mug")

SHOWN = {
    "items": ("id", "path", "category", "split", "verdict", "parts", "reason"),
    "runs": ("id", "kind", "method", "state", "reason", "created"),
    "shapes": ("id", "kind", "quality", "verdict", "reason", "present"),
}


class Options(msgspec.Struct, frozen=True):
    """Options that every command takes."""

    project: str
    device: Device
    preset: str
    changes: tuple[str, ...]
    json: bool

    def open(self) -> Project:
        """The project to work in."""
        return Project(self.project)


def common(*uses: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the common options and hand them on as ``options``; those that a command has no use for are refused."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @click.option("--project", default=".", show_default="this folder", help="Project folder.")
        @click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda", "mps"]), show_default=True)
        @click.option("--preset", default="", metavar="NAME", help="Preset of the method: tiny or paper.")
        @click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting: fit.steps=500.")
        @click.option("--json", is_flag=True, help="One JSON object on stdout; progress on stderr.")
        @functools.wraps(command)
        def wrapped(
            project: str, device: Device, preset: str, changes: tuple[str, ...], json: bool, **own: Any
        ) -> None:
            given = {"device": device != "auto", "preset": bool(preset), "set": bool(changes)}
            for name, is_given in given.items():
                if is_given and name not in uses:
                    raise InputError(f"--{name} means nothing to {command.__name__.strip('_')}; leave it out")
            command(Options(project, device, preset, changes, json), **own)

        return wrapped

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(importlib.import_module("engine").__version__, prog_name="shape studio engine")
def cli() -> None:
    """Shape Studio's engine: meshes in, neural fields, diffusion, new meshes out."""


def run_job(options: Options, job: Job, project: Project | None = None) -> None:
    """Run a job in the project with progress on stderr, and print its result."""
    from engine import pipeline

    with project or options.open() as opened:
        result = console.follow(pipeline.run(job, opened))
    if isinstance(job, ImportJob) and not options.json:  # what needs a person's eye; `list items` has the rest
        result["items"] = table([item for item in result["items"] if item["verdict"] in TROUBLE], job.paths)
        result["summary"] = [*result["summary"], f"pictures: {opened.picture_path('*')}"]
    console.show(result, options.json)


def table(items: Sequence[Mapping[str, Any]], paths: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Items as a person wants them: files as seen from the folder that was named, few of many parts."""
    folders = [str(Path(path).resolve()) + "/" for path in paths] or [""]
    return [
        {
            "file": min((item["path"].removeprefix(folder) for folder in folders), key=len),
            "verdict": item["verdict"],
            "parts": _few(item["parts"]),
            "reason": item["reason"],
        }
        for item in items
    ]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= SEVERAL else f"{len(names)}: {', '.join(names[: SEVERAL - 1])} ..."


def settings_of(options: Options, method: str, default: str = "tiny") -> methods.MethodSettings:
    """Settings of a method by preset and changes."""
    return override(methods.preset(method, options.preset or default), options.changes)


@cli.command()
@click.argument("folder")
@common()
def new(options: Options, folder: str) -> None:
    """Make a new project in FOLDER."""
    with Project.create(folder) as project:
        console.show({"project": str(project.folder)}, options.json)


def readable(command: Callable[..., None]) -> Callable[..., None]:
    """Add what `import` and `check` share: paths, and how to read them."""
    for option in (
        click.argument("paths", nargs=-1, required=True),
        click.option(
            "--kind", default="", help="Layout of the files, found out when not given; `check --help` lists them."
        ),
        click.option(
            "--thickness",
            default=0.0,
            type=click.FloatRange(0, 0.5),
            help="Given to sheets, share of the longest side.",
        ),
        click.option("--solids", is_flag=True, help="Take connected solids as parts where nothing names any."),
        click.option("--heads", default=16, show_default=True, type=click.IntRange(1), help="Of imported denoisers."),
    ):
        command = option(command)
    return command


@cli.command("import")
@readable
@click.option("--category", default="", help="Category of the items, e.g. chair.")
@click.option("--origin", default="", help="Where the files come from, when nothing beside them says it.")
@click.option("--licence", default="", help="Licence of the files, when nothing beside them says it.")
@common()
def import_(options: Options, paths: tuple[str, ...], **given: Any) -> None:
    """Read files, folders, zip archives and data sets into the project.

    Meshes (OBJ, OFF, STL, PLY, GLB, 3MF, DAE), labelled clouds, points with inside flags, published networks. Nothing is
    refused silently: `list items` shows the verdict on each file and its reason.
    """
    run_job(options, ImportJob(paths=tuple(str(Path(p).resolve()) for p in paths), **given))


@cli.command(epilog=f"Kinds: {', '.join(KINDS)}.")
@readable
@common()
def check(options: Options, paths: tuple[str, ...], **given: Any) -> None:
    """Say of each file what an import would make of it, without a project."""
    from engine.datasets.importing import check_files

    job = ImportJob(paths=tuple(str(Path(p).resolve()) for p in paths), **given)
    result = console.follow(check_files(job))
    if not options.json:
        result["items"] = table(result["items"], paths)
    console.show(result, options.json)


@cli.command()
@click.option("--category", required=True, type=click.Choice(CATEGORIES))
@click.option("--count", required=True, type=click.IntRange(1, 100_000))
@click.option("--seed", default=0, show_default=True, type=int)
@common()
def samples(options: Options, category: str, count: int, seed: int) -> None:
    """Make procedural items: any number of shapes of a category, with named parts and captions."""
    run_job(options, SamplesJob(category=category, count=count, seed=seed))


@cli.command("list")
@click.argument("what", default="items", type=click.Choice(["items", "runs", "shapes"]))
@common()
def list_(options: Options, what: str) -> None:
    """List items, runs or shapes of the project."""
    with options.open() as project:
        rows: Iterable[msgspec.Struct] = getattr(project.catalogue, what)()
        found = msgspec.to_builtins(list(rows))
        left = set(project.catalogue.waiting())
        for row in found if what == "runs" else ():
            if row["state"] == "running" and row["id"] in left:
                row.update(state="interrupted", reason="its process is gone; resume goes on from here")
        if not options.json:  # what a person looks for; --json has everything
            found = [{key: _readable(key, row[key]) for key in SHOWN[what]} for row in found]
        console.show({what: found}, options.json)


def _readable(key: str, value: Any) -> Any:
    if key == "parts":
        return _few(value)
    if key == "path":
        return Path(value).name
    if key == "reason":  # its first sentence; --json has the whole
        first, stop, rest = value.partition(". ")
        return first + (" ..." if stop and rest else "")
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(value)) if key in ("created", "added") else value


@cli.command()
@click.option("--method", required=True, type=click.Choice(methods.NAMES))
@click.option("--category", default="", help="Only items of this category.")
@click.argument("items", nargs=-1)
@common("device", "preset", "set")
def fit(options: Options, method: str, category: str, items: tuple[str, ...]) -> None:
    """Fit a neural field to each of ITEMS (none: all accepted items)."""
    run_job(
        options, FitJob(settings=settings_of(options, method), items=items, category=category, device=options.device)
    )


@cli.command()
@click.option("--method", required=True, type=click.Choice(methods.NAMES))
@click.option("--run", "fit_run", default="", help="The fit to train on; the latest of the method when not given.")
@click.option("--fork", default="", help="Start from this training run, with changed settings.")
@common("device", "preset", "set")
def train(options: Options, method: str, fit_run: str, fork: str) -> None:
    """Train a denoiser on the latents of a fit."""
    with options.open() as project:
        forked = project.job(fork) if fork else None
        if forked and (not isinstance(forked, TrainJob) or methods.name_of(forked.settings) != method):
            raise InputError(f"{fork} is not a training run of method {method}; `list runs` shows what there is")
        fit_run = fit_run or (forked.fit if isinstance(forked, TrainJob) else latest(project, "fit", method))
        fitted = project.job(fit_run)
        if not isinstance(fitted, FitJob) or methods.name_of(fitted.settings) != method:
            raise InputError(f"{fit_run} is not a fit of method {method}; `list runs` shows what there is")
        base = forked.settings if isinstance(forked, TrainJob) else fitted.settings
        if options.preset:  # the fit's own settings stay, the preset says how to train on it
            chosen = methods.preset(method, options.preset)
            base = msgspec.structs.replace(base, denoiser=chosen.denoiser, train=chosen.train, sampler=chosen.sampler)
        job = TrainJob(settings=override(base, options.changes), fit=fit_run, fork=fork, device=options.device)
        run_job(options, job, project)


@cli.command()
@click.option("--method", default="", type=click.Choice(("", *methods.NAMES)), help="Latest model of this method.")
@click.option("--model", default="", help="A training run or a model file.")
@click.option("--category", default="", help="Category to draw, when the model knows several.")
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--seed", default=0, show_default=True, type=int)
@common("device", "set")
def generate(options: Options, method: str, model: str, category: str, count: int, seed: int) -> None:
    """Draw new shapes from a trained model."""
    if method and model:
        raise InputError("give --method or --model, not both")
    with options.open() as project:
        job = GenerateJob(
            model=str(Path(model).resolve())
            if model.endswith(".safetensors")
            else model or latest(project, "train", method),
            count=count,
            seed=seed,
            category=category,
            changes=options.changes,
            device=options.device,
        )
        run_job(options, job, project)


@cli.command()
@click.argument("shapes", nargs=-1, required=True)
@click.option(
    "--format",
    "format_",
    default="glb",
    type=click.Choice(FORMATS),
    show_default=True,
)
@click.option("--out", required=True, help="Folder for the files.")
@click.option(
    "--resolution", default=256, show_default=True, type=click.IntRange(32, 1024), help="Grid points per side."
)
@click.option("--crumbs", default=0.03, show_default=True, type=click.FloatRange(0, 1), help="Smallest loose shell.")
@common("device", "set")
def export(
    options: Options, shapes: tuple[str, ...], format_: Format, out: str, resolution: int, crumbs: float
) -> None:
    """Decode SHAPES and write them as mesh files with named parts. Items can be named too, and are written as they came.

    How they are written: --set faces=5000, size_mm=120, axes=blender|unity|unreal|slicer, pieces=parts|union,
    smoothing=10, normals=smooth|flat, uvs=true. With --format pth the weights themselves are written, in the published
    layout (imported networks in their own); with --format ckpt the denoiser of an imported run, named instead of a shape.

    Loose shells under --crumbs of the volume are left out (of fitted shapes under a tenth of it), and it says so.
    """
    folder = str(Path(out).resolve())
    job = ExportJob(
        shapes=shapes,
        out=folder,
        format=format_,
        options=override(ExportOptions(), options.changes),
        resolution=resolution,
        crumbs=crumbs,
        device=options.device,
    )
    run_job(options, job)


@cli.command()
@click.argument("run", default="")
@common("set")
def resume(options: Options, run: str) -> None:
    """Go on with RUN (the latest unfinished one when not given). --set train.steps=N trains a finished run longer."""
    with options.open() as project:
        if not run:
            waiting = [name for name in project.catalogue.waiting() if (project.run_folder(name) / "job.json").exists()]
            if not waiting:
                raise InputError("no run of this project waits to be resumed; `list runs` shows them all")
            run = waiting[-1]
        job = project.job(run)
        if options.changes:
            if not isinstance(job, TrainJob):
                raise InputError(f"{run} is not a training run; only train.steps can be changed on resume")
            job = project.extend(msgspec.structs.replace(job, settings=override(job.settings, options.changes)))
        run_job(options, job, project)


@cli.command()
@click.argument("out")
@common("device")
def demo(options: Options, out: str) -> None:
    """From procedural aeroplanes to new ones in a few minutes, in a new project in OUT."""
    from engine.demo import demo as stages
    from engine.demo import summary

    result = console.follow(stages(Path(out), options.device))
    console.show(result, True) if options.json else console.tell("Shape Studio", summary(Path(out), result))


@cli.command()
@click.option("--category", required=True, type=click.Choice(CATEGORIES))
@click.option("--count", default=512, show_default=True, type=click.IntRange(2, 10_000))
@click.option("--points", default=512, show_default=True, type=click.IntRange(64, 16_384))
@common()
def variety(options: Options, category: str, count: int, points: int) -> None:
    """How different procedural shapes are: distance of each of COUNT to its nearest neighbour (Chamfer)."""
    from engine.datasets.procedural.variety import variety as measure

    found = console.follow(measure(category, count, points))
    console.show({"category": category, "count": count, "points": points, **found}, options.json)


@cli.command()
@click.argument("name")
@click.option("--quick", is_flag=True, help="A small version, to see that it works; its figures mean little.")
@common()
def bench(options: Options, name: str, quick: bool) -> None:
    """Run a benchmark against its named baseline: fit, extract, metrics or sample (from a source checkout)."""
    folder = Path(__file__).parents[1] / "tests" / "bench"
    known = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    if name not in known:
        raise InputError(
            f"there is no benchmark {name!r}; "
            + (f"choose one of {', '.join(known)}" if known else "they need a checkout")
        )
    sys.path.insert(0, str(folder.parents[1]))
    console.show(console.follow(importlib.import_module(f"tests.bench.{name}").run(quick)), options.json)


def latest(project: Project, kind: str, method: str) -> str:
    """The newest finished run of a kind and method."""
    runs = [row.id for row in project.catalogue.runs(kind) if row.state == "finished" and method in ("", row.method)]
    if not runs:
        verb = "fit" if kind == "fit" else "train"
        raise InputError(
            f"this project has no finished {kind}{f' of {method}' if method else ''} yet; run `{verb}` first"
        )
    return runs[-1]


def main() -> None:
    """Run the command line; every error is one line on stderr, with --json also an object, and an exit status."""
    as_json = "--json" in sys.argv
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        console.complain("stopped; a run that had begun is saved, and `resume` goes on from there", as_json)
        sys.exit(130)
    except click.ClickException as error:
        console.complain(" ".join(error.format_message().split()), as_json)
        sys.exit(2)
    except TrainingError as error:
        console.complain(str(error), as_json)
        sys.exit(1)
    except StudioError as error:
        console.complain(str(error), as_json)
        sys.exit(2)
    except OSError as error:
        console.complain(explain(error), as_json)
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        console.complain(explain(error), as_json)
        sys.exit(1)


if __name__ == "__main__":
    main()
