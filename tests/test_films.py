"""Films through the job, of shapes whose surfaces are known exactly: octahedra, see tests.parts.toys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from engine import Project, frames, pipeline
from engine.carrying import carried
from engine.commands import film as film_commands
from engine.commands.common import cli
from engine.errors import InputError, MeshError
from engine.frames import Source, keep_frames
from engine.jobs import FilmJob
from engine.parts.pose import PosedField, unmoved
from engine.settings import ExportOptions
from engine.stages import ended
from tests.geometry.test_morph import peanut
from tests.geometry.test_morph_glb import Player
from tests.hearing import finished
from tests.parts.projects import AIRPLANES, Solids, keep_fit

SMALL: dict[str, Any] = {"size": 64, "resolution": 32, "hold": 0.0, "fps": 10.0}
GROWING: dict[str, Solids] = {
    f"{i}": {"body": ((0, 0, 0), 0.2 + 0.02 * i), "wing": ((0.15 + 0.03 * i, 0, 0), 0.15)} for i in range(3)
}
LIFTED: dict[str, Solids] = {"low": {"body": ((0, -0.1, 0), 0.2)}, "high": {"body": ((0.125, 0.15, 0.0625), 0.2)}}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as made:
        keep_fit(made, "fit")
        keep_fit(made, "growing", GROWING)
        keep_fit(made, "lifted", LIFTED)
        yield made


def pictures(path: Path) -> tuple[list[NDArray[np.int64]], int]:
    """Frames of a GIF as they are shown, and its length in milliseconds."""
    found, length = [], 0
    with Image.open(path) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            found.append(np.asarray(film.convert("RGB")).astype(np.int64))
            length += int(film.info["duration"])
    return found, length


def test_a_turntable_comes_round(project: Project, tmp_path: Path) -> None:
    """An octahedron about the origin looks the same every quarter of a turn, and otherwise in between."""
    keep_fit(project, "one", {"ball": {"body": ((0, 0, 0), 0.3)}})
    job = FilmJob(shapes=("one/one-ball",), out=str(tmp_path / "turn"), turn=8, **SMALL)
    result = finished(job, project)
    assert result["pictures"] == result["frames"] == 8 and result["kind"] == "png"
    files = sorted((tmp_path / "turn").iterdir())
    assert [file.name for file in files] == [f"frame_{k:04d}.png" for k in range(8)]
    seen = [np.asarray(Image.open(file)).astype(int) for file in files]
    assert {picture.shape for picture in seen} == {(64, 64, 3)}
    for k in range(8):
        assert np.abs(seen[k] - seen[(k + 2) % 8]).mean() < 0.5
        assert np.abs(seen[k] - seen[(k + 1) % 8]).mean() > 2


def test_shapes_that_turn_together_stand_side_by_side(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "turn.gif"
    finished(FilmJob(shapes=("fit/fit-a", "fit/fit-b"), out=str(out), turn=4, **SMALL), project)
    seen, length = pictures(out)
    assert len(seen) == 4 and length == 400
    assert seen[0].shape[1] > 2 * 64 and seen[0].shape[0] < 2 * 64


def test_one_framing_for_all_frames(project: Project, tmp_path: Path) -> None:
    """What moves in space moves in the picture, by as much, and never leaves it; its floor stays where it is."""
    out = tmp_path / "film.gif"
    result = finished(FilmJob(shapes=("lifted",), out=str(out), azimuth=0, elevation=0, **SMALL), project)
    (low, high), length = pictures(out)
    assert length == 200 and result["frames"] == 2 and result["seconds"] == 0.2
    there = [
        np.argwhere(np.ptp(picture, axis=-1) + np.abs(picture - picture[:1, :1]).max(-1) > 40)
        for picture in (low, high)
    ]
    for place in there:
        assert place.min() > 0 and place.max() < 63
    (top, left), (top_after, left_after) = (place.min(0) for place in there)
    pixels = 64 * 0.92 / 2 / 0.325  # per cube unit: the right corner, at 0.325, stays 8 % clear of the edge
    assert top - top_after == pytest.approx(0.25 * pixels, abs=2)
    assert left_after - left == pytest.approx(0.125 * pixels, abs=2)


def test_there_and_back_with_a_rest_at_both_ends(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "film.gif"
    job = FilmJob(shapes=("growing",), out=str(out), bounce=True, **SMALL | {"hold": 0.5})
    result = finished(job, project)
    seen, length = pictures(out)
    assert len(seen) == 4 and length == 100 * (5 + 1 + 5 + 1) and result["frames"] == 12
    assert np.array_equal(seen[1], seen[3])
    assert not np.array_equal(seen[0], seen[2])


def test_meshes_stand_in_one_frame_of_reference(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "meshes"
    result = finished(FilmJob(shapes=("lifted",), out=str(out), format="obj", **SMALL | {"resolution": 65}), project)
    assert result["path"] == str(out) and result["meshes"] == 2 and result["kind"] == "obj"
    assert sorted(file.name for file in out.iterdir()) == [
        f"frame_000{k}.{end}" for k in (0, 1) for end in ("mtl", "obj")
    ]
    low, high = (trimesh.load(out / f"frame_000{k}.obj", force="mesh") for k in (0, 1))
    move = np.array(LIFTED["high"]["body"][0]) - LIFTED["low"]["body"][0]
    assert np.abs(high.bounds - low.bounds - move).max() < 1e-5  # by lattice steps, so that both have the same faces


def test_a_folder_is_told_as_a_folder_when_a_film_goes_on(project: Project, tmp_path: Path) -> None:
    job = project.submit(FilmJob(shapes=("lifted",), out=str(tmp_path / "meshes"), format="obj", **SMALL))
    before = finished(job, project)
    (project.run_folder(job.run) / "result.json").unlink()  # as if it had been killed before its end
    assert finished(job, project) == before


def test_one_mesh_follows_octahedra(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "film.glb"
    result = finished(FilmJob(shapes=("growing",), out=str(out), **SMALL | {"resolution": 64}), project)
    assert result["parts"] == ["body", "wing"] and result["error_voxels"] < 0.9
    player = Player(out.read_bytes())
    assert [node["name"] for node in player.tree["nodes"]] == ["body", "wing"]
    for k, solids in enumerate(GROWING.values()):
        for node, (centre, radius) in enumerate(solids.values()):
            gone = np.abs(np.abs(player.shown(node, k / 10) - centre).sum(1) - radius)
            assert gone.max() < 1e-3  # every vertex lies on its octahedron, edges and corners too
    assert player.tree["scenes"][0]["extras"]["recipe"]["film"] == [f"growing/growing-{k}" for k in range(3)]


def test_a_part_that_vanishes_is_told_with_what_to_do_instead(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "film.glb"
    with pytest.raises(MeshError) as caught:
        finished(FilmJob(shapes=("fit/fit-a", "fit/fit-c"), out=str(out), **SMALL), project)
    assert "frame 1 (fit/fit-c): part 'wing' vanishes" in str(caught.value)
    assert f"film fit/fit-a fit/fit-c --out {tmp_path / 'film'} --format glb" in str(caught.value)
    assert not out.exists()


class Peanut:
    """Two balls that come apart, as a field of one part."""

    parts = ("body",)

    def __init__(self, apart: float) -> None:
        self.part = lambda name: peanut(apart)


def test_a_ball_that_splits_is_refused_with_its_pieces(tmp_path: Path) -> None:
    sources = [
        Source(f"shape {apart}", PosedField(Peanut(apart), {"body": ("body", unmoved())}), (), False, {})  # type: ignore[arg-type]
        for apart in (0.1, 0.12, 0.3)
    ]
    paths = ended(keep_frames(sources, tmp_path / "frames", 48, 0.03))
    with pytest.raises(
        MeshError, match=r"frame 2 \(shape 0.3\): part 'body' has 2 pieces where the first frame has 1 piece"
    ):
        ended(carried(sources, paths, tmp_path / "carried", 48, "do something else"))
    pieces, error = ended(carried(sources[:2], paths[:2], tmp_path / "carried", 48, "do something else"))
    assert error < 0.2 and pieces["body"].frames.shape[0] == 2


def test_files_that_are_there_stay(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "film.gif"
    out.write_bytes(b"somebody else's")
    job = FilmJob(shapes=("lifted",), out=str(out), **SMALL)
    with pytest.raises(InputError, match="--overwrite"):
        finished(job, project)
    assert out.read_bytes() == b"somebody else's"
    finished(FilmJob(shapes=("lifted",), out=str(out), overwrite=True, **SMALL), project)
    assert out.read_bytes()[:6] == b"GIF89a"
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "frame_0007.png").write_bytes(b"of a longer film")
    with pytest.raises(InputError, match=r"frame_0007\.png of another film"):
        finished(FilmJob(shapes=("lifted",), out=str(folder), overwrite=True, **SMALL), project)


def test_a_stopped_film_goes_on_with_what_it_has(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, stopped = tmp_path / "straight.gif", tmp_path / "stopped.gif"
    finished(FilmJob(shapes=("growing",), out=str(straight), **SMALL), project)
    job = project.submit(FilmJob(shapes=("growing",), out=str(stopped), **SMALL))
    working = pipeline.run(job, project)
    kept = project.run_folder(job.run) / "pictures" / "0001.png"
    for _ in working:
        if kept.exists():
            break
    working.close()
    assert not stopped.exists()

    def again(*_: object) -> Any:
        raise AssertionError("a frame was decoded twice")

    monkeypatch.setattr(frames, "decoded_frame", again)
    finished(job, project)
    assert stopped.read_bytes() == straight.read_bytes()
    stopped.unlink()
    finished(job, project)  # a finished run says what it did and does nothing
    assert not stopped.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"out": "film.avi"}, r"\.gif, \.mp4, \.glb"),
        ({"shapes": ("fit/fit-a",)}, "two shapes"),
        ({"shapes": ("fit", "nothing")}, "'nothing'"),
        ({"fps": 60.0}, "50 pictures a second"),
        ({"out": "film.glb", "turn": 4}, "turntable is pictures"),
        ({"out": "film.glb", "format": "glb"}, "leave one of the two out"),
        ({"out": "film", "format": "stl", "options": ExportOptions(size_mm=100)}, "size_mm"),
        ({"out": "film", "format": "stl", "options": ExportOptions(normals="smooth")}, "cannot hold normals=smooth"),
        ({"shapes": ("fit/fit-a", "fit-a")}, "no surface"),
    ],
)
def test_bad_input_is_named_and_leaves_no_run(
    project: Project, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    given: dict[str, Any] = {"shapes": ("lifted",), "out": "film.gif", **SMALL} | change
    given["out"] = str(tmp_path / given["out"])
    before = project.catalogue.runs()
    with pytest.raises(InputError, match=says):
        finished(FilmJob(**given), project)
    assert project.catalogue.runs() == before
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_a_field_of_nan_is_an_error(project: Project, tmp_path: Path) -> None:
    keep_fit(project, "broken", {"a": AIRPLANES["a"], "b": {"body": ((float("nan"), 0, 0), 0.2)}})
    for name in ("film.gif", "film.glb"):
        with pytest.raises(MeshError, match="NaN"):
            finished(FilmJob(shapes=("broken",), out=str(tmp_path / name), **SMALL), project)
        assert not (tmp_path / name).exists()


def test_mp4_has_every_frame(project: Project, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="the extra `video` is not installed")
    out = tmp_path / "film.mp4"
    result = finished(FilmJob(shapes=("growing",), out=str(out), **SMALL | {"hold": 0.2}), project)
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == result["frames"] == 5
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    film.release()


def test_the_commands_make_their_jobs(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FilmJob] = []
    monkeypatch.setattr(film_commands, "run_job", lambda options, job: asked.append(job))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for words in (
        "turntable a b --out t.gif --frames 8 --fps 20",
        "film run --out f --format stl --set axes=unreal --bounce",
    ):
        assert runner.invoke(cli, words.split()).exit_code == 0
    turn, film = asked
    assert turn == FilmJob(shapes=("a", "b"), out=str(tmp_path / "t.gif"), turn=8, fps=20.0)
    options = ExportOptions(axes="unreal")
    assert film == FilmJob(shapes=("run",), out=str(tmp_path / "f"), format="stl", options=options, bounce=True)
    assert runner.invoke(cli, ["film", "run", "--out", "f", "--format", "3mf"]).exit_code == 2
