"""Clouds whose points have colours: from files by way of a pool and a model to files again; and all without them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import Project, methods
from engine.clouds.nearest import POOL, nearest_clouds
from engine.clouds.pool import AXES, MIDDLE, make_pool
from engine.clouds.representation import CloudRepresentation
from engine.clouds.upsampled import with_points
from engine.errors import InputError
from engine.forming import Forming
from engine.geometry.export.scene import to_srgb
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import ColouredRaw, OnlyColouredPointsError
from engine.jobs import ExportJob, FitJob, Format, GenerateJob, TrainJob
from engine.layout import Layout, Slot
from engine.mailbox import Preview
from engine.method import Data, Shapes
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.methods.tiny3d.settings import PointDenoiserSettings, Tiny3dSettings
from engine.settings import override
from engine.stages import ended
from engine.storage import read_tensors
from tests.hearing import finished, heard
from tests.tiny3d import coloured
from tests.tiny3d.coloured import SEAM, bring
from tests.tiny3d.conftest import DIM, Reader

COLOURED = override(methods.preset("tiny3d", "smoke"), ["fit.colours=true", "train.steps=2"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A box and a ball, red to the left and blue to the right, and a ball without colours."""
    torch.set_num_threads(1)
    with Project.create(tmp_path_factory.mktemp("coloured") / "p") as project:
        bring(project, "box", coloured.ply(coloured.box()))
        bring(project, "ball", coloured.ply(coloured.ball()))
        bring(project, "plain", coloured.ply(coloured.ball(8)).replace(b"red", b"odd"))
        yield project


@pytest.fixture(scope="module")
def trained(project: Project) -> tuple[str, str]:
    """The runs of a fit and of a training on all of them, of two steps."""
    fit = finished(FitJob(settings=COLOURED), project)["run"]
    return fit, finished(TrainJob(settings=COLOURED, fit=fit), project)["run"]


def test_points_of_the_pool_have_the_colour_of_their_side(project: Project, tmp_path: Path) -> None:
    """Their places are those of a pool without colours; an item without any is grey, which is said."""
    data = Data(project, tuple(project.catalogue.items()))
    _, events = heard(make_pool(data, 32, 4, 0, tmp_path / "six.safetensors", 6))
    assert any("1 of 3 items have no colours" in getattr(event, "text", "") for event in events)
    list(make_pool(data, 32, 4, 0, tmp_path / "three.safetensors"))
    pool, plain = (read_tensors(tmp_path / f"{name}.safetensors")[0]["pool"] for name in ("six", "three"))
    assert plain.shape == (3, 128, 3) and np.array_equal(pool[:, :, :AXES], plain)
    for item, points in zip(data.items, pool.astype(np.float32), strict=True):
        if item.category == "plain":
            assert not points[:, AXES:].any()
            continue
        for side, colour in ((points[:, 0] < -SEAM, coloured.RED), (points[:, 0] > SEAM, coloured.BLUE)):
            assert side.sum() > 30
            assert np.abs(points[side, AXES:] + MIDDLE - colour).max() < 0.01


def test_colours_where_no_item_has_any_are_refused(project: Project, tmp_path: Path) -> None:
    plain = tuple(item for item in project.catalogue.items() if item.category == "plain")
    with pytest.raises(InputError, match=r"none of these items has colours.*fit\.colours"):
        list(make_pool(Data(project, plain), 32, 4, 0, tmp_path / "a.safetensors", 6))
    assert not (tmp_path / "a.safetensors").exists()


def test_from_coloured_items_to_a_file_with_colours(project: Project, trained: tuple[str, str], tmp_path: Path) -> None:
    """Drawn clouds have colours of their own, which a PLY file holds, also where points were put between the drawn ones."""
    _, model = trained
    for points in (0, 90):
        asked = GenerateJob(model=model, count=1, changes=("sampler.points=40",), points=points, picture=False)
        made = finished(asked, project)
        out = tmp_path / str(points)
        finished(ExportJob(shapes=tuple(made["shapes"]), out=str(out), format="ply"), project)
        (path,) = out.rglob("*.ply")
        with pytest.raises(OnlyColouredPointsError) as found:
            read_raw(path)
        latent = read_tensors(project.run_folder(made["run"]) / "latents.safetensors")[0]["latent"]
        rows = latent.reshape(-1, 6)
        assert len(found.value.points) == len(rows) == (points or 40)
        assert np.allclose(found.value.colours, (rows[:, AXES:] + MIDDLE).clip(0, 1), atol=0.5 / 255 + 1e-6)
        assert np.allclose(np.ptp(found.value.points, 0), np.ptp(rows[:, :AXES], 0), rtol=1e-3)
        assert len(np.unique(found.value.colours, axis=0)) > 10


@pytest.mark.parametrize("format", ["glb", "obj", "ply"])
def test_items_are_exported_in_their_colours(project: Project, tmp_path: Path, format: Format) -> None:
    """And those without any as ever."""
    for item in project.catalogue.items():
        file = finished(ExportJob(shapes=(item.id,), out=str(tmp_path / item.category), format=format), project)[
            "files"
        ][0]
        raw = read_raw(Path(file["path"]))
        assert isinstance(raw, ColouredRaw) == (item.category != "plain")
        if isinstance(raw, ColouredRaw):
            across = raw.mesh.vertices[:, 0] / np.ptp(raw.mesh.vertices[:, 0])
            for side, colour in ((across < -SEAM, coloured.RED), (across > SEAM, coloured.BLUE)):
                assert side.sum() > 3 and np.abs(raw.colours[side] - colour).max() < 0.01


def test_the_nearest_item_is_told_by_places_alone(project: Project, trained: tuple[str, str], tmp_path: Path) -> None:
    """Whatever colours the pool has: a box of other points is nearest to the box."""
    fit, _ = trained
    pool = read_tensors(project.run_folder(fit) / POOL)[0]["pool"].astype(np.float32)
    names = [item.category for item in project.catalogue.items()]
    cloud = pool[names.index("box"), None, 100:400, :AXES]
    (found,) = ended(nearest_clouds(["a"], cloud, project.run_folder(fit), names, range(3), tmp_path))
    assert found.nearest == "box"


def test_new_points_have_the_colours_around_them() -> None:
    generator = np.random.default_rng(0)
    places = generator.normal(size=(1, 200, 3))
    places /= 2 * np.linalg.norm(places, axis=2, keepdims=True)
    shades = np.where(places[:, :, :1] < 0, coloured.RED, coloured.BLUE) - MIDDLE
    rows = torch.from_numpy(np.concatenate([places, shades], 2)).float()
    more = ended(with_points(Shapes(rows.flatten(1)), 600, 0, width=6)).latent.unflatten(1, (-1, 6))[0]
    assert torch.equal(more[:200], rows[0])
    plain = ended(with_points(Shapes(rows[:, :, :AXES].flatten(1)), 600, 0)).latent.unflatten(1, (-1, 3))[0]
    assert torch.equal(more[:, :AXES], plain)
    new = more[200:].numpy()
    for side, colour in ((new[:, 0] < -0.2, coloured.RED), (new[:, 0] > 0.2, coloured.BLUE)):
        assert side.sum() > 50 and np.allclose(new[side, AXES:] + MIDDLE, colour, atol=1e-6)


def test_places_and_colours_are_each_measured(exact: None) -> None:
    """What the network sees has about unit variance in both, whatever the colours are; and it comes back."""
    found = PointDenoiser(PointDenoiserSettings(width=32, layers=1, heads=1), Reader(), DIM, 6)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, 500, 6, generator=generator) * torch.tensor([0.2, 0.3, 0.1, 0.01, 0.02, 0.03]) + 0.1
    found.fit_statistics(rows.flatten(1).split(2))
    seen = found.normalise(rows.flatten(1)).unflatten(1, (-1, 6)).flatten(0, 1)
    for kind in (seen[:, :3], seen[:, 3:]):
        assert kind.square().mean() == pytest.approx(1, abs=1e-3) and kind.mean(0).abs().max() < 1e-3
    assert torch.allclose(found.restore(found.normalise(rows.flatten(1))), rows.flatten(1), atol=1e-6)
    assert found(torch.randn(2, 60), torch.tensor([1, 9]), found.nothing.expand(2, -1)).shape == (2, 60)


def test_clouds_that_form_are_seen_in_their_colours() -> None:
    """In the view and in the picture; those without have none."""
    latent = torch.zeros(1, 4, 6)
    latent[0, :, :AXES] = torch.tensor([[0.3, 0, 0], [-0.3, 0, 0], [0, 0.3, 0], [0, 0, 0.3]])
    latent[0, :, AXES:] = torch.tensor(coloured.RED) - MIDDLE
    representation = CloudRepresentation(override(Tiny3dSettings(), ["fit.colours=true"]))
    forming = Forming(representation, 2, torch.device("cpu"))
    (seen,) = forming.look(range(1), 0.5, latent.flatten(1))
    assert isinstance(seen, Preview)
    assert seen.arrays["colours"].shape == (2, 4, 3) and (seen.arrays["colours"][0] == coloured.RED).all()
    red, _, blue = seen.arrays["pictures"][0].astype(int).transpose(2, 0, 1)
    assert (red > blue + 60).sum() > 20
    (plain,) = Forming(CloudRepresentation(Tiny3dSettings()), 1, torch.device("cpu")).look(
        range(1), 0.5, latent[:, :, :AXES].flatten(1)
    )
    assert isinstance(plain, Preview) and "points" in plain.arrays and "colours" not in plain.arrays


def test_a_colour_is_what_its_numbers_say() -> None:
    """sRGB around the middle of the cube, light in a decoded cloud; noise beyond what can be is held."""
    latent = torch.tensor([[0.1, 0.2, 0.3, -0.5, 0.0, 0.5, 0.4, 0.5, 0.6, -3.0, 0.25, 7.0]])
    (cloud,) = CloudRepresentation(override(Tiny3dSettings(), ["fit.colours=true"])).decode(Shapes(latent))
    assert cloud.colours is not None and cloud.colours.dtype == np.float32
    assert np.allclose(cloud.points, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    assert np.allclose(to_srgb(cloud.colours), [[0, 0.5, 1], [0, 0.75, 1]], atol=1e-6)


def test_what_puts_points_into_clouds_is_trained_without_colours() -> None:
    settings = override(COLOURED, ["denoiser.role=details"])
    with pytest.raises(InputError, match=r"without fit\.colours"):
        methods.load(settings).trainee(settings, Layout((Slot("points", (64, 6)),)), {})


def test_without_colours_a_model_is_what_it_was() -> None:
    """The same names and shapes of what is saved; what colours change is where points enter and leave."""

    def state(settings: Tiny3dSettings) -> dict[str, Tensor]:
        torch.manual_seed(0)
        made: dict[str, Tensor] = methods.load(settings).trainee(settings, Layout(()), {}).state_dict()
        return made

    plain, six = state(methods.preset("tiny3d", "smoke")), state(COLOURED)  # type: ignore[arg-type]
    assert plain["scale"].shape == () and plain["mean"].shape == (3,) and plain["network.enter.weight"].shape == (64, 3)
    assert plain.keys() == six.keys()
    assert {name for name in plain if plain[name].shape != six[name].shape} == {
        *("mean", "scale", "network.enter.weight", "network.leave.weight", "network.leave.bias")
    }
