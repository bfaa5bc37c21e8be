"""Clouds become shapes of a model that comes with the program: the parts are there, the shape is the one of the cloud."""

import numpy as np
import pytest
import torch

from engine import methods, shipped
from engine.basis.representation import BasisRepresentation
from engine.checkpoint import load_model
from engine.cloud_codes import codes_of_cloud
from engine.datasets.procedural import make
from engine.errors import InputError
from engine.geometry.occupancy import occupied, surface_points
from engine.known import read_known_file
from engine.method import Shapes
from engine.metrics.reconstruction import iou
from engine.shapes import read_model_about
from engine.stages import ended

UNSEEN = 700_002  # seed of a chair that the model has not learned from


@pytest.fixture(scope="module")
def chairs() -> tuple[BasisRepresentation, Shapes]:
    """The representation of the shipped model of chairs, and the latents of its training shapes."""
    path = shipped.shipped_file("shipped:chair")
    about = read_model_about(path)
    representation = methods.load(about.settings).representation(about.settings, about.vocabulary)
    load_model(path, {"representation": representation})
    assert isinstance(representation, BasisRepresentation)
    return representation.requires_grad_(False), read_known_file(
        shipped.shipped_file("shipped:chair", shipped.KNOWN)
    ).shapes


def test_a_cloud_becomes_the_shape_that_it_is_of(chairs: tuple[BasisRepresentation, Shapes]) -> None:
    """An unseen chair of 1,024 points: the same parts, most of its inside, and a latent that decodes like any other."""
    representation, known = chairs
    chair = make("chair", UNSEEN).geometry
    cloud = surface_points(chair.surface, 1024, np.random.default_rng(0))
    found = ended(codes_of_cloud(cloud, representation, known, chair.surface, seed=0))
    (field,) = representation.decode(found.shapes)
    even = np.random.default_rng(1).uniform(-0.5, 0.5, (8192, 3)).astype(np.float32)
    inside = (field(torch.from_numpy(even)) > 0).numpy()
    assert set(field.parts) == set(chair.parts)
    assert iou(inside, occupied(chair, even)) > 0.8
    assert found.shapes.model_id == representation.meaning()
    assert found.shapes.present is not None and bool(
        (representation.present(found.shapes.latent) == found.shapes.present).all()
    )


def test_what_is_no_shape_of_the_model_is_refused(chairs: tuple[BasisRepresentation, Shapes]) -> None:
    points = np.random.default_rng(0).uniform(-0.475, 0.475, (1024, 3))
    with pytest.raises(InputError, match="knows no shape"):
        ended(codes_of_cloud(points, *chairs, None, seed=0))
