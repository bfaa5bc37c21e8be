"""Where the order of parts comes from, and what is said of a shape that was put into it."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import torch

from engine import Project, run
from engine.card import ShiftMove
from engine.cards import card_of
from engine.errors import DamagedFileError
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry, join
from engine.jobs import GenerateJob
from engine.ordering import FILE, heights_of, order_of_fit, order_to_draw_in
from engine.parts.order import LEAST, Rule
from engine.protocol import Finished, Stage
from engine.stages import ended
from engine.storage import read_tensors
from engine.whole import Found
from tests.parts.test_joints import box
from tests.parts.test_order import car, ends

RULES = (Rule("wing", "body", 1, 0.1),)
JOB = GenerateJob(model="shipped:airplane", count=2, seed=5, picture=False)
BY = 0.01


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    torch.set_num_threads(1)
    with Project.create(tmp_path_factory.mktemp("ordering") / "p") as made:
        yield made


def test_the_order_of_a_fit_is_that_of_its_items_and_is_told_once(project: Project) -> None:
    items = [f"car-{seed}" for seed in range(LEAST + 3)]
    for seed, item in enumerate(items[:-1]):  # the geometry of the last is gone
        path = project.geometry_path(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = car(seed)
        save_geometry(path, Geometry(join(list(parts.values())), parts, np.eye(4), True, ()))
    project.run_folder("fit").mkdir(parents=True)
    rules = ended(order_of_fit("fit", items, project))
    assert {("body", "roof", 1), ("wheel", "roof", 1)} <= {(rule.lower, rule.upper, rule.end) for rule in rules}
    assert ended(order_of_fit("fit", [], project)) == rules
    path = project.run_folder("fit.2") / FILE  # a name as a person may give it, and no file
    path.parent.mkdir()
    (project.run_folder("fit") / FILE).rename(path)
    assert order_to_draw_in("fit.2", project) == rules and order_to_draw_in("other", project) == ()
    path.write_text("[1]")
    with pytest.raises(DamagedFileError, match="delete it"):
        order_to_draw_in("fit.2", project)


def test_heights_are_those_without_crumbs() -> None:
    parts = car(0)
    high = box((0, 0.45, 0), (0.01, 0.01, 0.01))
    assert heights_of({**parts, "roof": join([parts["roof"], high])}) == heights_of(parts) == ends(parts)


def test_the_card_of_a_shape_says_what_was_shifted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its numbers say so too: those of the part's frame, and nothing else."""
    places: Iterator[Found] = iter([0.1, (0.1, "wing", BY)])

    def look(*_: object) -> Stage[tuple[Found, dict[str, object]]]:
        yield from ()
        return next(places), {}

    monkeypatch.setattr("engine.whole._look", look)
    monkeypatch.setattr("engine.whole.side_by_side", lambda device: 1)
    monkeypatch.setattr("engine.generating.order_to_draw_in", lambda model, project: RULES)
    list(run(msgspec.structs.replace(JOB, run="as-drawn", whole=False), project))
    *_, last = run(msgspec.structs.replace(JOB, run="in-order", whole=True), project)
    assert isinstance(last, Finished) and last.result["moved"] == [{"shape": "in-order/0001", "part": "wing", "by": BY}]
    drawn, now = (
        read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"] for name in ("as-drawn", "in-order")
    )
    off = now - drawn
    assert np.count_nonzero(off) == 1 and off[1].max() == pytest.approx(BY, abs=1e-6)
    same, moved = (card_of(project.catalogue.shape(f"in-order/{number:04d}"), project) for number in (0, 1))
    assert same.moves == () and moved.moves == (ShiftMove(part="wing", by=(0.0, BY, 0.0)),)
    plain = card_of(project.catalogue.shape("as-drawn/0001"), project)
    assert moved.model_hash == plain.model_hash and moved.sources == plain.sources and moved.seed == plain.seed
    assert {name for name in plain.hashes if plain.hashes[name] != moved.hashes[name]} == {"wing"}
