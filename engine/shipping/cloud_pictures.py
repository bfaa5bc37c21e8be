"""Sheets of clouds: what a model draws for prompts, and beside clouds the nearest ones that it learned from."""

from collections.abc import Sequence
from pathlib import Path

from engine.clouds.cloud import PointCloud
from engine.clouds.dots import dots
from engine.metrics.obeying import Clouds
from engine.pictures.sheet import sheet
from engine.shipping.cloud_scores import Shown
from engine.shipping.pictures import webp
from engine.storage import write_atomic

SIZE = 220  # pixels of a picture
COLUMNS, PAIRS = 5, 3  # of the sheets


def draw_prompts(prompts: Sequence[str], clouds: Clouds, path: Path) -> None:
    """Clouds (N, P, 3), each above its prompt."""
    write_atomic(path, webp(sheet([dots(PointCloud(cloud), SIZE) for cloud in clouds], COLUMNS, prompts)))


def draw_nearest(shown: Sequence[Shown], path: Path) -> None:
    """Pairs of a drawn cloud above its prompt, and of the nearest training cloud."""
    images = [dots(PointCloud(cloud), SIZE) for one in shown for cloud in (one.cloud, one.nearest)]
    words = [text for one in shown for text in (one.prompt, "the nearest it learned from")]
    write_atomic(path, webp(sheet(images, 2 * PAIRS, words)))
