"""The catalogue: what several processes write at once is all there, and kill -9 damages nothing."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalogue import Catalogue
from engine.errors import DamagedFileError, DiskError, InputError, explain
from engine.rows import ItemRow, ShapeRow
from tests.worker_jobs import posix

EACH = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(path)
    yield catalogue
    catalogue.close()


def item(name: str, **changes: object) -> ItemRow:
    fields = {
        "kind": "mesh",
        "category": "chair",
        "path": "p",
        "hash": "h",
        "verdict": "ok",
        "reason": "",
        "split": "train",
    }
    return ItemRow(id=name, **{**fields, **changes})  # type: ignore[arg-type]


def shape(run: str, row: int) -> ShapeRow:
    return ShapeRow(id=f"{run}/{row}", run=run, row=row, kind="fitted")


def write_much(path: Path, me: int) -> None:
    """One of several writers: items, a run, shapes and edits, one transaction each."""
    catalogue = Catalogue(path)
    run = catalogue.new_run("fit", "semantic")
    catalogue.acquire(run)
    for number in range(EACH):
        catalogue.add_items([item(f"{me}-{number}")])
        catalogue.add_shapes([shape(run, number)])
        catalogue.log({"who": me, "number": number}, {"undo": number})
        catalogue.beat(run)
    catalogue.end_run(run, "finished")
    catalogue.close()


def test_writers_at_once_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_much, args=(path, me)) for me in range(3)]
    for writer in writers:  # they also race to make the file
        writer.start()
    for writer in writers:
        writer.join(60.0)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    with closing(Catalogue(path)) as catalogue:
        assert {found.id for found in catalogue.items()} == {f"{me}-{n}" for me in range(3) for n in range(EACH)}
        runs = catalogue.runs()
        assert sorted(run.id for run in runs) == ["fit-0001", "fit-0002", "fit-0003"]
        assert {run.state for run in runs} == {"finished"}
        assert all([found.row for found in catalogue.shapes(run.id)] == list(range(EACH)) for run in runs)
        edits = catalogue.edits()
        assert [edit.seq for edit in edits] == list(range(1, 3 * EACH + 1))
        for me in range(3):  # each writer's own order is kept
            assert [edit.action["number"] for edit in edits if edit.action["who"] == me] == list(range(EACH))


def write_for_ever(path: Path) -> None:
    """Whole batches: an item, a shape and an edit count as written only together with their transaction."""
    catalogue = Catalogue(path)
    run = catalogue.new_run("fit", "semantic")
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        catalogue.add_shapes([shape(run, 10 * number + i) for i in range(10)])
        catalogue.log({"batch": number}, {})
        os.write(1, f"{number}\n".encode())


@posix
def test_kill_in_the_middle_of_writing_damages_nothing(path: Path, tmp_path: Path) -> None:
    script = "import sys, pathlib, tests.test_catalogue as t; t.write_for_ever(pathlib.Path(sys.argv[1]))"
    written: list[int] = []
    for attempt in range(5):
        out = tmp_path / f"out-{attempt}"
        with open(out, "wb") as file:
            writer = subprocess.Popen(
                [sys.executable, "-c", script, str(path)], stdout=file, cwd=Path(__file__).parents[1]
            )
            end = time.monotonic() + 30.0
            while b"\n2\n" not in out.read_bytes():
                assert time.monotonic() < end and writer.poll() is None
                time.sleep(0.002)
            time.sleep(0.007 * attempt)
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        written.append(int(out.read_text().splitlines()[-1]))
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(Catalogue(path)) as catalogue:
        assert len(catalogue.edits()) >= sum(written), "what was reported as written is there"
        assert [edit.seq for edit in catalogue.edits()] == list(range(1, len(catalogue.edits()) + 1))
        assert len(catalogue.shapes()) % 10 == 0, "a batch is there as a whole or not at all"
        assert len(catalogue.shapes()) >= 10 * sum(written)


def test_the_edit_log_only_grows(catalogue: Catalogue, path: Path) -> None:
    numbers = [catalogue.log({"n": n}, {"undo": n}) for n in range(5)]
    assert numbers == sorted(set(numbers))
    assert [(edit.action, edit.inverse) for edit in catalogue.edits()] == [({"n": n}, {"undo": n}) for n in range(5)]
    assert [edit.at for edit in catalogue.edits()] == sorted(edit.at for edit in catalogue.edits())
    with closing(Catalogue(path)) as other:
        assert other.log({}, {}) > numbers[-1]


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    words,
    st.lists(words, max_size=3),
    st.dictionaries(
        words, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words | st.lists(words, max_size=2)
    ),
)
def test_rows_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, text: str, names: list[str], attributes: dict[str, object]
) -> None:
    with closing(Catalogue(tmp_path_factory.mktemp("rows") / "c.sqlite")) as catalogue:
        row = item("x", category=text, parts=tuple(names), captions=tuple(names), attributes=attributes, origin=text)
        catalogue.add_items([row])
        assert catalogue.item("x") == row and catalogue.items() == [row]
        made = ShapeRow(id="s", run="r", row=3, kind="mixed", quality=0.5, present=tuple(names), parents=("a", "b"))
        catalogue.add_shapes([made])
        assert catalogue.shape("s") == made and catalogue.shapes("r") == [made]


def test_items_can_be_chosen(catalogue: Catalogue) -> None:
    catalogue.add_items([item("b"), item("a"), item("c", category="lamp"), item("d", verdict="refused", usable=False)])
    assert [row.id for row in catalogue.items()] == ["a", "b", "c", "d"]
    assert [row.id for row in catalogue.items("chair", accepted=True)] == ["a", "b"]
    catalogue.add_items([item("a", category="lamp")])  # replaced, not doubled
    assert [row.id for row in catalogue.items("lamp")] == ["a", "c"]


def test_unknown_names_are_told(catalogue: Catalogue) -> None:
    for ask in (catalogue.item, catalogue.run, catalogue.shape, catalogue.acquire):
        with pytest.raises(InputError, match="'nobody'.*list"):
            ask("nobody")
    with pytest.raises(InputError, match="'nobody'"):
        catalogue.end_run("nobody", "failed")
    catalogue.end_open_run("nobody", "failed", "")  # nothing to end


def test_runs_get_names_of_their_own(catalogue: Catalogue) -> None:
    assert [catalogue.new_run("fit", ""), catalogue.new_run("fit", ""), catalogue.new_run("train", "")] == [
        "fit-0001",
        "fit-0002",
        "train-0001",
    ]
    assert catalogue.new_run("fit", "", "fit-0004") == "fit-0004"
    assert catalogue.new_run("fit", "", "fit-0004") == "fit-0004" and len(catalogue.runs("fit")) == 3
    assert catalogue.new_run("fit", "") == "fit-0005"  # not the name that the count alone would give


# files -----------------------------------------------------------------------------------------------------------------
def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    with closing(sqlite3.connect(newer)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="newer version"):
        Catalogue(newer)
    text = tmp_path / "text.sqlite"
    text.write_text("no database at all " * 100)
    with pytest.raises(DamagedFileError, match="damaged"):
        Catalogue(text)
    with pytest.raises(InputError, match="cannot be opened"):
        Catalogue(tmp_path / "no" / "folder.sqlite")


@pytest.mark.parametrize("statement", ["SELECT nothing FROM runs", "INSERT INTO shapes(id) VALUES(1)"])
def test_a_fault_of_ours_is_not_told_as_one_of_the_disk(catalogue: Catalogue, statement: str) -> None:
    with pytest.raises(sqlite3.Error) as raised, catalogue._write():
        catalogue._db.execute(statement)
    assert explain(raised.value).startswith("a fault in the engine"), "neither damaged nor a full disk"
    catalogue.new_run("fit", "")


def test_a_closed_catalogue_is_a_fault_of_ours(path: Path) -> None:
    opened = Catalogue(path)
    opened.close()
    with pytest.raises(sqlite3.ProgrammingError) as raised:
        opened.runs()
    assert explain(raised.value).startswith("a fault in the engine")


@pytest.mark.parametrize(
    ("setting", "words"),
    [("max_page_count = 1", "full"), ("query_only = 1", "readonly"), ("busy_timeout = 1", "locked")],
)
def test_what_cannot_be_written_is_told_as_that(catalogue: Catalogue, path: Path, setting: str, words: str) -> None:
    catalogue._db.execute(f"PRAGMA {setting}")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        if words == "locked":
            other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DiskError, match=f"{words}.*make room"):
            for _ in range(200):
                catalogue.new_run("fit", "")


def test_a_damaged_page_is_told_as_that(path: Path) -> None:
    with closing(Catalogue(path)) as made:
        made.new_run("fit", "")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with closing(Catalogue(path)) as opened, pytest.raises(sqlite3.DatabaseError) as raised:
        opened.runs()
    assert "is damaged" in explain(raised.value)


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    columns = ["kind", "category", "path", "hash", "reason", "split", "origin", "licence"]
    with closing(sqlite3.connect(path)) as db:
        text = ", ".join(f"{name} TEXT NOT NULL DEFAULT ''" for name in columns)
        lists = ", ".join(f"{name} TEXT NOT NULL DEFAULT '[]'" for name in ("parts", "captions"))
        db.execute(
            f"CREATE TABLE items(id TEXT PRIMARY KEY, verdict TEXT NOT NULL, {text}, {lists}, "
            "attributes TEXT NOT NULL DEFAULT '{}', added REAL NOT NULL DEFAULT 0)"
        )
        db.executemany("INSERT INTO items(id, verdict) VALUES(?, ?)", [("good", "watertight"), ("bad", "refused")])
        db.execute("PRAGMA user_version = 1")
        db.commit()
    for _ in range(2):
        with closing(Catalogue(path)) as catalogue:
            assert [(row.id, row.usable, row.report) for row in catalogue.items()] == [
                ("bad", False, {}),
                ("good", True, {}),
            ]
