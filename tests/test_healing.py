"""The jobs joints, heal, reroll and interpolate on shapes whose joints are known: octahedra that touch, or are torn."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine import Project
from engine.__main__ import cli
from engine.device import choose
from engine.errors import InputError
from engine.jobs import HealJob, InterpolateJob, Job, JointsJob, MixJob, RerollJob, TrainJob
from engine.joining import Usual, usual_of
from engine.method import Workspace
from engine.opened import Opened, open_shape
from engine.parts.joints import Joint, Pair, Solid, joints
from engine.parts.settings import Curve, HealSettings
from engine.parts.spans import part_hashes
from engine.protocol import Progress, Stage
from engine.settings import DenoiserSettings, TrainSettings
from engine.stages import as_part_of, retold
from tests.hearing import finished
from tests.parts.projects import SETTINGS, keep_fit, keep_import
from tests.parts.toys import NAMES, PARTS, Octahedron, drive

QUICK = HealSettings(steps=8, tries=2, points=200)
MOVES = HealSettings(mode="moves")
EVENT = Progress(stage="test", done=0, total=1)


def airplane(seed: int) -> dict[str, Octahedron]:
    """A body with a wing on one side and a tail on top, each of which reaches a little into the body."""
    body, wing, tail, deep = (
        np.random.default_rng(seed).uniform((0.15, 0.1, 0.08, 0.01), (0.2, 0.15, 0.12, 0.02)).tolist()
    )
    return {
        "body": ((0, 0, 0), body),
        "wing": ((body + wing - deep, 0, 0), wing),
        "tail": ((0, body + tail - deep, 0), tail),
    }


TORN: dict[str, Octahedron] = {"body": ((0, 0, 0), 0.15), "wing": ((0.28, 0, 0), 0.1), "tail": ((0, 0.32, 0.05), 0.1)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A fit of twelve sound aeroplanes with a model of them, and a fit of a torn one without a model."""
    with Project.create(tmp_path_factory.mktemp("heal") / "project") as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.opened.PICTURE_GRID", 33)
        patch.setattr("engine.opened.PICTURE_SIZE", 64)
        patch.setattr("engine.joining.GRID", 49)
        keep_fit(made, "fit", {f"{seed}": airplane(seed) for seed in range(12)})
        keep_fit(made, "lone", {"torn": TORN})
        settings = msgspec.structs.replace(
            SETTINGS,
            denoiser=DenoiserSettings(width=32, layers=1, heads=2, schedule="cosine", time="smooth", timesteps=100),
            train=TrainSettings(steps=60, lr=3e-3, warmup=5, ema=0.9),
        )
        finished(TrainJob(run="model", settings=settings, fit="fit"), made)
        yield made


@pytest.fixture(scope="module")
def mix(project: Project) -> str:
    """The torn wing and tail on a body of the fit."""
    parts = {"wing": "lone/lone-torn", "tail": "lone/lone-torn"}
    return str(finished(MixJob(base="fit/fit-0", parts=parts), project)["shapes"][0])


def opened(project: Project, name: str) -> Opened:
    """A shape, opened anew from its files."""
    return drive(open_shape(name, project, Workspace(project.folder, choose("cpu"))), [])


def hashes(project: Project, name: str) -> dict[str, str]:
    """Hash of the bytes of each part as they are stored."""
    return dict(part_hashes(opened(project, name).shape.latent[0], PARTS))


def scores(project: Project, *names: str) -> list[float]:
    """Joint scores by the training shapes of the fit."""
    return [row["joint score"] for row in finished(JointsJob(shapes=names, fit="fit"), project)["shapes"]]


def test_sound_shapes_score_nothing_and_torn_ones_do(project: Project, mix: str) -> None:
    result = finished(JointsJob(shapes=(mix, *(f"fit/fit-{i}" for i in range(6)))), project)
    torn, *sound = [row["joint score"] for row in result["shapes"]]
    assert torn > 0.03 and np.median(sound) == 0 and "too far apart" in result["shapes"][0]["unusual"]
    shown = msgspec.json.decode(Path(result["file"]).read_bytes())["shapes"][0]
    (gap,) = [one for one in shown["joints"] if one["parts"] == ["tail", ""]]
    (first, second), *_ = gap["gaps"]
    assert gap["judged"] and np.linalg.norm(np.subtract(first, second)) == pytest.approx(gap["gap"])
    kept = project.run_folder("fit") / "joints.safetensors"
    before = kept.stat().st_mtime_ns
    assert scores(project, mix) == [torn] and kept.stat().st_mtime_ns == before  # what is usual is measured once


def test_healing_mends_joints_and_holds_what_was_taken(project: Project, mix: str) -> None:
    result = finished(HealJob(shape=mix, settings=QUICK), project, [])
    (name,) = result["shapes"]
    before, after = scores(project, mix, name)
    assert result["joint score before"] == before > result["joint score after"] and after < 0.2 * before
    assert after == pytest.approx(result["joint score after"], abs=1e-9)  # what is told is what is measured afterwards
    assert result["loss after"] <= result["loss before"]
    was, now, card = hashes(project, mix), hashes(project, name), opened(project, name).card
    assert {part: now[part] for part in ("wing", "tail")} == {part: was[part] for part in ("wing", "tail")}
    assert card.operation == "healed" and card.held == ("wing", "tail") and card.parents["wing"] == mix
    assert card.measured["joint score after"] == result["joint score after"] and card.moves
    again = finished(HealJob(shape=mix, settings=QUICK), project, [])
    assert hashes(project, again["shapes"][0]) == now  # the same job gives the same shape


def test_where_everything_is_held_only_moves_act_and_no_model_is_needed(project: Project, mix: str) -> None:
    notes: list[str] = []
    job = HealJob(shape=mix, held=NAMES, settings=QUICK)
    result = finished(job, project, notes)
    assert any("only moves" in note for note in notes) and "loss after" not in result
    assert hashes(project, result["shapes"][0]) == hashes(project, mix)
    assert opened(project, result["shapes"][0]).shape.pose is not None
    assert result["joint score after"] < 0.2 * result["joint score before"]
    with pytest.raises(InputError, match="no model was trained on lone"):
        finished(HealJob(shape="lone/lone-torn", settings=QUICK), project)
    with pytest.raises(InputError, match="held and free at once"):
        finished(HealJob(shape=mix, held=("wing",), free=("wing",)), project)


def test_a_named_fit_gives_limits_and_the_model_where_the_shape_has_none_of_its_own(project: Project) -> None:
    base = keep_import(project, "network", TORN)
    mix = finished(MixJob(base=base, parts={"wing": "fit/fit-1"}), project)["shapes"][0]
    with pytest.raises(InputError, match="name one of the same kind with --fit"):
        finished(HealJob(shape=mix, settings=QUICK), project)
    for shape in (mix, "lone/lone-torn"):  # of which no fit is known, and of whose fit there is no model
        result = finished(HealJob(shape=shape, fit="fit", settings=QUICK), project, [])
        assert "loss after" in result and result["joint score after"] < result["joint score before"]


def test_that_joints_do_not_guide_is_said(project: Project, mix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (moved,) = finished(HealJob(shape=mix, settings=MOVES), project, [])["shapes"]
    notes: list[str] = []
    finished(HealJob(shape=mix, settings=QUICK), project, notes)
    assert not any("do not guide" in note for note in notes)
    finished(HealJob(shape=moved, settings=QUICK), project, notes)
    assert [note for note in notes if "do not guide" in note] == [note for note in notes if "moved or copied" in note]

    def foreign(*asked: Any) -> Stage[Usual]:
        return replace((yield from usual_of(*asked)), meaning="other numbers")

    monkeypatch.setattr("engine.healing.usual_of", foreign)
    notes.clear()
    result = finished(HealJob(shape=mix, settings=QUICK), project, notes)
    assert any("latents of fit are built differently" in note and "do not guide" in note for note in notes)
    assert result["joint score after"] < result["joint score before"]  # its limits are used all the same


def test_what_is_usual_is_measured_again_when_the_measure_changed_and_goes_on_after_a_stop(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_fit(project, "again", {f"{seed}": airplane(seed) for seed in range(8)})
    monkeypatch.setattr("engine.joining.GRID", 33)
    calls: list[int] = []

    def counted(parts: Mapping[str, Solid]) -> dict[Pair, Joint]:
        calls.append(len(calls))
        if len(calls) == 4:
            raise InterruptedError("stopped")
        return joints(parts)

    monkeypatch.setattr("engine.joining.joints", counted)

    def only_progress(event: Any) -> Progress | None:
        return event if isinstance(event, Progress) else None  # not what was saved

    def usual() -> Usual:
        return drive(as_part_of(EVENT, retold(usual_of("again", project, work), only_progress)), [])

    work = Workspace(project.folder, choose("cpu"))
    with pytest.raises(InterruptedError):
        usual()
    found = usual()
    assert len(calls) == 9  # three were kept, so five of eight were left
    calls.clear()
    assert usual().limits == found.limits and np.array_equal(usual().points, found.points) and not calls
    assert sorted(path.name for path in project.run_folder("again").glob("joints*")) == ["joints.safetensors"]
    monkeypatch.setattr("engine.joining.VERSION", 2)
    calls.extend(range(10))
    again = usual()
    assert len(calls) == 18 and again.limits == found.limits


def test_what_is_sound_stays_as_it_is_and_that_is_said(project: Project) -> None:
    sound = next(f"fit/fit-{i}" for i in range(12) if scores(project, f"fit/fit-{i}") == [0])
    notes: list[str] = []
    (name,) = finished(HealJob(shape=sound, settings=MOVES), project, notes)["shapes"]
    assert any("as it was" in note for note in notes)
    assert hashes(project, name) == hashes(project, sound) and opened(project, name).shape.pose is None


def test_healing_all_says_that_every_part_changes(project: Project, mix: str) -> None:
    notes: list[str] = []
    job = HealJob(shape=mix, settings=msgspec.structs.replace(QUICK, mode="all"))
    result = finished(job, project, notes)
    assert any("every part changes" in note for note in notes)
    assert result["loss after"] <= result["loss before"] and result["joint score after"] <= result["joint score before"]


def test_rerolling_changes_the_named_part_alone(project: Project, mix: str) -> None:
    result = finished(RerollJob(shape=mix, parts=("body",), count=3, settings=QUICK, seed=4), project, [])
    was, seeds = hashes(project, mix), set()
    for name in result["shapes"]:
        now, card = hashes(project, name), opened(project, name).card
        assert now["body"] != was["body"] and {**now, "body": ""} == {**was, "body": ""}
        assert card.operation == "rerolled" and card.held == ("wing", "tail") and card.model == "model"
        seeds.add(card.seed)
    assert len(seeds) == 3 and len({hashes(project, name)["body"] for name in result["shapes"]}) == 3
    with pytest.raises(InputError, match="no part named rotor"):
        finished(RerollJob(shape=mix, parts=("rotor",)), project)


def test_frames_go_from_shape_to_shape(project: Project, mix: str) -> None:
    (moved,) = finished(HealJob(shape=mix, held=NAMES, settings=MOVES), project, [])["shapes"]
    shapes = ("fit/fit-1", moved, "fit/fit-2")
    result = finished(InterpolateJob(shapes=shapes, frames=5), project)
    frames = result["shapes"]
    for key, frame in zip(shapes, (frames[0], frames[2], frames[4]), strict=True):
        assert hashes(project, frame) == hashes(project, key)
    poses = [opened(project, name).shape.pose for name in (*frames[1:4], moved)]
    quarter, half, last, own = (pose[0, :, :, 3] for pose in poses if pose is not None)
    torch.testing.assert_close(half, own)
    torch.testing.assert_close(quarter, own / 2)
    torch.testing.assert_close(last, own / 2)
    assert [frame["alpha"] for frame in result["frames"]] == [0, 0.25, 0.5, 0.75, 1]
    assert all(np.isfinite(frame["loss"]) for frame in result["frames"])
    assert opened(project, frames[4]).card.parents["wing"] == "fit/fit-2"
    between = [set(project.catalogue.shape(name).parents) for name in frames]
    assert between == [set(names) for names in (shapes[:1], shapes[:2], (moved,), shapes[1:], shapes[2:])]
    assert opened(project, frames[1]).card.blended == shapes[:2]


def test_parts_go_by_curves_of_their_own_and_the_rest_stays(project: Project) -> None:
    late = Curve(((0, 0), (0.5, 0), (1, 1)))
    job = InterpolateJob(shapes=("fit/fit-1", "fit/fit-2"), frames=5, curves={"wing": Curve(), "tail": late})
    frames = [hashes(project, name) for name in finished(job, project)["shapes"]]
    first, last = hashes(project, "fit/fit-1"), hashes(project, "fit/fit-2")
    assert [frame["body"] for frame in frames] == [first["body"]] * 5
    assert [frame["tail"] == first["tail"] for frame in frames] == [True, True, True, False, False]
    assert frames[4]["tail"] == last["tail"] and len({frame["wing"] for frame in frames}) == 5


def test_frames_without_a_model_are_not_judged_and_that_is_said(project: Project) -> None:
    notes: list[str] = []
    result = finished(InterpolateJob(shapes=("lone/lone-torn", "fit/fit-1"), frames=2), project, notes)
    assert "loss" not in result["frames"][0] and any("not judged" in note for note in notes)


def test_one_shape_is_no_way_from_shape_to_shape(project: Project) -> None:
    with pytest.raises(InputError, match="two shapes or more"):
        CliRunner().invoke(cli, ["interpolate", "fit/fit-1", "--project", str(project.folder)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "shapes"),
    [
        (["heal", "MIX", "--heal", "moves"], 1),
        (["reroll", "MIX", "--part", "body", "--count", "2", "--set", "steps=8"], 2),
        (
            ["interpolate", "fit/fit-1", "fit/fit-2", "--frames", "3", "--part", "wing=in-out", "--curve", "spherical"],
            3,
        ),
    ],
)
def test_the_command_line_asks_for_the_same(project: Project, mix: str, arguments: list[str], shapes: int) -> None:
    words = [mix if word == "MIX" else word for word in arguments]
    done = CliRunner().invoke(cli, [*words, "--project", str(project.folder), "--json"], catch_exceptions=False)
    result = msgspec.json.decode(done.stdout)
    assert done.exit_code == 0 and len(result["shapes"]) == shapes
    made: Job = project.job(result["run"])
    assert isinstance(made, HealJob | RerollJob | InterpolateJob)
