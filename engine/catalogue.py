"""The project's catalogue: one SQLite file that window, engines and command line write together."""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from engine.errors import BusyError, DamagedFileError, DiskError, InputError, damaged, explain, unwritable
from engine.rows import Edit, ItemRow, RunRow, ShapeRow

SCHEMA = """
CREATE TABLE IF NOT EXISTS items(
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, category TEXT NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL,
    verdict TEXT NOT NULL, reason TEXT NOT NULL, split TEXT NOT NULL, parts TEXT NOT NULL,
    captions TEXT NOT NULL, attributes TEXT NOT NULL, origin TEXT NOT NULL, licence TEXT NOT NULL, added REAL NOT NULL,
    name TEXT NOT NULL DEFAULT '', usable INTEGER NOT NULL DEFAULT 1, report TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS runs(
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, method TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL, ended REAL, lease_host TEXT, lease_pid INTEGER, lease_start REAL, lease_beat REAL);
CREATE TABLE IF NOT EXISTS shapes(
    id TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id), row INTEGER NOT NULL, kind TEXT NOT NULL,
    item TEXT NOT NULL DEFAULT '', quality REAL, verdict TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    cpu_s REAL, present TEXT NOT NULL DEFAULT '[]', parents TEXT NOT NULL DEFAULT '[]', added REAL NOT NULL);
CREATE TABLE IF NOT EXISTS edits(
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, action TEXT NOT NULL, inverse TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS shapes_of_run ON shapes(run, row);
PRAGMA user_version = 2;
"""
UPGRADES = {  # from this version to the next
    1: """
ALTER TABLE items ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN usable INTEGER NOT NULL DEFAULT 1;
ALTER TABLE items ADD COLUMN report TEXT NOT NULL DEFAULT '{}';
UPDATE items SET usable = (verdict != 'refused');
PRAGMA user_version = 2;
"""
}
VERSION = 2
LEASE_TIMEOUT_S = 120.0  # after so long without a heartbeat a lease of another host counts as abandoned

_JSON_COLUMNS = {"parts", "report", "captions", "attributes", "present", "parents", "action", "inverse"}


def _to_row(record: msgspec.Struct) -> dict[str, Any]:
    data = msgspec.to_builtins(record)
    return {key: msgspec.json.encode(value).decode() if key in _JSON_COLUMNS else value for key, value in data.items()}


def _from_row(kind: type[Any], row: sqlite3.Row) -> Any:
    data = {key: msgspec.json.decode(row[key]) if key in _JSON_COLUMNS else row[key] for key in row.keys()}  # noqa: SIM118
    if "usable" in data:
        data["usable"] = bool(data["usable"])  # SQLite has no such type
    return msgspec.convert(data, kind)


class Catalogue:
    """Items, runs, shapes and edits. Every write is one short transaction; readers never wait (WAL)."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises InputError for a newer version, DamagedFileError for something else."""
        self._lock = threading.RLock()  # a heartbeat may come from another thread than the job
        try:
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._prepare(path)
        except sqlite3.OperationalError as error:  # locked, disk full, no right to write: the file may be sound
            raise InputError(f"{path} cannot be opened ({error})") from error
        except sqlite3.DatabaseError as error:
            if not damaged(error):
                raise
            raise DamagedFileError(f"{path} is damaged ({error}); put back a copy of it") from error

    def _prepare(self, path: Path) -> None:
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise InputError(f"{path} was made by a newer version (format {found}); update Shape Studio to open it")
        for again in (True, True, True, False):  # the change to WAL does not wait for others by itself
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if not again:
                    raise
                time.sleep(0.2)
        self._db.execute("PRAGMA synchronous = FULL")
        if found == 0:
            self._db.executescript("BEGIN IMMEDIATE;" + SCHEMA + "COMMIT;")
        elif found < VERSION:
            self._upgrade()

    def _upgrade(self) -> None:
        """Bring an older file up to date, in one transaction."""
        with self._write():
            while (found := self._db.execute("PRAGMA user_version").fetchone()[0]) < VERSION:
                for statement in filter(str.strip, UPGRADES[found].split(";")):
                    self._db.execute(statement)

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        self._db.close()

    @contextmanager
    def _write(self) -> Iterator[None]:
        """One transaction. Raises DiskError where the file cannot be written; then nothing of it has happened."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:  # SQLite has rolled back by itself after a full disk
                    self._db.execute("ROLLBACK")
                if unwritable(error):
                    raise DiskError(explain(error)) from error
                raise

    def _insert(self, table: str, records: Sequence[msgspec.Struct]) -> None:
        with self._write():
            for record in records:
                row = _to_row(record)
                names = ", ".join(row)
                marks = ", ".join(f":{name}" for name in row)
                self._db.execute(f"INSERT OR REPLACE INTO {table}({names}) VALUES({marks})", row)

    # items -----------------------------------------------------------------------------------------------------------
    def add_items(self, items: Sequence[ItemRow]) -> None:
        """Insert or replace items by id."""
        self._insert("items", items)

    def items(self, category: str = "", accepted: bool = False) -> list[ItemRow]:
        """All items in the order of their ids, or those of a category, or only those that can be fitted."""
        rows = self._db.execute("SELECT * FROM items WHERE (? = '' OR category = ?) ORDER BY id", (category, category))
        found = [_from_row(ItemRow, row) for row in rows]
        return [item for item in found if item.usable] if accepted else found

    def item(self, name: str) -> ItemRow:
        """One item. Raises InputError for an unknown id."""
        row = self._db.execute("SELECT * FROM items WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise InputError(f"there is no item {name!r} in this project; `list items` shows what there is")
        item: ItemRow = _from_row(ItemRow, row)
        return item

    # runs ------------------------------------------------------------------------------------------------------------
    def new_run(self, kind: str, method: str, name: str = "") -> str:
        """Reserve a run id (``name``, or the kind with the next number). An existing name is kept as it is."""
        with self._write():
            if not name:
                used = self._db.execute("SELECT count(*) FROM runs WHERE kind = ?", (kind,)).fetchone()[0]
                while self._db.execute("SELECT 1 FROM runs WHERE id = ?", (f"{kind}-{used + 1:04d}",)).fetchone():
                    used += 1
                name = f"{kind}-{used + 1:04d}"
            self._db.execute(
                "INSERT OR IGNORE INTO runs(id, kind, method, state, created) VALUES(?, ?, ?, 'queued', ?)",
                (name, kind, method, time.time()),
            )
        return name

    def runs(self, kind: str = "") -> list[RunRow]:
        """Runs, oldest first."""
        rows = self._db.execute("SELECT * FROM runs WHERE (? = '' OR kind = ?) ORDER BY created, id", (kind, kind))
        return [_from_row(RunRow, row) for row in rows]

    def run(self, name: str) -> RunRow:
        """One run. Raises InputError for an unknown id."""
        row = self._db.execute("SELECT * FROM runs WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise InputError(f"there is no run {name!r} in this project; `list runs` shows what there is")
        run: RunRow = _from_row(RunRow, row)
        return run

    def end_run(self, name: str, state: str, reason: str = "") -> None:
        """Set the terminal state of a run and give its lease back. Raises BusyError while another process holds it."""
        with self._write():
            _free(self.run(name))
            self._end(name, state, reason)

    def forget_run(self, name: str) -> None:
        """Remove a run that made nothing."""
        with self._write():
            self._db.execute("DELETE FROM runs WHERE id = ? AND id NOT IN (SELECT run FROM shapes)", (name,))

    def waiting(self) -> list[str]:
        """Runs that can be gone on with, oldest first: stopped, or left by a process that is no more, then failed ones."""
        runs = [run for run in self.runs() if run.lease_pid is None or not _alive(run)]
        stopped = [run.id for run in runs if run.state in ("queued", "running", "cancelled")]
        return [run.id for run in runs if run.state == "failed"] + stopped

    def end_open_run(self, name: str, state: str, reason: str) -> None:
        """As ``end_run``, for a run that waits or that this process works on; any other is left alone."""
        with self._write():
            row = self._db.execute(
                "SELECT 1 FROM runs WHERE id = ? AND (state = 'queued' OR (lease_host = ? AND lease_pid = ?))",
                (name, *_me()),
            )
            if row.fetchone():
                self._end(name, state, reason)

    def _end(self, name: str, state: str, reason: str) -> None:
        self._db.execute(
            "UPDATE runs SET state = ?, reason = ?, ended = ?, lease_pid = NULL, lease_host = NULL WHERE id = ?",
            (state, reason, time.time(), name),
        )

    def acquire(self, name: str) -> None:
        """Take the lease of a run for this process. Raises BusyError while another live process holds it."""
        with self._write():
            _free(self.run(name))
            self._db.execute(
                "UPDATE runs SET state = 'running', reason = '', ended = NULL, lease_host = ?, lease_pid = ?,"
                " lease_start = ?, lease_beat = ? WHERE id = ?",
                (*_me(), psutil.Process().create_time(), time.time(), name),
            )

    def beat(self, name: str) -> None:
        """Heartbeat of a lease. Raises BusyError when another process took it over meanwhile."""
        with self._write():
            done = self._db.execute(
                "UPDATE runs SET lease_beat = ? WHERE id = ? AND lease_host = ? AND lease_pid = ?",
                (time.time(), name, *_me()),
            )
            if done.rowcount != 1:
                raise BusyError(f"run {name} was taken over by another process; this one stops")

    # shapes ----------------------------------------------------------------------------------------------------------
    def add_shapes(self, shapes: Sequence[ShapeRow]) -> None:
        """Insert or replace shapes by id."""
        self._insert("shapes", shapes)

    def shapes(self, run: str = "") -> list[ShapeRow]:
        """Shapes of a run in the order of their rows, or all."""
        rows = self._db.execute("SELECT * FROM shapes WHERE (? = '' OR run = ?) ORDER BY run, row", (run, run))
        return [_from_row(ShapeRow, row) for row in rows]

    def shape(self, name: str) -> ShapeRow:
        """One shape. Raises InputError for an unknown id."""
        row = self._db.execute("SELECT * FROM shapes WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise InputError(f"there is no shape {name!r} in this project; `list shapes` shows what there is")
        shape: ShapeRow = _from_row(ShapeRow, row)
        return shape

    # edits -----------------------------------------------------------------------------------------------------------
    def log(self, action: dict[str, Any], inverse: dict[str, Any], run: str = "") -> int:
        """Append to the edit log; returns the entry's number.

        run : what the action did, and is then told in it as ``run``; its entry is made once, however often it goes on
        """
        if run:
            action = action | {"run": run}
        with self._write():
            known = "SELECT seq FROM edits WHERE json_extract(action, '$.run') = ?"
            if run and (found := self._db.execute(known, (run,)).fetchone()):
                return int(found[0])
            row = self._db.execute(
                "INSERT INTO edits(at, action, inverse) VALUES(?, ?, ?)",
                (time.time(), msgspec.json.encode(action).decode(), msgspec.json.encode(inverse).decode()),
            )
            return int(row.lastrowid or 0)

    def edits(self) -> list[Edit]:
        """The edit log, oldest first."""
        return [_from_row(Edit, row) for row in self._db.execute("SELECT * FROM edits ORDER BY seq")]


def _me() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _mine(run: RunRow) -> bool:
    return (run.lease_host, run.lease_pid) == _me()


def _free(run: RunRow) -> None:
    """Raises BusyError while a live process other than this one holds the lease."""
    if run.lease_pid is not None and not _mine(run) and _alive(run):
        raise BusyError(f"run {run.id} is being worked on by process {run.lease_pid} on {run.lease_host}; wait for it")


def _alive(run: RunRow) -> bool:
    """Whether the holder of a lease still works: by its process on this host, by its heartbeat elsewhere."""
    if run.lease_host != socket.gethostname():
        return time.time() - (run.lease_beat or 0.0) < LEASE_TIMEOUT_S
    try:
        holder = psutil.Process(run.lease_pid)
        if holder.status() == psutil.STATUS_ZOMBIE:  # dead, and its parent has not looked yet
            return False
        return abs(holder.create_time() - (run.lease_start or 0.0)) < 1.0  # a reused number has another start time
    except psutil.NoSuchProcess:
        return False
