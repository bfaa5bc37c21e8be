"""The family of a shape, from the catalogue and from the cards that were kept with derived shapes."""

from pathlib import Path

import pytest

from engine.card import Card, ShiftMove
from engine.jobs import FitJob, GenerateJob, Job, MixJob, RerollJob, SplitJob
from engine.methods import preset
from engine.project import Project
from engine.rows import ItemRow, ShapeRow
from engine.storage import write_json
from studio.models.lineage import MOST, Origin, read_lineage

ITEM, FIT, DRAWN, MIXED, AGAIN = "chair-1", "fit-0001/0000", "generate-0001/0000", "mix-0001/0000", "reroll-0001/0000"


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """A mesh and its fit, a drawn chair, a mix of the two, and a variant of the mix."""
    with Project.create(tmp_path / "Chairs") as project:
        project.catalogue.add_items(
            [
                ItemRow(
                    id=ITEM,
                    kind="mesh",
                    category="chair",
                    path="a/mine.obj",
                    hash="1",
                    verdict="watertight",
                    reason="",
                    split="train",
                    licence="CC0",
                )
            ]
        )
        add(project, FitJob(settings=preset("basis", "tiny")), FIT, "fitted", (ITEM,), quality=0.91)
        job = GenerateJob(model="shipped:chair", count=1, seed=7, without=("arm",))
        add(project, job, DRAWN, "generated", ("shipped:chair",))
        mix = MixJob(base=DRAWN, parts={"seat": FIT})
        add(project, mix, MIXED, "mixed", (DRAWN, FIT))
        moves = (ShiftMove(part="seat", by=(0.0, 0.1, 0.0)),)
        keep(project, Card(shape=MIXED, parents={"leg": DRAWN, "back": DRAWN, "seat": FIT}, moves=moves))
        add(project, RerollJob(shape=MIXED, parts=("leg",)), AGAIN, "rerolled", (MIXED,))
        parents = {"leg": MIXED, "back": MIXED, "seat": MIXED}
        keep(project, Card(shape=AGAIN, operation="rerolled", parents=parents, seed=3, model="train-0001"))
    return tmp_path / "Chairs"


def add(
    project: Project, job: Job, name: str, kind: str, parents: tuple[str, ...], quality: float | None = None
) -> None:
    run = project.submit(job).run
    assert name.startswith(run)
    project.catalogue.end_run(run, "finished")
    item = ITEM if kind == "fitted" else ""
    row = ShapeRow(id=name, run=run, row=0, kind=kind, item=item, parents=parents, quality=quality)
    project.catalogue.add_shapes([row])


def keep(project: Project, card: Card) -> None:
    run, _, name = card.shape.partition("/")
    write_json(project.run_folder(run) / "cards" / f"{name}.json", card)


def names(origin: Origin) -> list[str]:
    return [origin.name, *(name for parent in origin.parents for name in names(parent))]


def test_a_family_goes_down_to_models_and_meshes(family: Path) -> None:
    root = read_lineage(family, AGAIN)
    assert names(root) == [AGAIN, MIXED, DRAWN, "shipped:chair", FIT, ITEM, "train-0001"]
    mixed, model = root.parents
    assert root.words == "leg drawn anew; seed 3" and mixed.gives == () and model.gives == ("leg",)
    drawn, fit = mixed.parents
    assert mixed.words == "mixed; seat moved"
    assert (drawn.gives, fit.gives) == (("leg", "back"), ("seat",)), "who gave which part"
    assert drawn.words == "drawn; without arm; seed 7" and "0.91" in fit.words
    assert fit.parents[0].words == "brought in from mine.obj; licence CC0"


def test_what_is_told_already_is_not_told_again(family: Path) -> None:
    """Generations of mixes of the same two double with each step; what is read must not."""
    with Project(family) as project:
        pair = (DRAWN, MIXED)
        for _ in range(30):
            run = project.catalogue.new_run("mix", "")
            project.catalogue.end_run(run, "finished")
            rows = [ShapeRow(id=f"{run}/{i}", run=run, row=i, kind="mixed", parents=pair) for i in (0, 1)]
            project.catalogue.add_shapes(rows)
            pair = (rows[0].id, rows[1].id)
    found = names(read_lineage(family, pair[0]))
    assert len(found) < MOST and {DRAWN, ITEM} <= set(found)


def test_a_shape_that_was_put_into_order_says_so(family: Path) -> None:
    with Project(family) as project:
        moves = (ShiftMove(part="seat", by=(0.0, -0.02, 0.0)),)
        parents = dict.fromkeys(("leg", "seat"), "shipped:chair")
        keep(project, Card(shape=DRAWN, operation="generated", parents=parents, model="shipped:chair", moves=moves))
    root = read_lineage(family, DRAWN)
    assert names(root) == [DRAWN, "shipped:chair"] and root.parents[0].gives == ()
    assert root.words == "drawn; without arm; seed 7; seat moved"


def test_parts_found_in_a_cloud_tell_which_training_shape_they_went_out_from(family: Path) -> None:
    split = "split-0001/0000"
    with Project(family) as project:
        add(project, SplitJob(shapes=(DRAWN,)), split, "split", (DRAWN,))
        assert read_lineage(family, split).words == "parts found in a cloud"
        made = [{"shape": split, "start": "chair-7", "lent": {"arm": "chair-9"}, "near": 0.98}]
        write_json(project.run_folder("split-0001") / "result.json", {"run": "split-0001", "made": made})
    told = read_lineage(family, split).words
    assert told == "parts found in a cloud; begun from training shape chair-7, arm from chair-9"


def test_a_shape_whose_card_is_gone_still_tells_its_parents(family: Path) -> None:
    (family / "runs" / "mix-0001" / "cards" / "0000.json").unlink()
    assert [parent.name for parent in read_lineage(family, MIXED).parents] == [DRAWN, FIT]
    assert read_lineage(family, "gone-0001/0000").parents == ()
