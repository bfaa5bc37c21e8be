"""The mixes on the sheet of a shipped model: the first random ones that hang together, whatever they look like."""

from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import Project
from engine.errors import InputError
from engine.jobs import HealJob, Job, MixJob
from engine.method import Workspace
from engine.protocol import Note, Stage
from engine.rows import ShapeRow
from engine.shipping import mixes
from engine.shipping.mixes import FAR, TRIES, UNLIKELY, healed_mixes
from tests.hearing import heard

COUNT = 4


def made(
    apart: set[int],
    refused: set[int],
    far: set[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    unlikely: Container[int] = (),
) -> tuple[list[str], list[str]]:
    """Names of the mixes and what was said, where some (by number) come apart, are refused, have a part moved far or seem
    unlikely to the model."""

    def do(job: Job) -> Stage[dict[str, Any]]:
        yield from ()
        assert isinstance(job, MixJob | HealJob)
        if job.run.startswith("usual"):
            return {"loss before": 0.2}
        if isinstance(job, MixJob) and int(job.run[-2:]) in refused:
            raise InputError("no such part")
        way = [0.0, 1.1 * FAR if int(job.run[-2:]) in far else 0.9 * FAR, 0.0]
        parts = [{"part": "a", "moved by": []}, {"part": "b", "moved by": way}]
        loss = (1.1 if int(job.run[-2:]) in unlikely else 0.9) * UNLIKELY * 0.2
        return {"shapes": [f"{job.run}/0000"], "parts": parts, "loss after": loss}

    def hangs(name: str, project: Project, work: Workspace) -> Stage[bool]:
        yield from ()
        return int(name.split("/")[0][-2:]) not in apart

    monkeypatch.setattr(mixes, "hangs_together", hangs)
    rows = [ShapeRow(id=f"drawn/{k}", run="drawn", row=k, kind="generated", present=("a", "b")) for k in range(3)]
    work = Workspace(tmp_path, torch.device("cpu"))
    with Project.create(tmp_path / "p") as project:
        found, events = heard(healed_mixes(COUNT, rows, 0, "cpu", do, "m", project, work))
    return found, [event.text for event in events if isinstance(event, Note)]


def test_what_comes_apart_makes_way_for_the_next_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, said = made({1, 4}, {2}, {5}, monkeypatch, tmp_path)
    assert found == [f"heal-m-{number:02d}/0000" for number in (0, 3, 6, 7)]
    assert [text.split()[0] for text in said] == [f"mix-m-{number:02d}" for number in (1, 2, 4, 5)]


def test_what_the_model_finds_unlikely_makes_way_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found, said = made(set(), set(), set(), monkeypatch, tmp_path, unlikely={0, 3})
    assert found == [f"heal-m-{number:02d}/0000" for number in (1, 2, 4, 5)]
    assert all("unlikely" in text for text in said) and len(said) == 2


def test_parts_come_from_shapes_that_have_the_same_parts() -> None:
    base, *others = (
        ShapeRow(id=name, run="drawn", row=0, kind="generated", present=present)
        for name, present in {
            "standing": ("base", "pole"),
            "hanging": ("canopy", "pole"),
            "bare": ("pole",),
            "other": ("pole", "base"),
        }.items()
    )
    random = np.random.default_rng(0)
    assert {mixes._donor("pole", base, others, random) for _ in range(20)} == {"other"}
    assert {mixes._donor("pole", base, others[:2], random) for _ in range(20)} == {"hanging", "bare"}  # none is alike


def test_where_too_many_come_apart_there_is_no_sheet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"3 of {TRIES * COUNT}"):
        made(set(range(3, TRIES * COUNT)), set(), set(), monkeypatch, tmp_path)
