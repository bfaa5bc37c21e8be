"""Pictures of shapes while they form, and what is kept of a generation that is stopped, with a model that comes along."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from engine import Project, run
from engine.errors import DamagedFileError, InputError
from engine.finished import KEPT
from engine.forming import FINE, KIND, SEEN, SHARE, STAYS, Forming
from engine.jobs import GenerateJob
from engine.known import read_known
from engine.live_requests import Mixture, known_name
from engine.live_shapes import LiveShapes
from engine.mailbox import Preview
from engine.method import Representation, Workspace
from engine.metrics.latents import standardised
from engine.nearest import nearest_training
from engine.opened import open_shape
from engine.protocol import Finished, Progress
from engine.shapes import version_of
from engine.stages import ended
from engine.storage import read_tensors

COUNT = 4
JOB = GenerateJob(model="shipped:airplane", count=COUNT, seed=2, picture=False, whole=True, previews=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    torch.set_num_threads(1)
    with Project.create(tmp_path_factory.mktemp("forming") / "p") as made:
        yield made


@pytest.fixture(scope="module")
def watched(project: Project) -> list[Any]:
    """Events and previews of a whole generation, in run "watched"; arrays as they were when they came."""
    found = []
    for event in run(msgspec.structs.replace(JOB, run="watched"), project):
        if isinstance(event, Preview):
            event = Preview(event.kind, {name: array.copy() for name, array in event.arrays.items()})
        found.append(event)
    return found


def latents(project: Project, name: str) -> np.ndarray:
    return read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"]


def test_pictures_sharpen_and_in_the_end_all_shapes_stay(watched: list[Any]) -> None:
    previews = [event for event in watched if isinstance(event, Preview)]
    assert {one.kind for one in previews} == {KIND}
    pictures, states = (np.stack([one.arrays[name] for one in previews]) for name in ("pictures", "state"))
    assert (np.diff(states.astype(int), axis=0) >= 0).all() and (states[-1] == STAYS).all()
    drawn = (states[:, :, None] >= SEEN).all((1, 2)).argmax()
    off = [np.abs(one.astype(int) - pictures[-1]).mean() for one in pictures]
    assert off[drawn] > 2 * min(off[drawn:-1]) + 0.5, "what they seem to become changes while they are drawn"
    first = next(i for i, event in enumerate(watched) if isinstance(event, Preview))
    done = [event for event in watched[:first] if isinstance(event, Progress) and event.stage == "sample"]
    assert done and done[-1].done < done[-1].total, "there is something to see before the drawing is over"


def test_whether_one_watches_changes_nothing(project: Project, watched: list[Any]) -> None:
    unseen = list(run(msgspec.structs.replace(JOB, run="unseen", previews=False), project))
    assert not any(isinstance(event, Preview) for event in unseen)
    np.testing.assert_array_equal(latents(project, "unseen"), latents(project, "watched"))


def test_what_is_finished_is_kept_when_it_is_stopped_and_the_rest_can_follow(
    project: Project, watched: list[Any]
) -> None:
    job = msgspec.structs.replace(JOB, run="stopped")
    stage: Any = run(job, project)
    finished: list[int] = []
    while len(finished) < 2:
        event = next(stage)
        if isinstance(event, Preview):
            finished = np.flatnonzero(event.arrays["state"] == STAYS).tolist()
    stage.close()
    names = [f"stopped/{number:04d}" for number in finished]
    assert [shape.id for shape in project.catalogue.shapes("stopped")] == names
    assert [shape.row for shape in project.catalogue.shapes("stopped")] == list(range(len(names)))
    np.testing.assert_array_equal(latents(project, "stopped"), latents(project, "watched")[finished])
    kept = msgspec.json.decode((project.run_folder("stopped") / KEPT).read_bytes())
    assert [one["shape"] for one in kept["joints"]] == names
    assert kept["shapes"] == names and [one["shape"] for one in kept["nearest"]] == names
    assert project.catalogue.run("stopped").state == "cancelled"
    again: Any = run(job, project)
    while not (isinstance(event := next(again), Preview) and (event.arrays["state"] == STAYS).any()):
        assert len(latents(project, "stopped")) == len(names)
    assert len(latents(project, "stopped")) == len(names), "nothing is lost while it comes as far again"
    again.close()
    assert [shape.id for shape in project.catalogue.shapes("stopped")] == names
    assert len(latents(project, "stopped")) == len(names)
    *_, last = run(job, project)
    assert isinstance(last, Finished)
    np.testing.assert_array_equal(latents(project, "stopped"), latents(project, "watched"))
    assert len(project.catalogue.shapes("stopped")) == COUNT


def test_a_shape_is_one_of_the_project_as_soon_as_it_stays(project: Project, watched: list[Any]) -> None:
    """It can be opened while the others are still worked on, and is what it is in the end."""
    stage: Any = run(msgspec.structs.replace(JOB, run="early-seen"), project)
    while not (isinstance(event := next(stage), Preview) and (event.arrays["state"] == STAYS).any()):
        pass
    first, *others = project.catalogue.shapes("early-seen")
    assert len(others) < COUNT - 1
    number = int(first.id.rpartition("/")[2])
    opened = ended(open_shape(first.id, project, Workspace(project.folder, torch.device("cpu"))))
    np.testing.assert_array_equal(opened.shape.latent[0].numpy(), latents(project, "watched")[number])
    stage.close()


def test_a_stop_stays_one_where_the_novelty_cannot_be_told(
    project: Project, watched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the model knows is damaged: the run was stopped all the same, and its shapes are kept."""

    def damaged(*_: object) -> None:
        raise DamagedFileError("known is damaged")

    monkeypatch.setattr("engine.nearest.read_known", damaged)
    stage: Any = run(msgspec.structs.replace(JOB, run="unlucky"), project)
    while not (isinstance(event := next(stage), Preview) and (event.arrays["state"] == STAYS).any()):
        pass
    stage.close()
    kept = msgspec.json.decode((project.run_folder("unlucky") / KEPT).read_bytes())
    assert kept["shapes"] == [shape.id for shape in project.catalogue.shapes("unlucky")] and kept["shapes"]
    assert kept["nearest"] == [] and project.catalogue.run("unlucky").state == "cancelled"


def test_one_stopped_before_anything_is_finished_keeps_nothing(project: Project) -> None:
    stage: Any = run(msgspec.structs.replace(JOB, run="early"), project)
    while not (isinstance(event := next(stage), Progress) and event.stage == "sample"):
        pass
    stage.close()
    assert not project.catalogue.shapes("early") and not (project.run_folder("early") / KEPT).exists()


class Slow(Representation):
    """Fields that take a second of made up time at each look, twenty times as long for fine ones."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.grids = 0.0, list[int]()

    def decode(self, shapes: Any) -> Any:
        def field(points: torch.Tensor) -> torch.Tensor:
            side = round(len(points) ** (1 / 3))
            self.grids.append(side)
            self.now += 20.0 if side == FINE else 1.0
            return 0.3 - points.norm(dim=1)

        return [field_like(field) for _ in shapes.latent]


def field_like(field: Any) -> Any:
    field.parts = ()
    return field


@pytest.mark.parametrize(("step_s", "rough"), [(0.1, 1), (200.0, 5)])
def test_looks_cost_a_small_share_of_the_time(step_s: float, rough: int) -> None:
    """But for the first, whose price nobody knows yet, and the last, which is always wanted."""
    slow = Slow()
    forming = Forming(slow, 1, torch.device("cpu"), 0.0, clock=lambda: slow.now)
    for step in range(1, 31):
        slow.now += step_s
        list(forming.look(range(1), step / 30, torch.zeros(1, 3)))
    assert slow.grids.count(FINE) == 1 and slow.grids[-1] == FINE
    assert len(slow.grids) - 1 == rough
    if rough > 1:
        assert forming.spent < SHARE * slow.now


def test_the_nearest_training_shape_can_be_looked_at(project: Project, watched: list[Any]) -> None:
    """Its latent came with the model; no other training shape's is as near."""
    shapes = LiveShapes(project, Workspace(project.folder, torch.device("cpu")))
    (last,) = (event for event in watched if isinstance(event, Finished))
    (own,) = ended(shapes.open(["watched/0000"])).values()
    near = last.result["nearest"][0]["nearest"]
    name = known_name("watched", near)
    mixed = ended(shapes.mixed(Mixture(base=name)))
    assert mixed.like.row.id == name and mixed.shape.model_id == own.shape.model_id
    known = read_known(version_of("watched", project), project)
    training, asked = standardised(known.shapes.latent.numpy(), [own.shape.latent.numpy()])
    assert known.about.items[int(np.linalg.norm(training - asked, axis=1).argmin())] == near
    assert torch.equal(mixed.shape.latent[0], known.shapes.latent[known.about.items.index(near)])
    field = mixed.like.decoded()
    assert set(field.parts) == set(mixed.like.row.present)
    assert bool((field(torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5) > 0).any())
    with pytest.raises(InputError, match="no training shape nobody"):
        ended(shapes.mixed(Mixture(base=known_name("watched", "nobody"))))


def test_of_an_imported_model_nothing_is_told(project: Project) -> None:
    from types import SimpleNamespace

    model: Any = SimpleNamespace(name="/elsewhere/model.safetensors", about=None)
    assert ended(nearest_training(model, [], None, project)) == []  # type: ignore[arg-type]
