"""Imported networks and denoisers are files of a run like any other: they decode, generate, export and go back."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import Project
from engine.device import choose
from engine.errors import InputError
from engine.foreign.bring import (
    bring_networks,
    keep_model,
    keep_network_run,
    kept_forms,
    mean_guess,
    names_of,
    write_kept_model,
    write_kept_network,
)
from engine.foreign.denoisers import read_denoiser
from engine.jobs import ExportJob, GenerateJob
from engine.method import Shapes, Workspace
from engine.shapes import fit_of, keep_fitted, read_model_about
from tests.foreign.published import State, denoised, denoiser, field, network, same, save
from tests.hearing import finished, heard

NAMES = ("body", "wing")
POINTS = torch.rand(200, 3, generator=torch.Generator().manual_seed(1)) - 0.5
HYPER = (27 * 8, 8, 64, 8, 8, 1)


def experts(seed: int) -> State:
    state: State = OrderedDict()
    for i, name in enumerate(NAMES):
        state |= network((27, 12, 12, 1), seed=10 * seed + i, prefix=f"parts.{name}.")
    return state


def files(folder: Path) -> tuple[list[Path], list[State]]:
    states = [network((27, 16, 16, 1), 0), experts(1), network((27, 16, 16, 1), 2), experts(3), network((27, 9, 1), 4)]
    paths = []
    for i, (state, shape) in enumerate(zip(states, (7, 8, 7, 9, 7), strict=True)):
        (folder / f"set{i}").mkdir()
        paths.append(save(folder / f"set{i}" / f"occ_{shape}_jitter_0_model_final.pth", state))
    return paths, states


def test_groups_by_layout_with_names_of_their_own(tmp_path: Path) -> None:
    paths, states = files(tmp_path)
    groups = bring_networks(paths)
    assert [group.vocabulary for group in groups] == [(), NAMES, ()]
    assert [len(group.networks) for group in groups] == [2, 2, 1]
    assert [group.names for group in groups] == [("set0-7", "set2-7"), ("8", "9"), ("7",)]
    assert groups[0].layout.size == sum(value.numel() for value in states[0].values())
    published = [Path(f"{a}/occ_{b}_jitter_0_model_final.pth") for a, b in (("x", 7), ("y", 7), ("x", 8))]
    assert names_of(published) == ("x-7", "y-7", "8")
    assert names_of([Path("a b/n.pth"), Path("a b/n.pt"), Path("occ_9_model_final.pth")]) == ("a-b-n", "a-b-n-2", "9")
    with pytest.raises(InputError):
        bring_networks([*paths, save(tmp_path / "odd.pth", {"a": torch.zeros(1)})])


def test_a_kept_run_decodes_unchanged_exports_and_goes_back(tmp_path: Path) -> None:
    paths, states = files(tmp_path)
    with Project.create(tmp_path / "project") as project:
        for number, (group, which) in enumerate(zip(bring_networks(paths), ((0, 2), (1, 3), (4,)), strict=True)):
            job = project.submit(GenerateJob(run=f"brought-{number}", model="imported", count=1))
            folder = project.run_folder(job.run)
            keep_fitted(project, job.run, keep_network_run(folder, group))
            found: Any = heard(fit_of(job.run, project, Workspace(folder, choose("cpu"))))
            (representation, latents), events = found
            assert not events, "nothing is computed again"
            batch = latents.batch(torch.arange(len(latents)), torch.Generator())
            for row, (solid, i) in enumerate(
                zip(representation.decode(Shapes(batch.target, batch.present)), which, strict=True)
            ):
                prefixes = [f"parts.{name}." for name in group.vocabulary] or [""]
                expected = torch.stack([field(states[i], POINTS, prefix=prefix) for prefix in prefixes]).amax(0)
                torch.testing.assert_close(solid(POINTS), expected, rtol=1e-5, atol=1e-5)
                write_kept_network(folder, row, tmp_path / "back.pth")
                assert same(paths[i], tmp_path / "back.pth")
            assert [record.verdict for record in latents.records] == ["imported"] * len(which)
            assert bool(torch.isfinite(representation.anchor).all())
            shapes = tuple(f"{job.run}/{name}" for name in group.names)
            result = finished(ExportJob(shapes=shapes, out=str(tmp_path / "out"), resolution=32), project)
            assert len(result["files"]) == len(which) and all(file["watertight"] for file in result["files"])


@pytest.mark.parametrize("parts", [(), NAMES], ids=["hyperdiffusion", "semantic"])
def test_a_kept_model_generates_and_goes_back(tmp_path: Path, parts: tuple[str, ...]) -> None:
    sizes = HYPER * max(1, len(parts))
    state = denoiser(sizes, 16, blocks=1)
    path = save(tmp_path / "last.ckpt", {"state_dict": state, "optimizer_states": [torch.zeros(10)]})
    published = read_denoiser(path, heads=4, parts=parts)
    with torch.no_grad():
        guess = denoised(state, torch.zeros(1, sum(sizes)), torch.tensor([499]), 4, plain=False)[0]
    assert torch.equal(mean_guess(published), guess)
    broken = replace(published, state=published.state | {"time.weight": torch.full((16, 257), torch.nan)})
    with pytest.raises(InputError):
        keep_model(tmp_path / "broken", broken)
    model = keep_model(tmp_path / "kept", published)
    about = read_model_about(model)
    assert (about.settings, about.vocabulary, about.layout) == (published.settings, parts, published.layout)
    with Project.create(tmp_path / "project") as project:
        job = GenerateJob(model=str(model), count=3, changes=("steps=4",), whole=False)
        result = finished(job, project)
        assert len(result["shapes"]) == 3
        (_, latents), events = heard(fit_of(result["run"], project, Workspace(tmp_path, choose("cpu"))))
        assert not events, "nothing is computed again"
        assert bool(torch.isfinite(latents.batch(torch.arange(3), torch.Generator()).target).all())
    write_kept_model(tmp_path / "kept", tmp_path / "back.ckpt")
    assert same(path, tmp_path / "back.ckpt")


def test_networks_and_a_denoiser_in_one_run_go_back_each_in_its_own_layout(tmp_path: Path) -> None:
    paths, _ = files(tmp_path)
    path = save(tmp_path / "last.ckpt", {"state_dict": denoiser(HYPER, 16, blocks=1)})
    group = bring_networks(paths)[0]
    for first in (True, False):
        folder = tmp_path / f"kept {first}"
        if first:
            keep_model(folder, read_denoiser(path, heads=4))
        keep_network_run(folder, group)
        if not first:
            keep_model(folder, read_denoiser(path, heads=4))
        write_kept_model(folder, tmp_path / "back.ckpt")
        assert same(path, tmp_path / "back.ckpt")
        for row, i in enumerate((0, 2)):
            write_kept_network(folder, row, tmp_path / "back.pth")
            assert same(paths[i], tmp_path / "back.pth")


def test_runs_of_our_own_have_no_other_layout(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        kept_forms(tmp_path)
