"""All settings of a run, written once: type, unit, bounds and a one-line reason. Torch-free: forms and CLI read them."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from engine.errors import InputError

Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all groups of settings."""


class SampleSettings(Settings, frozen=True):
    """How many labelled points an item gets. Counts are per set; training and held-out sets are drawn separately."""

    uniform: Annotated[int, Meta(ge=64, title="Uniform points", description="drawn evenly in the cube")] = 50_000
    near: Annotated[int, Meta(ge=0, title="Near points", description="surface points with Gaussian jitter")] = 50_000
    jitter: Annotated[float, Meta(gt=0, le=0.2, title="Jitter", description="standard deviation, cube units")] = 0.01
    per_part: Annotated[
        int, Meta(ge=0, description="points in each part's box grown by 10 %, so thin parts are seen")
    ] = 8_000
    held_out: Annotated[
        int, Meta(ge=1024, description="uniform points of the held-out set, never used in training")
    ] = 30_000


class FieldSettings(Settings, frozen=True):
    """The network that holds one shape, or one part of it."""

    hidden: Annotated[tuple[Count, ...], Meta(min_length=1)] = (128, 128, 128)
    bands: Annotated[
        int, Meta(ge=0, le=10, description="octaves of the positional encoding, frequencies 1, 2, 4 ...")
    ] = 4
    activation: Literal["relu", "sine"] = "relu"
    part_hidden: dict[str, tuple[Count, ...]] = {}  # widths of experts that differ from ``hidden``, by part name


class FitSettings(Settings, frozen=True):
    """Overfitting fields to shapes."""

    recipe: Literal["ours", "published"] = "ours"
    steps: Annotated[int, Meta(ge=1, description="optimiser steps per shape (upper bound)")] = 1_000
    batch: Annotated[int, Meta(ge=16, description="points per shape and step")] = 1024
    lr: Positive = 1e-2
    warmup: Annotated[int, Meta(ge=0)] = 20
    optimiser: Literal["muon", "adam"] = "muon"  # of the weight matrices; biases and the last layer always use Adam
    matrix_lr: Annotated[float, Meta(gt=0, description="step size of Muon, relative to a matrix of unit norm")] = 0.05
    near: Annotated[
        float, Meta(ge=0, le=1, description="share of each batch from near the surface; the rest is drawn evenly")
    ] = 0.8
    whiten: Annotated[
        float, Meta(ge=0, description="damping of the whitened inputs that the first layer learns in; 0 = off")
    ] = 0.1
    shared: Annotated[
        float,
        Meta(ge=0, le=1, description="with parts: share of an expert's points that all experts and the union see"),
    ] = 0.5
    union: Annotated[float, Meta(ge=0, description="with parts: weight of the union's loss beside the experts'")] = 1.0
    shapes_at_once: Annotated[
        int, Meta(ge=1, description="shapes fitted together in one batched network; part of the result")
    ] = 8
    anchor: Literal["random", "first", "mean"] = "mean"  # what every shape's weights start from, see fields/fit.py
    anchor_shapes: Annotated[int, Meta(ge=1, description="shapes that a mean anchor is fitted to")] = 16
    anchor_steps: Annotated[int, Meta(ge=1)] = 2_000
    keep_near_anchor: Annotated[
        float, Meta(ge=0, description="weight decay towards the anchor; aligned weights diffuse better")
    ] = 0.0
    check_every: Annotated[int, Meta(ge=1, description="steps between looks at the quality")] = 200
    stop_at: Annotated[
        float,
        Meta(ge=0, le=1, description="stop a shape early at this IoU on check points (a 16th held back); 1 = never"),
    ] = 1.0
    accept: Annotated[float, Meta(ge=0, le=1, description="quality gate: held-out IoU of the whole shape")] = 0.85
    accept_part: Annotated[
        float, Meta(ge=0, le=1, description="quality gate: held-out IoU of each part in its box + 10 %")
    ] = 0.6


class DenoiserSettings(Settings, frozen=True):
    """The transformer that denoises latents, its noise schedule and how latents become tokens."""

    width: Annotated[int, Meta(ge=8)] = 2880
    layers: Annotated[int, Meta(ge=1)] = 12
    heads: Annotated[int, Meta(ge=1)] = 16
    tokens: Literal["tensor", "chunk"] = "tensor"  # one token per tensor as published, or equal chunks
    chunk: Annotated[int, Meta(ge=1, description="most numbers per token with tokens=chunk")] = 512
    projection: Literal["own", "shared"] = "own"  # tokens=chunk: a linear map for each chunk, or one for all
    time: Literal["published", "smooth"] = "published"  # features of the noise step; the published ones act as a hash
    predict: Literal["x0", "v", "eps"] = "x0"
    schedule: Literal["linear", "cosine", "linear-zsnr"] = "linear"
    timesteps: Annotated[int, Meta(ge=2, le=4000)] = 500
    normalise: Literal["none", "dimension", "token"] = "dimension"  # stored statistics: per number, or per token
    dropout: Share = 0.0


class TrainSettings(Settings, frozen=True):
    """Optimisation of a denoiser, or of anything else that ``optimise`` trains."""

    recipe: Literal["ours", "published"] = "ours"
    steps: Annotated[int, Meta(ge=1)] = 100_000
    batch: Annotated[int, Meta(ge=1)] = 32
    lr: Positive = 2e-4
    weight_decay: Annotated[float, Meta(ge=0)] = 0.01
    warmup: Annotated[int, Meta(ge=0, description="steps of linear warm-up")] = 500
    decay: Literal["constant", "cosine", "step"] = "cosine"
    decay_every: Annotated[int, Meta(ge=1, description="steps between cuts of 10 % with decay=step")] = 17_200
    clip: Annotated[float, Meta(ge=0, description="largest gradient norm; 0 = off")] = 1.0
    ema: Annotated[float, Meta(ge=0, lt=1, description="decay of the averaged weights; 0 = off")] = 0.999
    conditions: Annotated[
        Literal["none", "category", "all"],
        Meta(description="what can be asked for: the category where there are several; all: parts and attributes too"),
    ] = "category"
    condition_drop: Annotated[float, Meta(ge=0, le=1, description="share of items trained unconditionally")] = 0.1
    permute: Share = 0.0  # published weight-space augmentations: share of items whose hidden units are permuted,
    jitter: Annotated[float, Meta(ge=0)] = 0.0  # uniform noise of this size added to weights,
    interpolate: Share = 0.0  # share of items replaced by a random blend with another item
    check_every: Annotated[int, Meta(ge=1, description="steps between metric readings (one GPU sync)")] = 50
    save_every: Annotated[int, Meta(ge=1, description="steps between resumable checkpoints")] = 500
    preview_every: Annotated[int, Meta(ge=0, description="steps between EMA sample previews; 0 = none")] = 0
    watch_every: Annotated[
        int,
        Meta(ge=0, description="steps between running scores of EMA samples, where watch_share allows; 0 = none"),
    ] = 250
    watch_share: Annotated[
        float, Meta(gt=0, le=1, description="time that running scores may take, as a share of the training's own")
    ] = 0.05
    tensorboard: bool = False
    csv: bool = False


class SamplerSettings(Settings, frozen=True):
    """Drawing latents from a denoiser."""

    sampler: Literal["ddpm", "ddim", "heun", "dpmpp-2m"] = "dpmpp-2m"
    steps: Annotated[int, Meta(ge=1, le=4000)] = 30
    spacing: Literal["snr", "even"] = "snr"  # of the steps: nearly even in log signal-to-noise, or in the step number
    eta: Share = 0.0  # DDIM only: 0 deterministic, 1 ancestral
    guidance_scale: Annotated[float, Meta(ge=0, description="1 = off; more follows the condition more closely")] = 1.0
    batch: Annotated[int, Meta(ge=1)] = 64


class ProtocolSettings(Settings, frozen=True):
    """What stands between a model and its scores, and what the scores are made from; see engine.metrics.protocol.

    The defaults are ours: as many samples as references, none replaced or filtered, compared in canonical space.
    """

    points: Annotated[int, Meta(ge=16, description="surface points of a cloud")] = 2048
    part_points: Annotated[int, Meta(ge=16, description="surface points of a part's cloud")] = 512
    emd_points: Annotated[
        int,
        Meta(
            ge=0, le=2048, description="of the subsets that exact EMD matches; the time grows with its cube; 0 = none"
        ),
    ] = 256
    samples_per_reference: Annotated[float, Meta(ge=1, description="drawn; what is beyond 1 replaces empty ones")] = 1.0
    normalise: Annotated[
        bool,
        Meta(description="each cloud by its own mean and deviation over all coordinates, which hides size and place"),
    ] = False
    grid: Annotated[int, Meta(ge=16, le=1024, description="grid points per side of a decoded shape")] = 256
    level: Annotated[
        float,
        Meta(gt=0, lt=1, description="occupancy of the surface; published quirk: 0.8, which makes shapes thinner"),
    ] = 0.5
    spread_filter: Annotated[
        bool,
        Meta(description="published quirk (chairs): of 2 samples per reference keep those farthest from one another"),
    ] = False
    spread_keep: Annotated[float, Meta(ge=1, description="samples per reference that the filter keeps")] = 1.01
    resamples: Annotated[int, Meta(ge=2, description="of the bootstrap intervals")] = 200
    part_novelty: Annotated[
        bool,
        Meta(description="also tell how near each part is to those of training shapes; minutes for thousands of them"),
    ] = True
    seed: int = 0  # of surface points, subsets and resamples


PROTOCOLS = {
    "ours": ProtocolSettings(),
    "paper": ProtocolSettings(points=2048, samples_per_reference=1.1, normalise=True, grid=356),
}
"""``paper``: HyperDiffusion's test run, without its quirks; ``replace(paper, level=0.8)`` adds one of them."""

SMOOTHEST = 0.02  # cube units; jobs of earlier versions may have up to 0.2, which tears thin parts
Pieces = Literal["auto", "parts", "union"]
Axes = Literal["canonical", "blender", "unity", "unreal", "slicer"]
Normals = Literal["auto", "smooth", "flat"]


class ExportOptions(Settings, frozen=True):
    """How a shape becomes a file. What a format cannot hold is refused, never left out in silence."""

    pieces: Annotated[
        Pieces,
        Meta(
            title="Pieces",
            description="parts: one named object each; union: one closed surface; auto: parts in GLB, OBJ and USD, "
            "the union in 3MF (a printer wants one solid), PLY and STL (they hold one object)",
        ),
    ] = "auto"
    faces: Annotated[
        int,
        Meta(ge=0, le=50_000_000, title="Face budget", description="faces in all, met within 2 % or refused; 0 = all"),
    ] = 0
    smooth: Annotated[
        float,
        Meta(
            ge=0,
            le=0.2,
            title="Smooth joints",
            extra={"most": SMOOTHEST},
            description="width over which parts run into one another in the union (basis only), cube units: 0.005 rounds "
            "a joint off, from 0.01 on thin parts may fray; 0 = none",
        ),
    ] = 0.0
    hold: Annotated[
        bool,
        Meta(
            title="Hold together",
            description="parts that come apart where they are thin grow by up to 0.4 % of the cube, if that joins them "
            "(basis only)",
        ),
    ] = True
    smoothing: Annotated[
        int,
        Meta(ge=0, le=200, title="Smoothing", description="passes that even out steps without shrinking; 0 = none"),
    ] = 0
    points: Annotated[
        int,
        Meta(
            ge=0,
            le=50_000_000,
            title="Points",
            description="points spread evenly over the surface, with normals, instead of faces (PLY and XYZ); 0 = faces, "
            "in XYZ 2,048 points",
        ),
    ] = 0
    normals: Annotated[
        Normals,
        Meta(
            title="Normals",
            description="smooth: one for each vertex; flat: one for each face; auto: smooth in GLB and USD, flat in "
            "STL, none in the others, where programs make their own",
        ),
    ] = "auto"
    uvs: Annotated[
        bool,
        Meta(title="UVs", description="unwrap each part into an atlas of its own (slow: seconds for 10,000 faces)"),
    ] = False
    size_mm: Annotated[
        float,
        Meta(
            ge=0,
            le=1e7,
            title="Size",
            description="longest side of the whole, millimetres; 0 = 100 mm for slicers and 3MF, else one unit of "
            "canonical space is one metre",
        ),
    ] = 0.0
    axes: Annotated[
        Axes,
        Meta(
            title="Axes",
            description="program that the file is for; GLB, USD and 3MF declare their own, which programs turn",
        ),
    ] = "canonical"


S = TypeVar("S", bound=msgspec.Struct)


def override(settings: S, changes: Iterable[str]) -> S:
    """Settings with ``key=value`` changes applied; keys are dotted, values are JSON or bare words.

    Raises InputError naming the key, with the known keys or the bound that was broken.
    """
    data: dict[str, Any] = msgspec.to_builtins(settings)
    for change in changes:
        key, found, text = change.partition("=")
        if not found:
            raise InputError(f"--set {change}: write key=value, for example fit.steps=500")
        *groups, name = key.strip().split(".")
        target: Any = data
        for group in groups:
            target = target.get(group) if isinstance(target, dict) else None
        if not isinstance(target, dict) or name not in target:
            known = ", ".join(sorted(target)) if isinstance(target, dict) else ", ".join(sorted(data))
            raise InputError(f"--set {change}: there is no setting {key!r}; known here: {known}")
        try:
            target[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            target[name] = text
    try:
        return msgspec.convert(data, type(settings))
    except msgspec.ValidationError as error:
        raise InputError(f"settings: {error}") from error
