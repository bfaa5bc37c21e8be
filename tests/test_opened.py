"""Shapes and models opened from any run, and derived shapes kept: what comes back is what was kept, bit for bit."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch

from engine import Project, methods
from engine.card import DERIVED, Card, Copy, Operation
from engine.cards import card_of
from engine.checkpoint import save_model
from engine.device import choose
from engine.errors import DamagedFileError, InputError
from engine.fields.representation import WeightRepresentation
from engine.jobs import GenerateJob, MixJob
from engine.latents import Latents
from engine.method import Representation, Shapes, Workspace
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.opened import Opened, draw_derived, keep_derived, open_model, open_shape, open_shapes, picture_path
from engine.parts.pose import moved, unmoved
from engine.settings import DenoiserSettings
from engine.shapes import ModelAbout, hash_of_file
from tests.hearing import finished
from tests.parts.projects import AIRPLANES, SETTINGS, keep_fit, keep_items, keep_samples
from tests.parts.toys import LAYOUT, NAMES, drive

TINY = msgspec.structs.replace(SETTINGS, denoiser=DenoiserSettings(width=16, layers=1, heads=2, timesteps=40))
COPY = Copy("tail.2", "tail", ((1, 0, 0, 0.1), (0, 1, 0, 1 / 3), (0, 0, 1, -0.25)))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A fit and fresh samples of three aeroplanes each."""
    with Project.create(tmp_path / "project") as made:
        keep_fit(made, "fit")
        keep_samples(made, "drawn")
        yield made


def work(project: Project) -> Workspace:
    return Workspace(project.folder, choose("cpu"))


def same(a: Shapes, b: Shapes) -> bool:
    """Whether two single shapes are one: numbers, presence, places and meaning."""
    both = ((a.latent, b.latent), (a.present, b.present), (a.pose, b.pose))
    equal = all((x is None) == (y is None) and (x is None or torch.equal(x, y)) for x, y in both if y is not None)
    return equal and (a.copies or ((),)) == (b.copies or ((),)) and a.model_id == b.model_id


def derive(project: Project, run: str, like: Opened, shapes: Shapes, kind: Operation = "mixed") -> list[str]:
    """Keep shapes as derived ones of a run."""
    job = project.submit(MixJob(run=run, base=like.row.id))
    cards = [Card(parents=dict.fromkeys(NAMES, like.row.id), seed=number) for number in range(len(shapes.latent))]
    return keep_derived(project, job, like, shapes, cards, kind)


def test_shapes_come_in_the_order_of_their_names_from_any_run(project: Project) -> None:
    names = ["drawn/0002", "fit/fit-a", "drawn/0000", "fit/fit-a", "fit/fit-b"]
    found = drive(open_shapes(names, project, work(project)))
    assert [one.row.id for one in found] == names
    assert found[0].representation is found[2].representation
    for name, one in zip(names, found, strict=True):
        row = project.catalogue.shape(name)
        stored = Latents(project.run_folder(row.run) / "latents.safetensors").shapes([row.row])
        assert torch.equal(one.shape.latent, stored.latent) and one.layout == LAYOUT
        assert same(one.shape, drive(open_shape(name, project, work(project))).shape)


def test_places_of_several_rows_are_kept_bit_for_bit(project: Project) -> None:
    like = drive(open_shape("fit/fit-a", project, work(project)))
    rows = drive(open_shapes([f"fit/fit-{name}" for name in "abc"], project, work(project)))
    pose = unmoved(3, 3)
    pose[1, 2] = moved(pose[1, 2], (0.1, 1 / 3, -1e-8))
    shapes = Shapes(
        torch.cat([one.shape.latent for one in rows]),
        torch.tensor([[name in solids for name in NAMES] for solids in AIRPLANES.values()]),
        pose,
        model_id=like.shape.model_id,
        copies=((), (COPY, msgspec.structs.replace(COPY, name="tail.3")), ()),
    )
    names = derive(project, "three", like, shapes)
    assert names == ["three/0000", "three/0001", "three/0002"]
    for number, one in enumerate(drive(open_shapes(names, project, work(project)))):
        assert same(one.shape, shapes.row(number))
        assert one.card.seed == number and one.card.copies == shapes.copies[number]
        assert set(one.decoded().parts) == {*AIRPLANES["abc"[number]], *(copy.name for copy in shapes.copies[number])}
    whole = Latents(project.run_folder("three") / "latents.safetensors").shapes([2, 0])
    assert whole.pose is not None and torch.equal(whole.pose, pose[[2, 0]]) and whole.copies == ((), ())


@pytest.mark.parametrize("kind", DERIVED)
def test_every_kind_of_derived_shape_is_listed_with_its_parents(project: Project, kind: Operation) -> None:
    like = drive(open_shape("drawn/0001", project, work(project)))
    (name,) = derive(project, "new", like, like.shape, kind)
    row = project.catalogue.shape(name)
    assert (row.kind, row.parents, row.present) == (kind, ("drawn/0001",), NAMES)
    card = card_of(row, project)
    assert card.operation == kind and card.shape == name and card.job["type"] == "mix"
    assert {source.licence for source in card.sources} == {"licence of drawn-one", "licence of drawn-two"}
    (project.run_folder("new") / "cards" / "0000.json").unlink()
    with pytest.raises(DamagedFileError, match=r"card of new/0000 .* make the shape again"):
        card_of(row, project)


def test_shapes_without_parts_are_kept_too(tmp_path: Path) -> None:
    settings = HyperdiffusionSettings(field=SETTINGS.field)
    representation = WeightRepresentation(settings, {})
    representation.anchor = torch.zeros(representation.layout.size)
    with Project.create(tmp_path / "project") as project:
        keep_fit(project, "fit")
        like = drive(open_shape("fit/fit-a", project, work(project)))
        about = msgspec.structs.replace(like.about, settings=settings, vocabulary=())
        like = Opened(like.row, representation, about, representation.layout, like.shape, like.card, like.device)
        rows = torch.randn(2, representation.layout.size, generator=torch.Generator().manual_seed(0))
        job = project.submit(MixJob(run="whole", base="fit/fit-a"))
        cards = [Card(parents={"": "fit/fit-a"}), Card(parents={"": "fit/fit-a"})]
        names = keep_derived(project, job, like, Shapes(rows), cards, "interpolated")
        found = drive(open_shapes(names, project, work(project)))
        assert torch.equal(torch.cat([one.shape.latent for one in found]), rows)
        assert [one.shape.present for one in found] == [None, None] and found[1].decoded().parts == ()
        assert set(found[0].card.hashes) == {""} and found[0].card.hashes != found[1].card.hashes


def test_pictures_are_drawn_once_and_those_named_only(project: Project) -> None:
    like = drive(open_shape("fit/fit-a", project, work(project)))
    job = project.submit(MixJob(run="drawn-some", base="fit/fit-a"))
    shapes = Shapes(like.shape.latent.expand(3, -1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.opened.PICTURE_GRID", 33)
        patch.setattr("engine.opened.PICTURE_SIZE", 64)
        list(draw_derived(project, job, like, shapes, [2]))
        assert [picture_path(project, job, number).exists() for number in range(3)] == [False, False, True]
        assert not list(draw_derived(project, job, like, shapes, [2]))


def keep_model(project: Project, path: Path) -> None:
    """A denoiser that has seen three aeroplanes and learned nothing."""
    method = methods.load(TINY)
    like = drive(open_shape("fit/fit-a", project, work(project)))
    trainee = method.trainee(TINY, LAYOUT, {})
    method.prepare(trainee, Latents(project.run_folder("fit") / "latents.safetensors"))
    items = keep_items(project, "learned", ("x",))
    about = ModelAbout(
        settings=TINY, vocabulary=NAMES, layout=LAYOUT, categories=("airplane",), conditions={}, items=items
    )
    modules = {"representation": like.representation, "trainee": trainee}
    save_model(path, modules, msgspec.to_builtins(about))


def test_a_model_opens_and_its_samples_remember_it(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    keep_model(project, path)
    model = drive(open_model(str(path), project, work(project)))
    assert model.hash == hash_of_file(path) and len(model.hash) == 16 and model.about.layout == LAYOUT
    assert not model.trainee.training and not any(p.requires_grad for p in model.trainee.parameters())
    like = drive(open_shape("fit/fit-a", project, work(project)))
    assert model.representation.meaning() == like.representation.meaning()
    assert torch.equal(model.representation.absent(), like.representation.absent())
    result = finished(GenerateJob(run="new", model=str(path), count=2, seed=3, whole=False), project)
    path.unlink()  # a card says what was, not what is there today
    card = drive(open_shape(result["shapes"][1], project, work(project))).card
    assert (card.model, card.model_hash, card.seed) == (str(path), model.hash, 3)
    assert [source.licence for source in card.sources] == ["licence of learned-x"]


def test_what_is_not_there_is_told(project: Project) -> None:
    with pytest.raises(InputError, match="no shape 'fit/none'"):
        drive(open_shape("fit/none", project, work(project)))
    with pytest.raises(InputError, match="'fit-a' is an item, not a shape"):
        drive(open_shape("fit-a", project, work(project)))
    with pytest.raises(InputError, match="has no model"):
        drive(open_model("fit", project, work(project)))
    (project.run_folder("fit") / "representation.safetensors").unlink()
    with pytest.raises(InputError, match="no finished fit"):
        drive(open_shape("fit/fit-a", project, work(project)))


def test_meaning_follows_what_was_learned() -> None:
    class Shared(Representation):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.expert = torch.nn.Parameter(torch.full((3,), float(seed)))

    assert Shared(1).meaning() == Shared(1).meaning() != Shared(2).meaning()
