"""A model made as those that come with the program are, small and of no use: stopped on the way, and whole in the end."""

from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine import Project, run, shipped
from engine.jobs import GenerateJob
from engine.protocol import Finished, Stage
from engine.settings import ProtocolSettings
from engine.shipping.card import FILES
from engine.shipping.learning import learning_version
from engine.shipping.make import make_models
from engine.shipping.recipe import Recipe
from tests.test_shipped import FEW, ended

SMALL = Recipe(
    category="mug",
    changes=tuple(FEW),
    training=6,
    unseen=2,
    samples=4,
    protocol=ProtocolSettings(points=256, part_points=64, emd_points=0, grid=48, resamples=10),
    grid=48,
    shown=3,
    mixes=1,
)


@pytest.mark.slow
def test_a_model_is_made_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, work = tmp_path / "models", tmp_path / "work"
    (out / "notes").mkdir(parents=True)
    (out / "notes" / "mug.md").write_text("Nothing was tried.")

    def stage() -> Stage[dict[str, Any]]:
        return make_models([SMALL], out, work, "cpu", "python -m engine models --category mug")

    for events in (30, 60):  # stopped twice, and nothing of a half-made model is put out
        going = stage()
        list(islice(going, events))
        going.close()
        assert not list(out.glob("mug*"))
    made = ended(stage())
    assert made["models"][0]["name"] == "mug"
    assert {path.name for path in out.glob("mug*")} == {f"mug{suffix}" for suffix in FILES}
    before = {path.name: path.read_bytes() for path in out.glob("mug*")}
    ended(stage())
    assert before == {path.name: path.read_bytes() for path in out.glob("mug*")}

    monkeypatch.setenv(shipped.ELSEWHERE, str(out))
    (card,) = shipped.shipped_cards()
    assert {name: sha256(before[name]).hexdigest() for name in card.hashes} == card.hashes
    assert card.closed and card.closed_real
    assert (card.unseen, card.closed.shapes, card.closed_real.one_shell) == (2, 4, 2)
    assert {row.kind for row in card.scores} == {"generated", "real"}
    assert card.seconds["fit"] > 0 and card.tried == "Nothing was tried." and card.tried in before["mug.md"].decode()
    assert card.learning == learning_version() and card.learning in before["mug.md"].decode()
    (folder,) = work.iterdir()
    trained = (folder / "runs" / "train" / "result.json").stat().st_mtime_ns
    ended(make_models([replace(SMALL, unseen=3, shown=2)], out, work, "cpu", "python -m engine models"))
    assert list(work.iterdir()) == [folder], "trained anew, to measure against another number of shapes"
    assert (folder / "runs" / "train" / "result.json").stat().st_mtime_ns == trained
    (other,) = shipped.shipped_cards()
    assert (other.unseen, other.hash, other.closed) == (3, card.hash, card.closed)
    assert other.hashes["mug-shapes.webp"] != card.hashes["mug-shapes.webp"]
    with Project.create(tmp_path / "p") as project:
        *_, last = run(GenerateJob(model="shipped:mug", count=2, picture=False, whole=False), project)
        assert isinstance(last, Finished) and len(last.result["shapes"]) == 2
