"""What an evaluation means: which real shapes its shapes are held against."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine import Project
from engine.errors import InputError
from engine.jobs import EvaluateJob, GenerateJob, MixJob
from engine.metrics.subjects import subjects_of
from engine.rows import ItemRow, ShapeRow
from engine.text.asking import change_of

SPLITS = ("train", "test", "val", "test")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Items of two categories, chairs and tables asked of a model from elsewhere, and shapes made of these."""
    monkeypatch.setattr("engine.metrics.subjects.origin", lambda run, project: ("", frozenset()))
    with Project.create(tmp_path / "p") as made:
        for category in ("chair", "table"):
            items = [item(f"{category}-{i}", category, split) for i, split in enumerate(SPLITS)]
            made.catalogue.add_items(items)
            for row in items:
                made.geometry_path(row.id).parent.mkdir(parents=True, exist_ok=True)
                made.geometry_path(row.id).touch()
            made.submit(GenerateJob(run=category, model="elsewhere", count=1, category=category))
            made.catalogue.add_shapes([shape(f"{category}/0000", "generated", "elsewhere")])
        for name, parents in {"same": ("chair/0000", "chair/0000"), "both": ("chair/0000", "table/0000")}.items():
            made.submit(MixJob(run=name, base=parents[0], parts={}))
            made.catalogue.add_shapes([shape(f"{name}/0000", "mixed", *parents)])
        yield made


def item(name: str, category: str, split: str) -> ItemRow:
    return ItemRow(
        id=name, kind="mesh", category=category, path="", hash=name, verdict="accepted", reason="", split=split
    )


def shape(name: str, kind: str, *parents: str) -> ShapeRow:
    run, number = name.split("/")
    return ShapeRow(id=name, run=run, row=int(number), kind=kind, verdict=kind, parents=parents)


@pytest.mark.parametrize(
    ("names", "categories"),
    [
        (("chair",), {"chair"}),
        (("table/0000",), {"table"}),
        (("chair", "table"), {"chair", "table"}),
        (("same",), {"chair"}),
        (("both",), {"chair", "table"}),  # neither the one nor the other
    ],
)
def test_shapes_are_held_against_their_own_categories(
    project: Project, names: tuple[str, ...], categories: set[str]
) -> None:
    found = subjects_of(EvaluateJob(names=names), project)
    assert {row.category for row in found.references} == categories
    assert len(found.references) == 3 * len(categories)
    told = {"chair/0000": "chair", "table/0000": "table", "same/0000": "chair", "both/0000": ""}
    assert dict(found.categories) == {row.id: told[row.id] for row in found.shapes}


def test_what_is_named_is_taken(project: Project) -> None:
    found = subjects_of(EvaluateJob(names=("chair",), against=("table",)), project)
    assert {row.category for row in found.references} == {"table"}


@pytest.mark.parametrize(
    ("prompt", "categories", "closer"),
    [
        ("a chair", {"chair"}, False),
        ("a dining table with four legs", {"table"}, True),
        ("something made of wood", {"chair", "table"}, True),
        ("", {"chair", "table"}, False),
    ],
)
def test_a_prompt_says_which_real_shapes_are_meant(
    project: Project, prompt: str, categories: set[str], closer: bool
) -> None:
    """Those of the category that it names, or of all."""
    project.submit(GenerateJob(run="said", model="elsewhere", count=1, changes=(change_of(prompt),)))
    project.catalogue.add_shapes([shape("said/0000", "generated", "elsewhere")])
    found = subjects_of(EvaluateJob(names=("said",)), project)
    assert {row.category for row in found.references} == categories
    assert found.closer == ((prompt,) if closer else ())


def test_points_alone_are_real_shapes_too_and_what_cannot_be_measured_is_told(project: Project) -> None:
    """Except those that are there as a mesh of the same name."""
    bare = ("chair-1", "chair-2", "chair-3")
    for name in bare:
        project.geometry_path(name).unlink()
        project.points_path(name).touch()
    project.catalogue.add_items(
        [
            replace(item("chair-1", "chair", "test"), verdict="points", usable=False, name="twice"),
            replace(item("chair-0", "chair", "test"), name="twice"),
        ]
    )
    found = subjects_of(EvaluateJob(names=("chair",)), project)
    assert [row.id for row in found.references] == ["chair-0", "chair-2", "chair-3"]
    assert found.bare == {"chair-2", "chair-3"} and not found.left_out
    less = found.without({"chair-2", "table-0"})
    assert less.left_out == ("chair-2",) and less.bare == {"chair-3"}
    assert [row.id for row in less.references] == ["chair-0", "chair-3"]
    with pytest.raises(InputError, match="1 unseen items are too few"):
        found.without(found.bare)
    named = subjects_of(EvaluateJob(names=("chair",), against=("chair-0", "chair-1")), project)
    assert [row.id for row in named.references] == ["chair-0", "chair-1"]
