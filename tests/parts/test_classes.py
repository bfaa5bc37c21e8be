"""Shapes of a model of several classes keep theirs through sampling and every part operation, and are healed as such."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine import Project
from engine.device import choose
from engine.jobs import GenerateJob, HealJob, InterpolateJob, MixJob, RerollJob, TrainJob
from engine.latents import Latents, write_latents
from engine.method import Workspace
from engine.opened import Opened, open_model, open_shape
from engine.parts.settings import HealSettings
from engine.settings import DenoiserSettings, TrainSettings
from tests.hearing import finished
from tests.parts.projects import SETTINGS, keep_fit
from tests.parts.toys import drive
from tests.test_healing import airplane

CLASSES = ("glider", "jet")
QUICK = HealSettings(steps=4, tries=1, resample=1, points=100)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A fit of eight aeroplanes, every other one a jet, with a model that can be asked for either."""
    with Project.create(tmp_path_factory.mktemp("classes") / "project") as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.opened.PICTURE_GRID", 33)
        patch.setattr("engine.opened.PICTURE_SIZE", 64)
        patch.setattr("engine.joining.GRID", 33)
        keep_fit(made, "fit", {f"{seed}": airplane(seed) for seed in range(8)})
        path = made.run_folder("fit") / "latents.safetensors"
        kept = Latents(path)
        shapes = kept.shapes(range(8))
        assert shapes.present is not None
        file = msgspec.structs.replace(kept.file, categories=CLASSES)
        write_latents(path, shapes.latent.numpy(), shapes.present.numpy(), np.arange(8) % 2, file)
        settings = msgspec.structs.replace(
            SETTINGS,
            denoiser=DenoiserSettings(width=16, layers=1, heads=2, schedule="cosine", time="smooth", timesteps=20),
            train=TrainSettings(steps=2, lr=1e-3, warmup=1),
            sampler=msgspec.structs.replace(SETTINGS.sampler, steps=4),
        )
        finished(TrainJob(run="model", settings=settings, fit="fit"), made, [])
        yield made


def opened(project: Project, name: str) -> Opened:
    return drive(open_shape(name, project, Workspace(project.folder, choose("cpu"))), [])


@pytest.mark.parametrize("category", ["jet", ""])
def test_generated_shapes_are_what_was_asked_for(project: Project, category: str) -> None:
    names = finished(GenerateJob(model="model", count=2, category=category, whole=False), project, [])["shapes"]
    assert [opened(project, name).category for name in names] == [category] * 2


def test_derived_shapes_keep_the_class_of_their_base_and_are_drawn_as_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def spy(path: str, keyword: int | str) -> None:
        module, _, name = path.rpartition(".")
        real = getattr(__import__(module, fromlist=[name]), name)

        def watched(*given: Any, **named: Any) -> Any:
            asked.append(named[keyword] if isinstance(keyword, str) else given[keyword])
            return real(*given, **named)

        monkeypatch.setattr(path, watched)

    spy("engine.healing.mend", 8)
    spy("engine.healing.reroll", 7)
    spy("engine.blending.plausibility", "condition")
    mix = finished(MixJob(base="fit/fit-1", parts={"wing": "fit/fit-2"}), project, [])["shapes"][0]
    healed = finished(HealJob(shape=mix, settings=QUICK), project, [])["shapes"][0]
    (drawn,) = finished(RerollJob(shape=mix, parts=("body",), count=1, settings=QUICK), project, [])["shapes"]
    frames = finished(InterpolateJob(shapes=(mix, "fit/fit-3"), frames=2), project)["shapes"]
    assert [opened(project, name).category for name in (mix, healed, drawn, *frames)] == ["jet"] * 5
    between = finished(InterpolateJob(shapes=(mix, "fit/fit-0"), frames=3), project)["shapes"]
    assert [opened(project, name).category for name in between] == [""] * 3
    ids = [[int(number) for number in np.ravel(one["category"])] for one in asked]
    assert ids == [[1], [1], [1, 1], [-1, -1, -1]]


def test_classes_are_known_by_name_not_by_number(project: Project, tmp_path: Path) -> None:
    model = drive(open_model("model", project, Workspace(tmp_path, choose("cpu"))))
    turned = replace(model, about=msgspec.structs.replace(model.about, conditions={"category": ("jet", "boat")}))
    one = replace(model, about=msgspec.structs.replace(model.about, categories=("jet",), conditions={}))
    assert model.condition("jet")["category"].tolist() == [1] and turned.condition("jet")["category"].tolist() == [0]
    assert turned.condition("glider")["category"].tolist() == [-1] and one.condition("jet") == {}
