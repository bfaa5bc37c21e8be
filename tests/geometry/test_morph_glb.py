"""What a program sees that plays the film, read from the file by the rules of glTF 2.0 alone."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.geometry.export.morph_glb import Moving, encode
from engine.geometry.export.shaping import smooth_normals
from engine.geometry.mesh import Mesh
from tests.geometry.shapes import sphere

BALL = sphere(0.1, 2)
KEYS = [(0.0, 0), (0.5, 0), (0.75, 1), (1.0, 2), (1.5, 2)]


def moving(shift: float, colour: tuple[float, float, float]) -> Moving:
    grow = np.array([1.0, 1.5, 0.7])[:, None, None]
    return Moving(
        BALL.faces, BALL.vertices * grow + np.array([[0, 0, 0], [0, 0.1, 0], [0.2, 0, 0]])[:, None] + shift, colour
    )


PIECES = {"body": moving(0.0, (0.8, 0.2, 0.1)), "wing": moving(0.15, (0.1, 0.2, 0.8))}


class Player:
    """Just enough of a viewer."""

    def __init__(self, data: bytes) -> None:
        length = int.from_bytes(data[12:16], "little")
        self.tree: dict[str, Any] = json.loads(data[20 : 20 + length])
        self.binary = data[28 + length :]

    def values(self, accessor: int) -> NDArray[np.float64]:
        about = self.tree["accessors"][accessor]
        view = self.tree["bufferViews"][about["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3}[about["type"]]
        assert about["componentType"] == 5126 and about["count"] * width * 4 == view["byteLength"]
        array = np.frombuffer(self.binary, "<f4", about["count"] * width, view["byteOffset"]).reshape(-1, width)
        for name, function in (("min", np.min), ("max", np.max)):
            if name in about:
                assert np.array_equal(function(array, axis=0), np.array(about[name], np.float32))
        return array.astype(np.float64)

    def shown(self, node: int, time: float, what: str = "POSITION") -> NDArray[np.float64]:
        """(V, 3) positions (in the scene) or normals of a node at a time."""
        (animation,) = self.tree["animations"]
        (channel,) = [c for c in animation["channels"] if c["target"] == {"node": node, "path": "weights"}]
        sampler = animation["samplers"][channel["sampler"]]
        assert sampler["interpolation"] == "LINEAR"
        times = self.values(sampler["input"])[:, 0]
        curves = self.values(sampler["output"]).reshape(len(times), -1)
        weights = [np.interp(time, times, curve) for curve in curves.T]
        about = self.tree["nodes"][node]
        mesh = self.tree["meshes"][about["mesh"]]
        (primitive,) = mesh["primitives"]
        assert len(primitive["targets"]) == len(weights) == len(mesh["weights"]) == len(mesh["extras"]["targetNames"])
        found = self.values(primitive["attributes"][what])
        for weight, target in zip(weights, primitive["targets"], strict=True):
            found = found + weight * self.values(target[what])
        return found + (about["translation"] if what == "POSITION" else 0)


def test_every_keyframe_shows_its_frame() -> None:
    player = Player(encode(PIECES, KEYS, {"shapes": ["a", "b", "c"]}))
    assert [node["name"] for node in player.tree["nodes"]] == list(PIECES)
    for node, piece in enumerate(PIECES.values()):
        for time, frame in KEYS:
            assert np.abs(player.shown(node, time) - piece.frames[frame]).max() < 1e-7
            normals = smooth_normals(Mesh(piece.frames[frame], piece.faces)).values
            assert np.abs(player.shown(node, time, "NORMAL") - normals).max() < 1e-6
    assert player.tree["scenes"][0]["extras"]["recipe"] == {"shapes": ["a", "b", "c"]}


def test_between_keyframes_it_goes_straight() -> None:
    player = Player(encode(PIECES, KEYS, {}))
    first, second, third = PIECES["body"].frames
    assert np.abs(player.shown(0, 0.25) - first).max() < 1e-7  # held
    assert np.abs(player.shown(0, 0.625) - (first + second) / 2).max() < 1e-7
    assert np.abs(player.shown(0, 0.8) - (0.8 * second + 0.2 * third)).max() < 1e-7


@pytest.mark.parametrize("name", PIECES)
def test_the_first_frame_is_a_plain_mesh_with_its_colour(name: str) -> None:
    """A program that knows no animation shows the first frame."""
    tree = Player(encode(PIECES, KEYS, {})).tree
    node = next(node for node in tree["nodes"] if node["name"] == name)
    mesh = tree["meshes"][node["mesh"]]
    assert mesh["weights"] == [0, 0]
    colour = tree["materials"][mesh["primitives"][0]["material"]]["pbrMetallicRoughness"]["baseColorFactor"]
    assert colour == [*PIECES[name].colour, 1.0]
