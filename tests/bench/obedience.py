"""`bench obedience`: how right the judges of obedience are on clouds of real procedural shapes, attribute by attribute.

For each rule of `engine.metrics.obedience` as many shapes of either kind, which the rules were not set on, as clouds of 512
points. ``ours`` is the mean share of right answers, ``baseline`` what a judge gets who always says the same: one half. What
is shown for each rule: right answers where yes is true, and where no is. A rule is fit to judge at 97 %.
"""

import time
from typing import Any

import numpy as np

from engine.datasets.procedural import make
from engine.geometry.occupancy import surface_points
from engine.metrics.obedience import RULES, mean, scores, table
from engine.metrics.obedience_measures import Cloud
from engine.metrics.obedience_prompts import seeds_of
from engine.protocol import Note, Progress, Stage

POINTS = 512
FIRST = 3 * 10**6  # seed


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object. ``quick``: 2 shapes of either kind for each rule instead of 100."""
    count = 2 if quick else 100
    asked = []
    begun = time.process_time()
    for i, rule in enumerate(RULES):
        for wanted in (True, False):
            for seed in seeds_of(rule, wanted, count, FIRST):
                yield Progress(stage="clouds", done=i, total=len(RULES))
                surface = make(rule.category, seed).geometry.surface
                cloud: Cloud = surface_points(surface, POINTS, np.random.default_rng(seed))
                asked.append((rule, wanted, cloud))
    made_s = time.process_time() - begun
    found = scores(asked)
    for line in table(found):
        yield Note(text=line)
    judged_ms = 1000 * (time.process_time() - begun - made_s) / len(asked)
    return {
        "name": "obedience",
        "baseline": 0.5,
        "ours": mean(found),
        "ratio": mean(found) / 0.5,
        "details": {
            "clouds": len(asked),
            "points": POINTS,
            "cpu_ms_per_cloud": judged_ms,
            "rules": {score.rule.name: [score.yes, score.yes_of, score.no, score.no_of] for score in found},
        },
    }
