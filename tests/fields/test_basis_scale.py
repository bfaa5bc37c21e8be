"""Many shapes, many parts, several categories: what a step costs, and who is learned from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import torch
from torch import Tensor, nn

from engine.basis import learn as learning
from engine.basis import representation as represented
from engine.basis.learn import Codes, Pool, learn
from engine.basis.point_files import PointFile, PointFiles
from engine.basis.representation import JUDGES, evenly, in_turn
from engine.basis.seldom import SeldomCodes
from engine.errors import DamagedFileError
from engine.method import Data, Workspace
from engine.optimise import optimise
from engine.rows import ItemRow
from engine.settings import TrainSettings
from tests.fields.test_basis import FIT, experts, items, representation, run


def item(number: int, category: str = "chair") -> ItemRow:
    return ItemRow(
        id=f"{number:03d}", kind="mesh", category=category, path="", hash="", verdict="", reason="", split="train",
        parts=("body",),
    )  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> PointFiles:
    """Three items, one without pods, as files."""
    paths = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for path, one in zip(paths, items(), strict=True):
        one.save(path)
    return PointFiles(map(PointFile.of, paths))


def test_files_give_the_points_that_are_held(files: PointFiles, tmp_path: Path) -> None:
    """Also of absent parts, of which files hold nothing, and of some of the items."""
    held = items()
    which, starts = torch.tensor([[0, 1, 2], [2, 1, 0]]), torch.tensor([[3, 50, 7], [9, 1, 200]])
    for read, wanted in zip(Pool(files).read(which, starts, 64), Pool(held).read(which, starts, 64), strict=True):
        assert torch.equal(read, wanted)
    for one, other in zip(files, held, strict=True):
        assert all((getattr(one, name) == getattr(other, name)).all() for name in ("points", "distance", "frames"))
    assert (files[1:][1].points == held[2].points).all()
    sizes = [(tmp_path / f"{i}.safetensors").stat().st_size for i in (1, 2)]
    assert sizes[0] < 0.6 * sizes[1]


def test_points_of_many_files_keep_none_open(tmp_path: Path) -> None:
    """200 files, of which a step reads many: as many descriptors and mapped files as before."""
    held, process = items(1)[0], psutil.Process()
    held.save(tmp_path / "0.safetensors")
    for i in range(1, 200):
        (tmp_path / f"{i}.safetensors").hardlink_to(tmp_path / "0.safetensors")
    pool = Pool(PointFiles(PointFile.of(tmp_path / f"{i}.safetensors") for i in range(200)))
    which = pool.pick(100, torch.Generator().manual_seed(0))
    local, _ = pool.read(which, torch.zeros_like(which), 16)
    opened = [name.path for name in (*process.open_files(), *process.memory_maps())]
    assert local.any() and not [name for name in opened if str(tmp_path) in name]


def test_a_file_that_is_gone_says_what_to_do(files: PointFiles, tmp_path: Path) -> None:
    (tmp_path / "0.safetensors").unlink()
    with pytest.raises(DamagedFileError, match="resume the fit"):
        files.stretch(0, 0, 0, 16)


def test_seldom_codes_move_as_if_all_moved_at_every_step() -> None:
    """40 shapes of which a step looks at two: the same path as with Adam for all, to a thousandth of what they moved."""
    start = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0))
    aim = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(1))
    settings = TrainSettings(steps=200, lr=1e-2, weight_decay=0.0, warmup=20, clip=0.0, ema=0.0)
    part = torch.arange(2)[:, None]

    def ends(codes: Codes | SeldomCodes) -> Tensor:
        def loss(step: int, generator: torch.Generator) -> Tensor:
            which = torch.randint(40, (2, 2), generator=generator)
            return (codes.take(which, step) - aim[which, part]).pow(2).mean() + 0.0 * other.weight.sum()

        other = nn.Linear(1, 1)  # `optimise` wants something of its own to train
        run(optimise({"codes": codes, "other": other}, loss, settings, seed=0))
        return codes.final(settings.steps).detach()

    dense, seldom = ends(Codes(start, 4.0)), ends(SeldomCodes(start, 4.0, settings))
    assert (dense - start).abs().mean() > 0.3
    assert (dense - seldom).abs().max() < 1e-3 * (dense - start).abs().max()


def test_learning_with_seldom_codes_is_the_same_and_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = run(learn(experts(), items(), FIT, 0, None))
    monkeypatch.setattr(learning, "MOST_DENSE", 0)
    made = experts()
    codes = run(learn(made, items(), FIT, 0, None))
    assert torch.allclose(codes, dense, atol=1e-3)
    assert run(learn(experts(), items(), FIT, 0, tmp_path), stop_at=2) is None
    fresh = experts(seed=5)
    assert torch.equal(run(learn(fresh, items(), FIT, 0, tmp_path)), codes)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), fresh.parameters(), strict=True))


@pytest.mark.parametrize(("pairs", "each"), [(0, FIT.shapes), (6, 3), (7, 3), (1, 2)])
def test_pairs_are_shared_out_over_parts(pairs: int, each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, pick = [], Pool.pick

    def spy(pool: Pool, shapes: int, generator: torch.Generator) -> Tensor:
        seen.append(shapes)
        return pick(pool, shapes, generator)

    monkeypatch.setattr(Pool, "pick", spy)
    run(learn(experts(), items(), msgspec.structs.replace(FIT, steps=2, pairs=pairs), 0, None))
    assert seen == [each, each]


def test_items_are_cut_off_evenly_over_categories() -> None:
    """Of a category alone the first; of several as many of each, those of small ones all; always in their order."""
    alone = [item(i) for i in range(5)]
    assert evenly(alone, 3) == alone[:3] and evenly(alone, 9) == alone and in_turn(alone) == alone
    mixed = [item(i, "airplane" if i < 50 else "chair" if i < 60 else "mug") for i in range(62)]
    kept = evenly(mixed, 16)
    assert [one.id for one in kept] == sorted(one.id for one in kept)
    assert [sum(one.category == name for one in kept) for name in ("airplane", "chair", "mug")] == [7, 7, 2]


def test_every_category_tells_whether_a_part_is_its_own_mirror_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lopsided one of a later category counts, however many even ones there are before it."""
    several = [item(i, "chair" if i < 40 else "mug") for i in range(41)]

    class Somewhere:
        def geometry_path(self, name: str) -> str:
            return name

    told: list[str] = []

    def lopsided(mesh: str, seed: int) -> float:
        told.append(mesh)
        return float(mesh == "040")

    monkeypatch.setattr(represented, "load_geometry", lambda path: path)
    monkeypatch.setattr(represented, "part_meshes_of", lambda name: {"body": name})
    monkeypatch.setattr(represented, "lopsided", lopsided)
    data: Any = Data(Somewhere(), tuple(several))  # type: ignore[arg-type]
    mirrors: Callable[..., Any] = representation()._mirrors
    work = [Workspace(tmp_path / name, torch.device("cpu")) for name in ("several", "one")]
    assert run(mirrors(data, several, work[0])) == [False, False] and len(told) == JUDGES
    assert run(mirrors(data, several[:40], work[1])) == [True, False]
