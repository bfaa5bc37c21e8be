"""Real clouds made rough and crooked, as drawn ones are, without changing what they are of."""

import numpy as np

from engine.metrics.obedience_measures import Cloud

ROUGH = 0.012  # cube units, deviation of noise on each point
CROOKED = 0.015  # cube units, deviation along each axis of a smooth warp of about one wave per unit
WAVES = 8


def roughened(cloud: Cloud, generator: np.random.Generator, rough: float = ROUGH, crooked: float = CROOKED) -> Cloud:
    """(P, 3) -> (P, 3), cube units."""
    waves, ways = generator.normal(size=(2, WAVES, 3))
    phase = generator.uniform(0, 2 * np.pi, WAVES)
    warp = np.sqrt(2 / WAVES) * np.cos(2 * np.pi * cloud @ waves.T + phase) @ ways
    return cloud + crooked * warp + rough * generator.normal(size=cloud.shape)
