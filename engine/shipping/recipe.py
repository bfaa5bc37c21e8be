"""The recipes of the shipped models, all that decides what `python -m engine models` makes. Torch-free."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine import methods
from engine.errors import InputError
from engine.methods import MethodSettings
from engine.settings import Count, ProtocolSettings, Settings, override
from engine.storage import digest

COMMAND = "python -m engine models"
METHOD = "basis"
HEALING = 3  # counts up where mixing or healing gives other shapes than before
LICENCE = "CC0-1.0"  # of the models, as of the shapes that they learned from


class Recipe(Settings, frozen=True):
    """How the model of one category is made and measured.

    preset, changes : settings of the method, as --preset and --set give them
    items : procedural shapes that are made; 0 = enough for the numbers that follow
    training : shapes that it learns from, 0 = all of the training split; unseen : shapes that it is measured against;
    samples : its own that are measured
    ordered : whether it draws parts in the order that they have in training shapes, see engine.parts.order
    seed : of the procedural shapes; draw : of the samples
    """

    category: str
    preset: str = "tiny"
    changes: tuple[str, ...] = ()
    items: Annotated[int, Meta(ge=0)] = 0
    training: Annotated[int, Meta(ge=0)] = 2_048
    unseen: Annotated[int, Meta(ge=2)] = 500
    samples: Annotated[int, Meta(ge=2)] = 500
    seed: int = 0
    draw: int = 1
    protocol: ProtocolSettings = ProtocolSettings(grid=128, emd_points=0, part_novelty=False)
    ordered: bool = False
    grid: Annotated[int, Meta(ge=32, description="grid points per side of the unions that are told watertight")] = 128
    shown: Count = 24
    mixes: Count = 12

    @property
    def settings(self) -> MethodSettings:
        """Settings of fit and training."""
        return override(methods.preset(METHOD, self.preset), self.changes)

    @property
    def learned(self) -> list[Any]:
        """All of it that a trained model follows from. So many first shapes for training are the same of however many."""
        shapes = [self.training] if self.training else ["all", self.made]
        return [self.category, msgspec.to_builtins(self.settings), shapes, self.seed]

    @property
    def sampled(self) -> str:
        """Name of the run that makes its procedural shapes."""
        return f"samples-{self.made}"

    @property
    def drawn(self) -> str:
        """Name of a run of samples of a trained model: other numbers draw other ones."""
        return f"drawn-{_short(self.samples, self.draw, *['ordered'] * self.ordered)}"

    @property
    def evaluated(self) -> str:
        """Name of a run that measures them."""
        return f"evaluated-{_short(self.drawn, self.unseen, self.protocol)}"

    @property
    def mixed(self) -> str:
        """What the names of runs that mix and heal them have in common."""
        return _short(self.drawn, self.shown, self.seed, HEALING)

    @property
    def measured(self) -> str:
        """Short name of all of it that what is packed beside a trained model follows from."""
        return _short(self.evaluated, self.grid, self.mixed, self.mixes)

    @property
    def made(self) -> int:
        """Procedural shapes that hold so many for training and so many unseen ones, with some to spare."""
        return self.items or int(1.1 * max(self.training / 0.8, self.unseen / 0.2)) + 20


class CloudRecipe(Settings, frozen=True):
    """How the model of clouds, which is told what to draw in words, is made and measured: one of all categories.

    later : changes of ``settings`` for each further training, which goes on from the weights of the one before
    averaged : of how many last trainings the mean of the weights is shipped, see `pack.average`
    match : changes for the training, on the same fit, of what ranks its clouds by a prompt; () = none
    items : procedural shapes of each category; their training split is learned, ``unseen`` of the others are references
    drawing : settings of drawing that it is shipped with; they are found out after the training, which they do not change
    prompts : held-out prompts whose clouds are judged; asked_points : of these clouds
    points : of the clouds that are held against the references, of which ``fresh`` of each category against training ones
    shown : what pictures are drawn for
    seed : of the procedural shapes; draw : of the samples
    """

    name: str = "tiny3d"
    method: str = "tiny3d"
    preset: str = "tiny"
    changes: tuple[str, ...] = ()
    later: tuple[tuple[str, ...], ...] = ()
    averaged: Count = 1
    match: tuple[str, ...] = ()
    drawing: tuple[str, ...] = ()
    categories: tuple[str, ...] = ("airplane", "chair", "car", "table", "lamp", "mug")
    items: Annotated[int, Meta(ge=5)] = 500
    unseen: Annotated[int, Meta(ge=2)] = 80
    prompts: Count = 200
    asked_points: Annotated[int, Meta(ge=256)] = 512
    points: Annotated[int, Meta(ge=64, le=512)] = 512
    fresh: Annotated[int, Meta(ge=2)] = 24
    resamples: Annotated[int, Meta(ge=2)] = 200
    shown: tuple[str, ...] = ()
    seed: int = 0
    draw: int = 1

    def __post_init__(self) -> None:
        """Raise InputError where more trainings are averaged than there are."""
        if self.averaged > 1 + len(self.later):
            raise InputError(f"{self.name}: the mean of {self.averaged} trainings, and there are {1 + len(self.later)}")

    @property
    def settings(self) -> MethodSettings:
        """Settings of the fit and of the first training."""
        return override(methods.preset(self.method, self.preset), self.changes)

    @property
    def trainings(self) -> list[MethodSettings]:
        """Settings of the trainings that follow one another."""
        return [override(self.settings, changes) for changes in ((), *self.later)]

    @property
    def matching(self) -> MethodSettings:
        """Settings of the training of what ranks clouds."""
        return override(self.settings, self.match)

    @property
    def learned(self) -> list[Any]:
        """All of it that a trained model follows from."""
        told = [msgspec.to_builtins(settings) for settings in self.trainings]
        kept = [{name: value for name, value in one.items() if name != "sampler"} for one in told]
        return [self.name, kept, self.items, self.categories, self.seed]

    @property
    def measured(self) -> str:
        """Short name of all of it that what is packed beside a trained model follows from."""
        return _short(self)


def _short(*values: object) -> str:
    return digest(msgspec.json.encode(values))[:8]


# No dropout: with a thousand shapes and more, a wider and longer training gains more than it copies.
SHARED: tuple[str, ...] = (
    "fit.steps=24000",
    "samples.held_out=4096",
    "denoiser.width=96",
    "denoiser.layers=4",
    "denoiser.dropout=0",
)
SHARED += ("train.steps=8000", "train.batch=128", "train.ema=0.999", "train.condition_drop=0.5", "train.watch_every=0")
FEWER = (*SHARED, "fit.steps=20000", "train.steps=5000", "denoiser.dropout=0.05")

RECIPES: dict[str, Recipe] = {
    name: Recipe(category=name, changes=SHARED, items=2_700, training=0) for name in ("airplane", "chair")
} | {
    name: Recipe(category=name, changes=FEWER, items=1_000, training=0, unseen=120, samples=120)
    for name in ("car", "table", "lamp", "mug")
}
# 7 of 60 chairs had a part that ended above one that it belongs below.
RECIPES["chair"] = msgspec.structs.replace(RECIPES["chair"], ordered=True)
# Legs of ten kinds, and few tables of each: learned from 773 of them, 1-NNA was 0.63. Of 2,088 it learns enough, but draws
# legs that come out above the top by a little, so it draws in order.
RECIPES["table"] = msgspec.structs.replace(RECIPES["table"], changes=SHARED, items=2_700, ordered=True)

# What a person might ask for: all categories, and attributes that are judged and others.
SHOWN = (
    "a swept-wing aeroplane with two engines",
    "an airliner with four engines",
    "a biplane",
    "a T-tail aeroplane",
    "a chair with arms",
    "a chair without arms",
    "a stool",
    "an office chair",
    "a round table",
    "a table with four legs",
    "a pedestal table",
    "a coffee table",
    "a floor lamp",
    "a pendant lamp",
    "a table lamp with a cone shade",
    "a mug with two handles",
    "a cup without a handle",
    "a pickup",
    "a bus",
    "a sports car",
)

# A step sees many shapes and few points of each: captions then lower the loss by twice as much after as many steps.
WORDS: tuple[str, ...] = (
    "fit.points=256",
    "fit.pool=8",
    "denoiser.points=64",
    "train.batch=32",
    "train.steps=27000",
    "train.save_every=250",
)
# Where the reader had learned facts before, captions lowered the loss of equally short trainings by 42 % more. Here it
# learns them beside.
WORDS += ("text.facts=384", "text.shuffle=0.5", "denoiser.late=1.5")
# Then every error of v counts alike, and more points are seen at once: surfaces become thinner.
FINE = (
    "denoiser.min_snr=0",
    "denoiser.late=1",
    "denoiser.points=0",
    "train.batch=8",
    "train.steps=4000",
    "train.lr=4e-4",
)

# Then long with clouds of middling size, shortly with other draws, once more with larger clouds: by how much right captions
# lower the error against wrong ones still grows where the error itself falls no more. Another 20,000 steps bring nothing.
MORE = ("denoiser.min_snr=0", "denoiser.points=128", "train.batch=16", "train.steps=20000", "train.lr=8e-4")
SHORT = (*MORE, "train.steps=2500", "seed=2")
LAST = (
    *("denoiser.min_snr=0", "denoiser.points=0", "train.batch=8", "train.steps=2000", "train.lr=4e-4"),
    "seed=1",  # or it would draw what the second training has drawn
)

# Then small parts, which are decided in little noise. What prompts are held to is practised, engines the most. The mean of
# both trainings has no attribute that is obeyed too seldom, as either has. Their seeds draw what none before has drawn.
DETAILS = ("denoiser.min_snr=0", "denoiser.points=0", "train.batch=8", "train.steps=4000", "train.lr=6e-4")
AIRLINERS, TRANSPORTS, LIDS = ("airplane.airliner.engines",), ("airplane.transport.engines",), ("mug.travel mug.lid",)
REST = ("airplane.biplane", "chair.legs", "car.load", "lamp.floor lamp.base", "mug.handles")


def _practice(*names: str) -> str:
    return f"denoiser.practice={msgspec.json.encode(names).decode()}"


ENGINES = (
    *(*DETAILS, "denoiser.late=0.35", "seed=3"),
    _practice(*4 * AIRLINERS, *4 * TRANSPORTS, *REST, "mug.handles", *LIDS, "mug.outline"),
)
ENGINES_AND_LIDS = (
    *(*DETAILS, "denoiser.late=0.5", "seed=6"),
    _practice(*3 * AIRLINERS, *3 * TRANSPORTS, *REST, *2 * LIDS, "mug.outline"),
)

# What ranks candidates sees many points of many shapes at once: thin parts are told by few of them.
MATCHING = (
    "denoiser.role=match",
    "denoiser.width=96",
    "denoiser.points=256",
    "train.batch=64",
    "train.steps=2000",
    "train.lr=2e-3",
    "train.ema=0.99",
)

# What prompts say of a kind is guided twice as strongly as the kind: plain guidance brings out neither square mugs nor lamps
# on three legs, however strong, and more emphasis makes caricatures.
DRAWING = ("sampler=dpmpp-2m", "steps=20", "spacing=snr", "guidance_scale=2", "emphasis=2")

CLOUDS: dict[str, CloudRecipe] = {
    "tiny3d": CloudRecipe(
        items=1_600,
        changes=WORDS,
        later=(FINE, MORE, SHORT, LAST, ENGINES, ENGINES_AND_LIDS),
        averaged=2,
        match=MATCHING,
        drawing=DRAWING,
        shown=SHOWN,
    )
}
