"""Settings of part operations. Torch-free."""

from typing import Annotated, Literal

from msgspec import Meta

from engine.settings import Settings


class HealSettings(Settings, frozen=True):
    """Masked diffusion of the free parts of a shape (Lugmayr et al. 2022, "RePaint")."""

    mode: Literal["free", "all"] = "free"  # diffuse the free parts, or re-noise the whole row as published (SDEdit)
    strength: Annotated[
        float, Meta(gt=0, le=1, description="noise that free parts start from, as a share of the steps; 1 = drawn anew")
    ] = 0.4
    steps: Annotated[
        int, Meta(ge=1, le=4000, description="denoising steps from full noise; fewer below strength 1")
    ] = 60
    resample: Annotated[
        int, Meta(ge=1, le=100, description="how often each stretch is denoised; more agrees better with held parts")
    ] = 4
    jump: Annotated[int, Meta(ge=1, description="steps of a stretch that is noised and denoised again")] = 5
    eta: Annotated[float, Meta(ge=0, le=1, description="fresh noise per step: 1 ancestral, 0 none")] = 1.0
    guidance: Annotated[
        float, Meta(ge=0, le=2, description="joint guidance, if given: share of the step that would close the joints")
    ] = 0.5
    batch: Annotated[int, Meta(ge=1)] = 64
