"""Mixing by the command line, and what it reads."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine import Project
from engine.card import MirrorMove, ScaleMove, ShiftMove, TurnMove
from engine.commands import parts
from engine.errors import InputError
from engine.parts.settings import Blend
from tests.command_line import call
from tests.mixed import A, make_project
from tests.parts.toys import NAMES


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with make_project(tmp_path_factory.mktemp("mixing") / "project") as made:
        yield made


def test_faders_of_the_command_line() -> None:
    """Those of a mixture are tested with the mix panel."""
    given = {"blends": ("wing=0.25:fit/a,fit/b", "tail=1:a,b,c"), "arcs": ("body=.5:a,b",)}
    assert parts._blends(given) == {
        "wing": Blend(shapes=("fit/a", "fit/b"), alpha=0.25),
        "tail": Blend(shapes=("a", "b", "c"), alpha=1.0),
        "body": Blend(shapes=("a", "b"), alpha=0.5, way="spherical"),
    }
    for texts, words in {
        ("wing=0.5:a",): "wing=0.25:a,b",
        ("wing=x:a,b",): "not a number",
        ("wing=2:a,b",): "from 0 to 1",
        ("body=0.1:a,b",): "both name body",
    }.items():
        with pytest.raises(InputError, match=words):
            parts._blends(given | {"blends": texts})


def test_mix_card_list_and_export_from_the_command_line(project: Project, tmp_path: Path) -> None:
    here = ("--project", str(project.folder))
    asked = ("--part", "wing=drawn/0001", "--duplicate", "tail=tail.2", "--move", "tail.2=0.2,0,-0.05", "--turn")
    done = call("mix", "--base", A, *asked, "wing=y:15", "--hold", "body", "--json", *here)
    result = done.answer
    (name,) = result["shapes"]
    assert [row["part"] for row in result["parts"]] == [*NAMES, "tail.2"]
    card = call("card", name, "--json", *here).answer
    kept = (project.run_folder(result["run"]) / "cards" / "0000.json").read_bytes()
    assert card == msgspec.json.decode(kept) and card["held"] == ["body", "wing"]
    shown = call("card", name, *here).stdout
    assert (
        "drawn/0001" in shown and "wing turned by 15 degrees about y" in shown and "licence of fit-fit-a" not in shown
    )
    assert "licence of fit-a" in shown and card["hashes"]["wing"] in shown
    assert "mixed" in call("list", "shapes", *here).stdout
    export = call("export", name, "--out", str(tmp_path), "--resolution", "48", "--json", *here)
    (file,) = export.answer["files"]
    assert set(file["parts"]) == {*NAMES, "tail.2"} and file["watertight"]
    done = call("mix", "--base", A, "--part", "wing=fit-b", *here, status=2)
    assert "is an item" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_motions_are_read_in_the_order_in_which_they_act() -> None:
    given = {"scales": ("a=2", "b=1,2,3"), "turns": ("a=y:-15",), "mirrors": ("b=x:middle",), "shifts": ("a=0,.5,-1",)}
    assert parts._moves(given) == (
        ScaleMove(part="a", factors=(2, 2, 2)),
        ScaleMove(part="b", factors=(1, 2, 3)),
        TurnMove(part="a", axis="y", degrees=-15),
        MirrorMove(part="b", axis="x", middle=True),
        ShiftMove(part="a", by=(0, 0.5, -1)),
    )


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("shifts", "wing", "NAME=VALUE"),
        ("shifts", "wing=1,2", "three numbers"),
        ("shifts", "wing=1,2,x", "'x' is not a number"),
        ("shifts", "wing=1,2,inf", "not a finite number"),
        ("turns", "wing=q:5", "no axis"),
        ("turns", "wing=5", "wing=y:15"),
        ("mirrors", "wing=x:here", "x:middle"),
        ("scales", "wing=-1", "above 0"),
        ("scales", "wing=1e9", "from 0.01 to 100"),
        ("scales", "wing=1,0.001,1", "from 0.01 to 100"),
    ],
)
def test_motions_that_cannot_be_read_are_told(option: str, text: str, says: str) -> None:
    nothing: dict[str, tuple[str, ...]] = dict.fromkeys(("scales", "turns", "mirrors", "shifts"), ())
    with pytest.raises(InputError, match=says):
        parts._moves({**nothing, option: (text,)})
    with pytest.raises(InputError, match="--part names wing twice"):
        parts._pairs("--part", ("wing=a", "wing=b"))
