"""What the commands share: the group that they belong to, their common options, and running one job."""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from engine import console, methods
from engine.errors import InputError
from engine.jobs import Device, ImportJob, Job
from engine.project import Project
from engine.settings import override

TROUBLE = ("sheet", "points", "refused")  # verdicts that a person should look at
SEVERAL = 4  # names that a table shows


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
        @click.option(
            "--preset", default="", metavar="NAME", help="Preset of the method: tiny, or paper (full for basis)."
        )
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


def home(folder: str) -> Path:
    """Where a command works that can do without a project: the folder, or its folder ``shapes`` where it has other things
    in it, so that nothing is mixed with them."""
    path = Path(folder)
    if folder != "." or (path / "project.json").exists() or not any(path.iterdir()):
        return path
    return path / "shapes"


def open_or_make(folder: Path, named: str) -> Project:
    """The project in ``folder`` (`home` of the one that was named), made where there is none, which is said."""
    if not (folder / "project.json").exists():
        console.say(f"made the project {folder.resolve()}{_where(folder, named)}")
        return Project.create(folder)
    if folder != Path(named):
        console.say(f"working in the project {folder.resolve()}{_where(folder, named)}")
    return Project(folder)


def _where(folder: Path, named: str) -> str:
    return "" if folder == Path(named) else f"; name it to other commands as --project {folder}"


def settings_of(options: Options, method: str, default: str = "tiny") -> methods.MethodSettings:
    """Settings of a method by preset and changes."""
    return override(methods.preset(method, options.preset or default), options.changes)


def model_named(name: str) -> str:
    """A model as jobs have it: files by their whole path, runs by name."""
    return str(Path(name).resolve()) if name.endswith(".safetensors") else name


def latest(project: Project, kind: str, method: str) -> str:
    """The newest finished run of a kind and method."""
    runs = [row.id for row in project.catalogue.runs(kind) if row.state == "finished" and method in ("", row.method)]
    if not runs:
        verb = "fit" if kind == "fit" else "train"
        raise InputError(
            f"this project has no finished {kind}{f' of {method}' if method else ''} yet; run `{verb}` first"
        )
    return runs[-1]


def few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= SEVERAL else f"{len(names)}: {', '.join(names[: SEVERAL - 1])} ..."


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
            "parts": few(item["parts"]),
            "reason": item["reason"],
        }
        for item in items
    ]
