"""``semantic`` (SemanticHyperDiffusion): ``hyperdiffusion`` with one expert network per named part, union by maximum."""

from engine.datasets.parts import colour
from engine.errors import InputError
from engine.fields.representation import WeightRepresentation
from engine.methods.hyperdiffusion.method import WeightDiffusion
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings


class Semantic(WeightDiffusion):
    """Weight diffusion over part experts."""

    def representation(
        self, settings: HyperdiffusionSettings | SemanticSettings, vocabulary: tuple[str, ...]
    ) -> WeightRepresentation:
        """One expert per name of the vocabulary. Raises InputError when there is none."""
        if not vocabulary:
            raise InputError(
                "method semantic needs items with named parts; these have none (hyperdiffusion needs none)"
            )
        return WeightRepresentation(settings, {name: colour(name) for name in vocabulary})


METHOD = Semantic()
