"""What can be asked of the engine. A job is complete: the same job.json gives the same result on the same machine."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.card import Move
from engine.cloud_settings import DRAWN, CloudMeshSettings
from engine.datasets.marks import Painting
from engine.methods import MethodSettings
from engine.parts.settings import Blend, Curve, HealSettings
from engine.settings import ExportOptions, ProtocolSettings

VERSION = 1
Format = Literal["glb", "obj", "ply", "stl", "3mf", "usda", "usdc", "xyz", "pth", "ckpt"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
AnyAxis = Literal["kept", "+x", "-x", "+y", "-y", "+z", "-z"]


class JobBase(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag=lambda name: name.removesuffix("Job").lower(),
):
    """Fields of every job. ``run`` names its folder in the project; ``Project.submit`` fills it in when empty."""

    run: str = ""
    version: int = VERSION
    device: Device = "auto"


class ImportJob(JobBase, frozen=True):
    """Read files, folders, archives and data sets into the project -> summary, items[{id, path, kind, verdict, reason}].

    Networks and denoisers become shapes and models of runs: -> shapes, models.

    up, front : axes of the files; kept = as their data set has them, or +y and +z; where one is given the other is found
    """

    paths: tuple[str, ...]
    kind: str = ""  # a layout of engine.datasets.found, "" to find it out
    category: str = ""
    thickness: Annotated[
        float, Meta(ge=0, le=0.5, description="given to sheets without an inside, share of the longest side; 0 = none")
    ] = 0.0
    solids: bool = False  # connected solids become parts where nothing names any
    auto_parts: bool = False  # and are matched over the items: the same number is the same part, see PartsJob
    up: AnyAxis = "kept"
    front: AnyAxis = "kept"
    origin: str = ""  # where the files come from, and under which licence, when nothing beside them says it
    licence: str = ""
    heads: Annotated[int, Meta(ge=1, description="attention heads of denoisers; their files do not say")] = 16


class SamplesJob(JobBase, frozen=True):
    """Make procedural items -> items, as ImportJob."""

    category: str
    count: Annotated[int, Meta(ge=1, le=100_000)]
    seed: int = 0


class PartsJob(JobBase, frozen=True):
    """Find parts for items that name none: connected solids matched over the data set, or the whole of each as one part
    -> run, parts{name: items}, items[{id, parts}], left[id].

    items : none and no category means all that have no named parts
    count : groups of solids; 0 = as many as three quarters of the items have; 1 = the whole of each item is its part
    again : also items that have named parts, which are then the pieces that are matched, and lose their names
    painted : items that get the parts that marks on their surface say, instead of what they have; nothing else is looked for
    """

    items: tuple[str, ...] = ()
    category: str = ""
    count: Annotated[int, Meta(ge=0, le=32, title="Parts")] = 0
    again: bool = False
    painted: tuple[Painting, ...] = ()


class RenameJob(JobBase, frozen=True):
    """Give a part of items another name -> run, renamed, merged, items[id]. Fits and models made before keep theirs.

    items : all that have the part, when none are named; then what is imported later is named alike
    merge : items that have both names get one part of the two, which cannot be undone
    """

    old: str
    new: str
    category: str = ""
    items: tuple[str, ...] = ()
    merge: bool = False


class TurnJob(JobBase, frozen=True):
    """Let other axes of their files be up and front in items -> run, turned, items[id]. Fits made before stay as they are.

    items : at least one; labelled clouds whose labels they have are turned with them
    Strokes by which parts were painted are forgotten; the parts stay.
    """

    items: Annotated[tuple[str, ...], Meta(min_length=1)]
    up: Axis
    front: Axis


class FitJob(JobBase, frozen=True):
    """Turn items into latents -> run, shapes[{id, iou, cpu_s, verdict}]. No items named means all accepted ones.

    model : a run or a model file whose latents they become, so that they mix with its shapes; "" = one of their own.
        Nothing but ``settings.seed`` and ``settings.fit`` may differ from the model's settings
    """

    settings: MethodSettings
    items: tuple[str, ...] = ()
    category: str = ""
    model: str = ""
    fine_tune: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            title="Fine-tuning",
            description="steps in which the model's experts learn the items too: nearer, but no longer of that model",
        ),
    ] = 0


class TrainJob(JobBase, frozen=True):
    """Train a denoiser on the latents of a fit -> run, steps, seconds.

    without : items whose shapes are not learned, although they passed the gate
    """

    settings: MethodSettings
    fit: str
    fork: str = ""  # run to start from with changed settings
    without: tuple[str, ...] = ()


class GenerateJob(JobBase, frozen=True):
    """Draw new shapes -> run, shapes[id], seconds, picture, missed[{shape, parts}], nearest[{shape, nearest, percentile}],
    drawn_again, loose[id], moved[{shape, part, by}], matches[{shape, match}].

    model : a train run of the project, a model file, or one that comes with the program, as ``shipped:chair``
    picture : whether to draw a sheet of the first shapes, which takes longer than making them
    with_parts, without, attributes : what shapes should have, lack and be, by the names that the model knows
    missed : shapes that have not the parts asked for, or have those asked to be left out; they are kept all the same
    whole : draw shapes again, a dozen times at most, whose unions are not in one piece or whose parts are not as asked, or
    not in the order that the model draws in and no short shift of one of them helps, see engine.parts.order;
    drawn_again : how many draws were left for others; loose : shapes that were not so after all; moved : such shifts
    previews : let whoever watches see pictures of the shapes while they form, see engine.forming
    points : of each cloud in the end, 0 = as the model draws them; more than it draws are put between those drawn
    refine : a model that was trained with denoiser.role=details, which draws them; "" = they lie midway between neighbours
    candidates : clouds drawn for each that is kept: those that go best with the prompt, the best first, as a model tells that
    was trained on the same fit with denoiser.role=match; matches : what it says, see `engine.methods.tiny3d.matcher`
    """

    model: str
    count: Annotated[int, Meta(ge=1, le=100_000)]
    seed: int = 0
    category: str = ""
    with_parts: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    attributes: dict[str, str] = {}
    changes: tuple[str, ...] = ()  # sampler settings that differ from the model's own, as key=value
    picture: bool = True
    previews: bool = False
    whole: bool = True
    points: Annotated[int, Meta(ge=0, le=4_096, title="Points")] = 0
    refine: str = ""
    candidates: Annotated[int, Meta(ge=1, le=16, title="Candidates")] = 1


class MeshJob(JobBase, frozen=True):
    """Lay watertight surfaces through clouds of the project -> run, items[{id, shape, watertight, shells, faces, notes}],
    refused{shape: why}.
    """

    shapes: Annotated[tuple[str, ...], Meta(min_length=1)]
    settings: CloudMeshSettings = DRAWN


class SplitJob(JobBase, frozen=True):
    """Find the named parts of clouds with a `basis` model: its shapes that come nearest -> run, model, shapes[id],
    made[{shape, of, misfit, parts, moved}], refused{name: why}, pictures.

    shapes : clouds, and items that have a surface or points, all of one category
    model : a training run, or one that comes with the program; "" = the newest of the project that knows the category, or
        else the one that comes along
    category : "" = that of the items, or the one that the words of the prompts name
    heal : move parts that do not touch as they do in training shapes; their numbers say so then
    """

    shapes: Annotated[tuple[str, ...], Meta(min_length=1)]
    model: str = ""
    category: str = ""
    heal: bool = True
    seed: int = 0


class MixJob(JobBase, frozen=True):
    """Make a shape of parts of others -> run, shapes[id], parts[{part, from, hash, numbers, place}], pictures.

    parts : part -> the shape that it is taken from; all others are the base's
    blends : part -> what it is blended from, instead of ``parts``
    removed : parts, or copies of parts
    copies : new name -> the part (or copy) that also stands there; moves make it stand somewhere else
    moves : in this order, after all else
    held, free : parts that healing keeps or may change, where not as usual: those taken are held, the base's free
    """

    base: str
    parts: dict[str, str] = {}
    blends: dict[str, Blend] = {}
    removed: tuple[str, ...] = ()
    copies: dict[str, str] = {}
    moves: tuple[Move, ...] = ()
    held: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


class JointsJob(JobBase, frozen=True):
    """Measure how the parts of shapes meet -> run, shapes[{shape, joint score, unusual}], file.

    fit : whose training shapes say what is usual; "" = the one behind each shape
    """

    shapes: tuple[str, ...]
    fit: str = ""


class HealJob(JobBase, frozen=True):
    """Make the parts of a shape fit together -> run, shapes[id], parts[{part, hash, numbers, moved by}], joint score and
    loss, each before and after, pictures.

    held, free : parts whose numbers stay, and that may change, where not as the shape's card has it
    model : a train run or a model file; "" = the newest one that was trained on the fit behind the shape, or else on ``fit``
    fit : whose training shapes say what is usual; "" = the one behind the shape
    """

    shape: str
    held: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    model: str = ""
    fit: str = ""
    settings: HealSettings = HealSettings()
    seed: int = 0


class RerollJob(JobBase, frozen=True):
    """Draw parts of a shape anew, all else byte for byte -> run, shapes[id], drawn[{shape, seed}], parts, pictures."""

    shape: str
    parts: Annotated[tuple[str, ...], Meta(min_length=1)]
    count: Annotated[int, Meta(ge=1, le=10_000)] = 4
    model: str = ""
    settings: HealSettings = HealSettings()
    seed: int = 0


class InterpolateJob(JobBase, frozen=True):
    """Frames on the way from shape to shape -> run, shapes[id], frames[{shape, alpha, loss}], pictures.

    curves : part -> how it goes; "" = everything else, which stays the first shape's where it is not named
    """

    shapes: Annotated[tuple[str, ...], Meta(min_length=2)]
    frames: Annotated[int, Meta(ge=2, le=10_000)] = 8
    curves: dict[str, Curve] = msgspec.field(default_factory=lambda: {"": Curve()})
    model: str = ""


class ExportJob(JobBase, frozen=True):
    """Decode shapes to mesh files -> files[{shape, path, parts, faces, watertight, size, unit, health}], empty, refused.

    health : look for self-intersections too, which takes a second for 100,000 faces; the rest of the health is always told
    """

    shapes: tuple[str, ...]
    out: str
    format: Format = "glb"
    options: ExportOptions = ExportOptions()
    resolution: Annotated[int, Meta(ge=32, le=1024, title="Resolution", description="grid points per side")] = 256
    crumbs: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="loose shells under this share of the volume are left out; a tenth of it for fits",
        ),
    ] = 0.03
    overwrite: bool = False  # files of others that stand in the way are replaced
    health: bool = False


Analysis = Literal["nearest", "map", "parts", "outliers", "all"]


class AnalyseJob(JobBase, frozen=True):
    """Look at the latents of run ``of`` -> run, of, nearest[], parts[], outliers[], left_out[], files[], summary[]."""

    of: str
    kind: Analysis = "all"
    part: str = ""  # one part alone; "" = the whole and every part
    out: str = ""  # folder that gets a copy of the files
    count: Annotated[int, Meta(ge=0, le=120, description="shapes on each sheet of pictures")] = 12
    seed: int = 0
    perplexity: Annotated[float, Meta(ge=2, le=200, description="of t-SNE; at most a third of the points")] = 30.0


class HealthJob(JobBase, frozen=True):
    """Look at the surfaces of shapes, items and files -> checked[{name, sound, words, unit, ...Health}]."""

    names: tuple[str, ...]
    size_mm: Annotated[
        float, Meta(ge=0, le=1e7, description="longest side when it is printed; 0 = numbers in the unit of the file")
    ] = 0.0
    resolution: Annotated[int, Meta(ge=32, le=1024, title="Resolution", description="grid points per side")] = 256


FilmFormat = Literal["", "png", "glb", "obj", "ply", "stl", "usda", "usdc"]


class FilmJob(JobBase, frozen=True):
    """Shapes and items one after the other, or turning, as a film -> path, kind, pictures | meshes | error, frames, seconds.

    out : .gif, .mp4, .glb (one mesh with morph targets) or a folder for numbered files of ``format``
    turn : pictures of one turn of the camera round all shapes, side by side; 0 = each shape is one frame, in order
    A run's name stands for all its shapes.
    """

    shapes: tuple[str, ...]
    out: str
    format: FilmFormat = ""  # of the files in a folder: pictures (png), or one mesh per frame
    turn: Annotated[int, Meta(ge=0, le=3600)] = 0
    fps: Annotated[float, Meta(ge=0.1, le=120, title="Frames per second")] = 12.0
    hold: Annotated[float, Meta(ge=0, le=60, description="seconds that the first and the last shape stand still")] = 0.5
    bounce: bool = False  # and back again, so that it can be played in a loop
    size: Annotated[int, Meta(ge=16, le=2048, title="Size", description="pixels per side of each shape")] = 512
    azimuth: Annotated[float, Meta(ge=-360, le=360, description="degrees from the front to the right")] = 35.0
    elevation: Annotated[float, Meta(ge=-89, le=89, description="degrees above the horizon")] = 24.0
    options: ExportOptions = ExportOptions()  # of meshes in a folder
    resolution: Annotated[int, Meta(ge=32, le=1024, title="Resolution", description="grid points per side")] = 128
    crumbs: Annotated[float, Meta(ge=0, le=1, description="as for an export")] = 0.03
    overwrite: bool = False


class EvaluateJob(JobBase, frozen=True):
    """Measure shapes beside real ones -> run, of, scores[{set, category, measure, mmd, coverage, one_nna, ...}], frechet[],
    verdicts{}, verdicts_on_unseen_real_shapes{} | reconstructions{}, files[].

    names : shapes, or runs that stand for all their shapes; fitted ones, or others
    against : what they are held against: test, val, unseen (both, as when nothing is named), categories, items
    features : PointNet++ file for the Frechet distance; "" = our own feature network
    out : folder that gets a copy of report and tables; overwrite : whether files there may be replaced
    """

    names: tuple[str, ...]
    against: tuple[str, ...] = ()
    protocol: ProtocolSettings = ProtocolSettings()
    features: str = ""
    out: str = ""
    overwrite: bool = False


class ReportJob(JobBase, frozen=True):
    """Compare finished evaluations in one report -> run, of, files[]; ``out`` and ``overwrite`` as for `EvaluateJob`."""

    runs: tuple[str, ...]
    out: str = ""
    overwrite: bool = False


Job = (
    ImportJob
    | SamplesJob
    | PartsJob
    | RenameJob
    | TurnJob
    | FitJob
    | TrainJob
    | GenerateJob
    | MeshJob
    | SplitJob
    | MixJob
    | JointsJob
    | HealJob
    | RerollJob
    | InterpolateJob
    | ExportJob
    | AnalyseJob
    | HealthJob
    | EvaluateJob
    | ReportJob
    | FilmJob
)


def kind_of(job: Job) -> str:
    """Short name of the job's kind: import, samples, fit, train, generate, mix, export."""
    return str(job.__struct_config__.tag)
