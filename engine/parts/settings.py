"""Settings of part operations. Torch-free."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.settings import Settings

Mode = Literal["free", "all", "moves"]
Way = Literal["linear", "spherical"]
Ease = Literal["linear", "in", "out", "in-out"]


class HealSettings(Settings, frozen=True):
    """Masked diffusion of the free parts of a shape (Lugmayr et al. 2022, "RePaint"), and rigid moves.

    mode : diffuse the free parts and move parts; re-noise the whole row as published (SDEdit), held parts too; move only
    """

    mode: Mode = "free"
    tries: Annotated[
        int, Meta(ge=1, le=100, description="draws of the free parts, of which the best is kept if it is better")
    ] = 4
    strength: Annotated[
        float, Meta(gt=0, le=1, description="noise that free parts start from, as a share of the steps; 1 = drawn anew")
    ] = 0.4
    loose: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of the noise steps, from the top, at which the held parts are not shown to the denoiser: "
            "0 agrees best with them, more gives more variety",
        ),
    ] = 0.0
    steps: Annotated[
        int, Meta(ge=1, le=4000, description="denoising steps from full noise; fewer below strength 1")
    ] = 30
    resample: Annotated[
        int, Meta(ge=1, le=100, description="how often each stretch is denoised; more agrees better with held parts")
    ] = 2
    jump: Annotated[int, Meta(ge=1, description="steps of a stretch that is noised and denoised again")] = 5
    eta: Annotated[float, Meta(ge=0, le=1, description="fresh noise per step: 1 ancestral, 0 none")] = 1.0
    guidance: Annotated[
        float, Meta(ge=0, le=2, description="joint guidance, if given: share of the step that would close the joints")
    ] = 0.5
    points: Annotated[
        int, Meta(ge=16, le=100_000, description="where joint guidance looks: on the surfaces of training shapes")
    ] = 2_000
    batch: Annotated[int, Meta(ge=1)] = 64


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How alpha runs while a sequence runs: 0 is the first shape, 1 the last.

    knots : (time, alpha) pairs, time rising from 0 to 1, alpha in 0..1; straight between them. The default goes straight.
    way : "linear", or "spherical": along the arc, so that rows between keep the length that a denoiser expects
    """

    knots: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))
    way: Way = "linear"


class Blend(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part between donors: ``alpha`` 0 is the first shape's, 1 the last's, i / (M - 1) that of shape i, bit for bit."""

    shapes: Annotated[tuple[str, ...], Meta(min_length=2)]
    alpha: Annotated[float, Meta(ge=0, le=1)]
    way: Way = "linear"

    @property
    def place(self) -> float:
        """Where it stands among the shapes, 0..M - 1."""
        return self.alpha * (len(self.shapes) - 1)


EASED = 32  # straight pieces of an eased curve


def eased(ease: Ease, way: Way = "linear") -> Curve:
    """A curve that starts slowly ("in"), ends slowly ("out"), or both (smoothstep, 3 t^2 - 2 t^3); quadratic otherwise."""
    shape = {"in": lambda t: t * t, "out": lambda t: t * (2 - t), "in-out": lambda t: t * t * (3 - 2 * t)}
    if ease == "linear":
        return Curve(way=way)
    times = [i / EASED for i in range(EASED + 1)]
    return Curve(tuple((t, shape[ease](t)) for t in times), way)
