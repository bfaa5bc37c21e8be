"""Clouds as a model draws them, whose points lie beside the surface, become shapes in whole parts."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine import cloud_drawn, cloud_moves, methods, shipped
from engine.basis.representation import BasisRepresentation
from engine.checkpoint import load_model
from engine.cloud_codes import CloudCodes
from engine.cloud_distance import Agreement, Target, agreement
from engine.cloud_drawn import codes_of_drawn_cloud
from engine.cloud_moves import touching
from engine.cloud_pull import like, looked_at, pulled
from engine.cloud_surface import pieces_of, surfaces_of
from engine.datasets.procedural import make
from engine.errors import InputError
from engine.geometry.crumbs import shells
from engine.geometry.mesh import volume
from engine.geometry.occupancy import occupied, surface_points
from engine.known import read_known_file
from engine.method import Shapes
from engine.metrics.decoding import decoded_solids
from engine.metrics.reconstruction import iou
from engine.parts.joints import Score
from engine.parts.mend import Mended
from engine.parts.order import Rule
from engine.protocol import Stage
from engine.shapes import read_model_about
from engine.stages import ended

UNSEEN = 700_004  # seed of a chair that the model has not learned from
NOISE = 0.012  # cube units, as far as points of a drawn chair lie beside it
BACK, SEAT, LEG, ARM = range(4)

Known = tuple[BasisRepresentation, Shapes]


@pytest.fixture(scope="module")
def chairs() -> Known:
    """The representation of the shipped model of chairs, and the latents of its training shapes."""
    path = shipped.shipped_file("shipped:chair")
    about = read_model_about(path)
    representation = methods.load(about.settings).representation(about.settings, about.vocabulary)
    load_model(path, {"representation": representation})
    assert isinstance(representation, BasisRepresentation)
    shapes = read_known_file(shipped.shipped_file("shipped:chair", shipped.KNOWN)).shapes
    return representation.requires_grad_(False), shapes


def seen(chairs: Known, number: int, without: int | None = None) -> NDArray[np.float64]:
    """Points of the surface of a training shape, maybe without a part."""
    representation, known = chairs
    row = known.latent[number]
    latent, present = known.latent.float(), representation.present(known.latent)
    surface = looked_at(
        representation,
        Target(np.eye(3).repeat(9, 0), representation.mirrored),
        like(row, latent, present, representation.mirrored),
        row,
    ).surface
    parts = [k for k in present[number].nonzero()[:, 0].tolist() if k != without]
    half = torch.cat([surface.places[k][surface.on[k]] for k in parts]).double().numpy()
    return np.concatenate([half, half * [-1, 1, 1]])


def first(chairs: Known, *parts: int) -> int:
    """The first training shape of just these parts."""
    present = chairs[0].present(chairs[1].latent)
    wanted = torch.zeros(4, dtype=torch.bool)
    wanted[list(parts)] = True
    return int((present == wanted).all(1).nonzero()[0, 0])


def test_a_rough_cloud_becomes_a_chair_in_whole_parts(chairs: Known) -> None:
    """An unseen chair in points that lie beside it: the same parts, most of its inside, and no crumbs."""
    representation, known = chairs
    chair, generator = make("chair", UNSEEN).geometry, np.random.default_rng(4)
    cloud = surface_points(chair.surface, 768, generator) + generator.normal(size=(768, 3)) * NOISE
    found = ended(codes_of_drawn_cloud(cloud, representation, known))
    (field,) = representation.decode(found.shapes)
    even = np.random.default_rng(1).uniform(-0.5, 0.5, (8192, 3)).astype(np.float32)
    assert set(field.parts) == set(chair.parts)
    assert iou((field(torch.from_numpy(even)) > 0).numpy(), occupied(chair, even)) > 0.7
    for name, solid in ended(decoded_solids(field, 64)).items():
        pieces = [volume(piece) for piece in shells(solid)]
        assert min(pieces) > 0.05 * sum(pieces), name
    assert found.near is not None and found.near > 0.9 and len(found.lenders) == 4 and found.start in found.lenders
    assert found.shapes.present is not None and bool(
        (representation.present(found.shapes.latent) == found.shapes.present).all()
    )


def test_a_part_that_stands_elsewhere_is_pulled_back(chairs: Known) -> None:
    """A training shape whose back is lowered finds the cloud of its own surface; its codes were not asked to move."""
    representation, known = chairs
    number = first(chairs, BACK, SEAT, LEG)
    latent, present = known.latent.float(), representation.present(known.latent)
    target = Target(seen(chairs, number), representation.mirrored)
    row = latent[number].clone()
    away = row.view(4, -1)
    away[BACK, 4] -= 0.04
    model = like(latent[number], latent, present, representation.mirrored)
    found = ended(pulled(representation, target, model, row, 6, rough=False, whole=False)).row.view(4, -1)
    assert abs(float(found[BACK, 4] - latent[number].view(4, -1)[BACK, 4])) < 0.01
    assert torch.equal(found[:, 9:], away[:, 9:])


def test_what_the_cloud_does_not_show_is_left_out(chairs: Known) -> None:
    """Arms go where no points are; the other parts stay as they are."""
    representation, known = chairs
    number = first(chairs, BACK, SEAT, LEG, ARM)
    latent, present = known.latent.float(), representation.present(known.latent)
    model = like(latent[number], latent, present, representation.mirrored)
    for without, there in ((ARM, False), (None, True)):
        target = Target(seen(chairs, number, without), representation.mirrored)
        end = looked_at(representation, target, model, latent[number])
        _, _, row = cloud_drawn._exchanged(representation, [(model, end)], 0, latent, present)
        assert bool(representation.present(row[None])[0, ARM]) == there
        assert torch.equal(row.view(4, -1)[:ARM], latent[number].view(4, -1)[:ARM])


def test_parts_that_came_to_pieces_are_put_together_again(chairs: Known) -> None:
    representation, known = chairs
    number = first(chairs, BACK, SEAT, LEG)
    latent, present = known.latent.float(), representation.present(known.latent)
    model = like(latent[number], latent, present, representation.mirrored)
    most = pieces_of(representation, BACK, latent[number].view(4, -1)[BACK, 9:])
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        row = latent[number].clone()
        row.view(4, -1)[BACK, 9:] += torch.randn(24, generator=generator)
        if pieces_of(representation, BACK, row.view(4, -1)[BACK, 9:]) > most:
            break
    else:
        pytest.fail("no such code was found")
    target = Target(seen(chairs, number), representation.mirrored)
    end = looked_at(representation, target, model, row)
    whole = ended(cloud_drawn._in_pieces_of(representation, target, model, end)).row.view(4, -1)
    assert pieces_of(representation, BACK, whole[BACK, 9:]) <= most
    assert torch.equal(whole[LEG, 9:], latent[number].view(4, -1)[LEG, 9:])


@pytest.mark.parametrize("far", [0.02, 0.2])
def test_no_part_goes_far_from_where_the_cloud_shows_it(
    chairs: Known, far: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short move that mends a joint is made, a long one is not, though it would mend it too."""
    representation, known = chairs
    score, no_score = Score(1.0, {}), Score(0.0, {})
    row = known.row(first(chairs, BACK, SEAT, LEG))

    order = (Rule("seat", "back", 1, 0.0),)

    def mended(shape: Shapes, *_: object, rules: Sequence[Rule]) -> Stage[Mended]:
        assert rules == order
        yield from ()
        return Mended(shape, score, no_score, None, None, {"back": (0.0, far, 0.0)}, None)

    monkeypatch.setattr(cloud_moves, "mend", mended)
    touched = ended(touching(CloudCodes(row, 0, 0.5), representation, {}, order, torch.device("cpu")))
    up = (touched.shapes.latent - row.latent).view(4, -1)[BACK, 4]
    assert float(up) == pytest.approx(far if far < 0.1 else 0.0)
    assert touched.joints == ((1.0, 0.0) if far < 0.1 else (1.0, 1.0)) and bool(touched.moves) == (far < 0.1)


def test_how_densely_a_surface_is_sampled_counts_little(chairs: Known) -> None:
    """Points beside a surface are as far from it by few of its own points as by many: else large parts would look worse,
    and which of two shapes is nearer would be chance."""
    representation, known = chairs
    number = first(chairs, BACK, SEAT, LEG)
    cloud = seen(chairs, number)
    cloud = cloud + np.random.default_rng(0).normal(size=cloud.shape) * NOISE
    target, there = Target(cloud, representation.mirrored), representation.present(known.latent)[number]
    codes, frames = known.latent[number].view(4, -1)[None, :, 9:], known.latent[number].view(4, -1)[None, :, 1:9]
    few, many = (
        agreement(target, surfaces_of(representation, codes, frames, count)[0], there).missed for count in (160, 480)
    )
    assert few < 1.5 * many
    assert agreement(target, surfaces_of(representation, codes, frames + 0.1, 480)[0], there).missed > 2 * many


def test_halves_are_not_pulled_apart(chairs: Known) -> None:
    """A part that is learned as one half ends in the middle plane however wide it grows: no gap comes between the two."""
    representation, known = chairs
    number = first(chairs, BACK, SEAT, LEG)
    latent, present = known.latent.float(), representation.present(known.latent)
    cloud = seen(chairs, number)
    cloud[:, 0] += 0.04 * np.sign(cloud[:, 0])
    model = like(latent[number], latent, present, representation.mirrored)
    assert bool(model.halved[SEAT])
    target = Target(cloud, representation.mirrored)
    end = ended(pulled(representation, target, model, latent[number], 6, rough=False, whole=True)).row.view(4, -1)
    before = latent[number].view(4, -1)
    assert float(end[SEAT, 6]) > float(before[SEAT, 6]) + 0.05  # it is wider
    assert float(end[SEAT, 3]) == pytest.approx(float(end[SEAT, 6].exp()), abs=1e-5)


def test_a_shape_is_looked_at_for_one_good_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the starts is the shape whose second part suits best, though it is the worst one as a whole."""
    monkeypatch.setattr(cloud_drawn, "STARTS", 4)
    monkeypatch.setattr(cloud_drawn, "WHOLE", 2)

    def shape(*away: float) -> Agreement:
        distance = np.array([[away[0], 9.0], [9.0, away[1]]])  # of two points, each beside a part of its own
        share = np.array([d**2 / (d**2 + 1) for d in away])
        return Agreement(np.ones(2, bool), share, distance, np.zeros((2, 2), np.int64), 1.0)

    found = [shape(0.5, 0.5), shape(0.6, 0.6), shape(0.7, 0.7), shape(0.8, 0.8), shape(5.0, 0.1)]
    chosen = cloud_drawn._varied(found)
    assert chosen[:2] == [0, 1] and 4 in chosen and len(set(chosen)) == 4
    assert cloud_drawn._varied(found[:2]) == [0, 1]


@pytest.mark.parametrize("what", ["aeroplane", "noise"])
def test_what_is_no_chair_is_refused(chairs: Known, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_drawn, "STARTS", 2)
    generator = np.random.default_rng(0)
    cloud = generator.uniform(-0.475, 0.475, (512, 3))
    if what == "aeroplane":
        cloud = surface_points(make("airplane", 700_002).geometry.surface, 512, generator)
    with pytest.raises(InputError, match="knows no shape"):
        ended(codes_of_drawn_cloud(cloud, *chairs))
