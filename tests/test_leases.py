"""Leases of runs: a run has one holder, who is known to live by its process and its heartbeat."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from engine.catalogue import LEASE_TIMEOUT_S, Catalogue
from engine.errors import BusyError
from tests.worker_jobs import posix


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with closing(Catalogue(tmp_path / "catalogue.sqlite")) as found:
        yield found


def hold(
    catalogue: Catalogue, run: str, pid: int, host: str = "", started: float | None = None, beat: float = 0.0
) -> None:
    """Let another process hold the lease."""
    if started is None:
        started = psutil.Process(pid).create_time()
    catalogue._db.execute(
        "UPDATE runs SET state = 'running', lease_pid = ?, lease_host = ?, lease_start = ?, lease_beat = ? WHERE id = ?",
        (pid, host or socket.gethostname(), started, beat, run),
    )


def test_a_live_holder_keeps_its_run(catalogue: Catalogue) -> None:
    run = catalogue.new_run("fit", "")
    hold(catalogue, run, os.getppid())
    for take in (lambda: catalogue.acquire(run), lambda: catalogue.end_run(run, "failed"), lambda: catalogue.beat(run)):
        with pytest.raises(BusyError):
            take()
    catalogue.end_open_run(run, "failed", "not mine")
    assert catalogue.run(run).state == "running" and catalogue.run(run).lease_pid == os.getppid()


def test_a_reused_process_number_holds_nothing(catalogue: Catalogue) -> None:
    run = catalogue.new_run("fit", "")
    hold(catalogue, run, os.getppid(), started=psutil.Process(os.getppid()).create_time() - 100.0)
    catalogue.acquire(run)
    assert catalogue.run(run).lease_pid == os.getpid()


@posix
def test_a_dead_holder_that_nobody_has_buried_holds_nothing(catalogue: Catalogue) -> None:
    run = catalogue.new_run("fit", "")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    hold(catalogue, run, child.pid)
    with pytest.raises(BusyError):
        catalogue.acquire(run)
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    catalogue.acquire(run)
    child.communicate()
    catalogue.end_run(run, "finished")
    assert (catalogue.run(run).state, catalogue.run(run).lease_pid) == ("finished", None)


def test_a_holder_on_another_host_is_known_by_its_heartbeat(catalogue: Catalogue) -> None:
    run = catalogue.new_run("fit", "")
    hold(catalogue, run, os.getpid(), "elsewhere", 0.0, time.time())
    with pytest.raises(BusyError, match="elsewhere"):
        catalogue.acquire(run)
    hold(catalogue, run, os.getpid(), "elsewhere", 0.0, time.time() - LEASE_TIMEOUT_S - 1.0)
    catalogue.acquire(run)
    catalogue.beat(run)


def test_the_holder_learns_that_it_was_replaced(catalogue: Catalogue) -> None:
    run = catalogue.new_run("fit", "")
    catalogue.acquire(run)
    catalogue.acquire(run)  # the same process may go on
    hold(catalogue, run, os.getppid())
    with pytest.raises(BusyError, match="taken over"):
        catalogue.beat(run)
