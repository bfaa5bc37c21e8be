"""A mix is its parents' parts, byte for byte, and its surface away from what was exchanged does not move."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.fields.weights import field_layout
from engine.geometry.surface import extract
from engine.method import Shapes
from engine.parts.mix import Parent, mix, remove
from engine.parts.pose import moved, unmoved
from engine.parts.spans import mask_of, part_hashes, part_values
from engine.settings import FieldSettings
from tests.parts.toys import AIRPLANE, LAYOUT, NAMES, PARTS, drive, field, parent, points, row

OTHER = {"body": ((0.0, 0.05, 0.0), 0.25), "wing": ((-0.2, 0, 0), 0.12), "tail": ((0.1, 0.3, 0), 0.08)}
THIRD = {"body": ((0.1, 0.0, 0.1), 0.15), "tail": ((0.0, -0.3, 0.0), 0.1)}  # without wing


@settings(deadline=None)
@given(st.lists(st.sampled_from(["base", "other", "third"]), min_size=3, max_size=3), st.integers(0, 2**16))
def test_every_part_is_its_parents_byte_for_byte(chosen: list[str], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = {name: torch.randn(1, LAYOUT.size, generator=generator) for name in ("base", "other", "third")}
    flags = {name: torch.rand(1, 3, generator=generator) < 0.7 for name in rows}
    parents = {name: Parent(name, LAYOUT, Shapes(rows[name], flags[name])) for name in rows}
    donors = {part: parents[name] for part, name in zip(NAMES, chosen, strict=True) if name != "base"}
    mixed = mix(parents["base"], donors, PARTS)
    assert mixed.shape.present is not None
    for k, (part, name) in enumerate(zip(PARTS, chosen, strict=True)):
        assert torch.equal(
            part_values(mixed.shape.latent[0], part).view(torch.uint8),
            part_values(rows[name][0], part).view(torch.uint8),
        )
        assert bool(mixed.shape.present[0, k]) == bool(flags[name][0, k]) == (part.name in mixed.parents)
        if part.name in mixed.parents:
            assert mixed.parents[part.name] == name
            assert mixed.hashes[part.name] == part_hashes(rows[name][0], PARTS)[part.name]
    assert torch.equal(rows["base"], parents["base"].shape.latent)  # parents stay as they are


def test_the_field_of_a_mix_is_made_of_its_parents_experts() -> None:
    mixed = mix(parent("a"), {"tail": parent("b", OTHER)}, PARTS)
    where = points()
    expected = torch.stack([field(parent("a").shape).part(name)(where) for name in ("body", "wing")])
    donated = field(parent("b", OTHER).shape).part("tail")(where)
    assert torch.equal(field(mixed.shape)(where), torch.maximum(expected.amax(0), donated))


def test_surface_away_from_the_exchanged_part_stays() -> None:
    mixed = mix(parent("a"), {"tail": parent("b", OTHER)}, PARTS)
    before, after = (drive(extract(field(shape), 40)) for shape in (parent("a").shape, mixed.shape))
    tails = [parent("a").shape, mixed.shape]

    def far(vertices: torch.Tensor) -> torch.Tensor:  # from both tails, by more than 0.03
        return torch.stack([field(shape).part("tail")(vertices.float()) < -0.06 for shape in tails]).all(0)

    first, second = (torch.from_numpy(mesh.vertices) for mesh in (before, after))
    first, second = first[far(first)], second[far(second)]
    assert len(first) > 100
    assert torch.cdist(first, second).amin(1).max() < 1e-6
    assert torch.cdist(second, first).amin(1).max() < 1e-6


def test_an_absent_part_is_absent_and_a_part_can_be_removed() -> None:
    mixed = mix(parent("a"), {"wing": parent("c", THIRD)}, PARTS)
    assert set(mixed.parents) == {"body", "tail"} and field(mixed.shape).parts == ("body", "tail")
    nothing = row({})
    less = remove(mixed, ["tail"], PARTS, nothing)
    assert less.parents == {"body": "a"} and set(less.hashes) == {"body"}
    assert less.hashes["body"] == mixed.hashes["body"]
    mask = mask_of(["tail"], PARTS, LAYOUT.size)
    assert torch.equal(less.shape.latent[0, mask], nothing[mask])
    assert torch.equal(field(less.shape)(points()), field(parent("a", {"body": AIRPLANE["body"]}).shape)(points()))


def test_a_part_brings_its_pose() -> None:
    donor = parent("b", OTHER)
    pose = unmoved(1, 3)
    pose[0, 1] = moved(pose[0, 1], (0.1, 0.2, 0))
    donor = replace(donor, shape=replace(donor.shape, pose=pose))
    assert mix(parent("a"), {"tail": donor}, PARTS).shape.pose is None
    mixed = mix(parent("a"), {"wing": donor}, PARTS).shape
    assert mixed.pose is not None
    assert torch.equal(mixed.pose[0, 1], pose[0, 1]) and torch.equal(mixed.pose[0, 0], unmoved())


def test_what_does_not_fit_is_refused_in_words() -> None:
    wide = field_layout(FieldSettings(hidden=(7,), bands=0), NAMES)
    with pytest.raises(InputError, match="wing of b does not fit a: their networks are built differently"):
        mix(parent("a"), {"wing": Parent("b", wide, Shapes(torch.zeros(1, wide.size)))}, PARTS)
    other = replace(parent("b"), shape=replace(parent("b").shape, model_id="other"))
    with pytest.raises(InputError, match="belong to different models"):
        mix(parent("a"), {"wing": other}, PARTS)
    with pytest.raises(InputError, match="no part named rotor; the model's parts are body, wing, tail"):
        mix(parent("a"), {"rotor": parent("b")}, PARTS)
    with pytest.raises(InputError, match="no named parts"):
        mix(parent("a"), {}, ())
