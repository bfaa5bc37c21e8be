"""The demo: from procedural aeroplanes to new ones, and a real mesh as a neural field, in one resumable go."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyvista.examples
import torch
from numpy.typing import NDArray
from rich.markup import escape

from engine import methods, pipeline
from engine.datasets.parts import colour
from engine.geometry.export import GREY
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Geometry, transform
from engine.geometry.occupancy import surface_points
from engine.geometry.read import read
from engine.jobs import Device, ExportJob, FitJob, GenerateJob, ImportJob, Job, SamplesJob, TrainJob
from engine.latents import Latents
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER
from engine.metrics.verdict import NoveltyResult, novelty_of
from engine.pictures.camera import closer
from engine.pictures.render import Studio
from engine.pictures.sheet import save_png, sheet
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.settings import override
from engine.storage import seed_of, write_json

Clouds = Mapping[str, NDArray[np.float64]]  # (P, 3) by name

ITEMS, SHAPES, SEED = 64, 8, 1
POINTS = 2048  # of a surface cloud in the comparison with the training shapes
SIZE = 384  # pixels of one picture in a sheet
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # the bundled mesh's nose points down


def demo(out: Path, device: Device) -> Stage[dict[str, Any]]:
    """Run the demo in the project ``out`` (made when it is not there) -> the contents of its result.json.

    Every step is a job of its own, so a demo that was stopped goes on where it was, and a finished one returns at once.
    """
    project = Project(out) if (out / "project.json").exists() else Project.create(out)
    with project:
        if (out / "result.json").exists():
            done: dict[str, Any] = msgspec.json.decode((out / "result.json").read_bytes())
            return done
        clock = time.monotonic()
        semantic = methods.preset("semantic", "tiny")
        thin = [
            "field.activation=sine",
            "samples.near=150000",
            "samples.jitter=0.006",
            "fit.anchor=random",
            "fit.steps=1500",
        ]
        single = override(methods.preset("hyperdiffusion", "paper"), thin)  # its wings are thinner than a voxel
        made = yield from _do(SamplesJob(run="demo-samples", category="airplane", count=ITEMS), project)
        bundled = str(pyvista.examples.planefile)
        real = yield from _do(ImportJob(run="demo-import", paths=(bundled,), category="airplane"), project)
        ids = tuple(item["id"] for item in made["items"])
        fitted = yield from _do(FitJob(run="demo-fit", settings=semantic, items=ids, device=device), project)
        trained = yield from _do(TrainJob(run="demo-train", settings=semantic, fit="demo-fit", device=device), project)
        draw = GenerateJob(run="demo-generate", model="demo-train", count=SHAPES, seed=SEED, device=device)
        drawn = yield from _do(msgspec.structs.replace(draw, whole=False), project)  # of so short a training few are
        real_ids = tuple(item["id"] for item in real["items"])
        real_fit = yield from _do(FitJob(run="demo-real", settings=single, items=real_ids, device=device), project)
        wanted = (*drawn["shapes"], *(shape["id"] for shape in real_fit["shapes"]))
        meshes = str((out / "meshes").resolve())
        files = yield from _do(ExportJob(run="demo-export", shapes=wanted, out=meshes, device=device), project)
        news = yield from _pictures(project, out, files["files"], real_ids[0])
        result = {
            "items": ITEMS,
            "fit": _quality(project, "demo-fit"),
            "real": {"item": bundled, "verdict": real["items"][0]["verdict"], "iou": real_fit["shapes"][0]["iou"]},
            "train": trained,
            "generate": drawn,
            "files": files["files"],
            "novelty": news,
            "pictures": sorted(str(path) for path in (out / "pictures").glob("*.png")),
            "cpu_s_per_shape": float(np.mean([shape["cpu_s"] for shape in fitted["shapes"]])),
            "seconds": round(time.monotonic() - clock, 1),
        }
        write_json(out / "result.json", result)
        return result


def _do(job: Job, project: Project) -> Stage[dict[str, Any]]:
    """A job's events without its own Finished, which is not the end here."""
    stage = pipeline.run(job, project)
    result: dict[str, Any] = yield from stage
    return result


def _quality(project: Project, run: str) -> dict[str, Any]:
    """Mean held-out IoU of a fit: overall, and per part kind over the shapes that have the part."""
    latents = Latents(project.run_folder(run) / "latents.safetensors")
    parts = {
        name: float(np.mean([r.part_iou[name] for r in latents.records if name in r.part_iou]))
        for name in latents.file.vocabulary
    }
    accepted = sum(record.verdict == "accepted" for record in latents.records)
    overall = float(np.mean([record.iou or 0.0 for record in latents.records]))  # a fit that failed counts as 0
    return {"run": run, "iou": overall, "part_iou": parts, "accepted": accepted, "of": len(latents)}


def _pictures(project: Project, out: Path, files: list[dict[str, Any]], real: str) -> Stage[dict[str, Any]]:
    """Pictures of the very files that were exported, beside what they must be compared with.

    training.png: some training shapes; generated.png: the new shapes; novelty.png: each new shape above the training shape
    that it is nearest to; real.png: the real mesh and its field. Returns how new the generated shapes are.
    """
    vocabulary = Latents(project.run_folder("demo-fit") / "latents.safetensors").file.vocabulary
    colours = {name: colour(name) for name in vocabulary}
    rows = [item for item in project.catalogue.items() if item.kind == "procedural"]
    seen = [item.id for item in rows if item.split == "train"]
    known = {item.id: load_geometry(project.geometry_path(item.id)) for item in rows}
    new = [Path(file["path"]) for file in files if file["shape"].startswith("demo-generate")]
    fields = [Path(file["path"]) for file in files if file["shape"].startswith("demo-real")]
    made = [read(path) for path in new]
    clouds = [_cloud(geometry, str(i)) for i, geometry in enumerate(made)]
    unseen = [item.id for item in rows if item.split != "train"]
    drawn = {f"demo-generate/{path.stem.rsplit('-', 1)[1]}": cloud for path, cloud in zip(new, clouds, strict=True)}
    sets = [drawn, *({name: _cloud(known[name], name) for name in names} for names in (unseen, seen))]
    news = yield from _novelty(project, *sets)
    pair = (load_geometry(project.geometry_path(real)), *(read(path) for path in fields))
    nearest = [known[seen[one.shape]] for one in news.samples]
    pair = tuple(Geometry(transform(geometry.surface, UPRIGHT)) for geometry in pair)
    folder = out / "pictures"
    groups = {
        "training": [known[name] for name in seen[:SHAPES]],
        "generated": made,
        "nearest": nearest,
        "real": list(pair),
    }
    solid = {name: [list(g.parts.values()) or [g.surface] for g in group] for name, group in groups.items()}
    views = (closer([*solid["training"], *solid["generated"], *solid["nearest"]]), closer(solid["real"]))
    total = sum(map(len, groups.values()))
    taken: dict[str, list[NDArray[np.uint8]]] = {name: [] for name in groups}
    with Studio() as studio:
        everything = [(name, geometry) for name, group in groups.items() for geometry in group]
        for done, (name, geometry) in enumerate(everything):
            yield Progress(stage="pictures", done=done, total=total)
            solids = geometry.parts or {"": geometry.surface}
            shown = [(mesh, colours.get(part, GREY)) for part, mesh in solids.items()]
            taken[name].append(studio.picture(shown, SIZE, views[name == "real"]))
    names = [path.stem for path in new]
    copied = [f"{seen[one.shape]}  {one.shape_distance:.4f}  {one.verdict}" for one in news.samples]
    save_png(folder / "training.png", sheet(taken["training"], 4, seen[:SHAPES], "Training shapes (the first eight)"))
    save_png(folder / "generated.png", sheet(taken["generated"], 4, names, "Generated shapes, as exported"))
    title = "Generated (above), nearest training shape (below) with its Chamfer distance"
    half = (len(made) + 1) // 2  # two double rows
    order, words = [], []
    for row in (range(half), range(half, len(made))):
        order += [taken["generated"][i] for i in row] + [taken["nearest"][i] for i in row]
        words += [names[i] for i in row] + [copied[i] for i in row]
    save_png(folder / "novelty.png", sheet(order, half, words, title))
    save_png(folder / "real.png", sheet(taken["real"], 2, ["the mesh", "its field, as exported"], "A real mesh"))
    yield Progress(stage="pictures", done=total, total=total)
    return {
        "shares": news.shares,
        "unseen_shares": news.unseen_shares,
        "shapes": [
            {"shape": name, "nearest": seen[one.shape], "chamfer": one.shape_distance, "verdict": one.verdict}
            for name, one in zip(names, news.samples, strict=True)
        ],
    }


def _novelty(project: Project, drawn: Clouds, unseen: Clouds, training: Clouds) -> Stage[NoveltyResult]:
    """Verdicts on shapes of the generate run by their clouds and latents; clouds stand by the names of shapes and items."""
    sets = {"g": np.stack([*drawn.values()]), "u": np.stack([*unseen.values()]), "t": np.stack([*training.values()])}
    found = yield from distances(sets, [("g", "t"), ("u", "t"), ("t", "t")], CHAMFER)
    apart = [found.between(name, "t") for name in "gut"]
    latents = [_rows(project, "demo-generate", [name.split("/")[1] for name in drawn])]
    latents += [_rows(project, "demo-fit", names) for names in (unseen, training)]
    return (yield from novelty_of(apart[0], apart[1], apart[2], *latents))


def _rows(project: Project, run: str, names: Iterable[str]) -> NDArray[np.float32]:
    """(N, D) latents of a run by the names of its records."""
    latents = Latents(project.run_folder(run) / "latents.safetensors")
    place = {record.item: row for row, record in enumerate(latents.records)}
    rows: NDArray[np.float32] = latents.batch(torch.tensor([place[name] for name in names])).target.numpy()
    return rows


def _cloud(geometry: Geometry, name: str) -> NDArray[np.float64]:
    return surface_points(geometry.surface, POINTS, np.random.default_rng(seed_of("demo", name)))


def summary(out: Path, result: dict[str, Any]) -> str:
    """The result in words, for a person at a terminal; every figure is one of result.json."""
    fit, train, news, files, real = (result[key] for key in ("fit", "train", "novelty", "files", "real"))
    parts = ", ".join(f"{name} {value:.2f}" for name, value in fit["part_iou"].items())
    made = len(news["shapes"])
    closed = sum(file["watertight"] for file in files)

    def told(shares: dict[str, float]) -> str:
        return ", ".join(f"{share:.0%} {verdict}" for verdict, share in shares.items() if share)

    return f"""\
[bold]{result["items"]} aeroplanes became neural fields[/bold], {result["cpu_s_per_shape"]:.1f} CPU-s each.
On points they never saw they agree with the meshes by IoU {fit["iou"]:.3f} ({parts}).

[bold]A denoiser learned their weights[/bold] in {train["seconds"]:.0f} s ({train["steps"]} steps),
and [bold]{made} new aeroplanes came out of noise[/bold] in {result["generate"]["seconds"]:.1f} s.
{closed} of {len(files)} exported meshes are watertight; each part is a named object in {escape(str(out / "meshes"))}.

[bold]Are they new?[/bold] Of {made}, {told(news["shares"])}; of real aeroplanes that the model never saw,
by the same rules, {told(news["unseen_shares"])}.
So few training shapes invite copying: novelty.png shows each beside its nearest.

[bold]A real mesh[/bold], {escape(Path(real["item"]).name)} ({real["verdict"]}), became a watertight one,
IoU {real["iou"]:.3f}.

Done in {result["seconds"] / 60:.1f} minutes. Pictures: {escape(str(out / "pictures"))}"""
