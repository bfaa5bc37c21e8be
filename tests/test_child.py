import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.child import Child
from engine.errors import DamagedFileError, MeshError
from engine.stages import ended

ROOT = Path(__file__).parents[1]
WORK = "tests.child_work:work"
MB = 2**20


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child(WORK, memory=400 * MB, seconds=30) as made:
        yield made


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether a process ends within a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_answers_many_requests_by_one_process_quickly(child: Child) -> None:
    pid = ended(child.ask(b"pid"))
    for request in (b"", b"\x00\xff", os.urandom(3 * MB)):
        assert ended(child.ask(b"echo " + request)) == request
    took = []
    for _ in range(100):
        began = time.perf_counter()
        ended(child.ask(b"echo x"))
        took.append(time.perf_counter() - began)
    assert sorted(took)[50] < 0.001
    assert ended(child.ask(b"pid")) == pid == str(child.pid).encode()


def test_tells_the_time_while_it_waits(child: Child) -> None:
    ended(child.ask(b"echo"))
    asking, beats = child.ask(b"sleep 0.5"), []
    began = time.monotonic()
    try:
        while True:
            beats.append(next(asking))
            assert time.monotonic() - began - (beats[-2] if len(beats) > 1 else 0) < 0.35
    except StopIteration:
        pass
    assert len(beats) >= 3 and beats == sorted(beats)


def test_errors_keep_class_and_text(child: Child) -> None:
    with pytest.raises(DamagedFileError, match="^a.obj: is söft$"):
        ended(child.ask("refuse a.obj: is söft".encode()))
    with pytest.raises(RuntimeError, match=r"KeyError in tests.child_work:work: 'k'\n(.|\n)*line"):
        ended(child.ask(b"fault k"))
    assert ended(child.ask(b"echo on")) == b"on"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (b"crash", "reading crashed (signal SIGSEGV)"),
        (b"exit", "reading crashed (exit code 3)"),
        pytest.param(
            b"hog %d" % (600 * MB),
            "needed more than 400 MB of memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="there is no such limit"),
        ),
    ],
)
def test_the_next_request_works_after_a_death(child: Child, request_: bytes, words: str) -> None:
    with pytest.raises(MeshError) as caught:
        ended(child.ask(request_))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert ended(child.ask(b"echo on")) == b"on"
    assert ended(child.ask(b"hog %d" % (200 * MB))) == b"%d" % (200 * MB)


def test_the_caller_says_what_can_be_done_instead() -> None:
    with Child(WORK, 400 * MB, 0.5, "counting", instead="count less", crashed="count again") as child:
        with pytest.raises(MeshError, match=r"^counting crashed \(exit code 3\); count again$"):
            ended(child.ask(b"exit"))
        with pytest.raises(MeshError, match=r"^counting took longer than 0.5 s and was stopped; count less$"):
            ended(child.ask(b"sleep 60"))


@pytest.mark.parametrize("request_", [b"sleep 60", b"stuck 60"])
def test_the_time_limit_stops_even_native_work(child: Child, request_: bytes) -> None:
    ended(child.ask(b"echo"))
    pid = child.pid or 0
    child.seconds, began = 0.5, time.monotonic()
    with pytest.raises(MeshError, match="reading took longer than 0.5 s and was stopped"):
        ended(child.ask(request_))
    assert time.monotonic() - began < 3 and gone(pid)
    child.seconds = 30
    assert ended(child.ask(b"echo on")) == b"on"


def test_a_process_killed_from_outside_is_told_apart(child: Child) -> None:
    asking = child.ask(b"sleep 60")
    next(asking)
    os.kill(child.pid or 0, signal.SIGKILL)
    with pytest.raises(MeshError, match="ended by the system"):
        ended(asking)


def test_closing_the_request_kills_the_work(child: Child) -> None:
    ended(child.ask(b"echo"))
    asking = child.ask(b"stuck 60")
    next(asking)
    pid = child.pid or 0
    with pytest.raises(RuntimeError, match="one request at a time"):
        ended(child.ask(b"echo"))
    asking.close()
    assert gone(pid)
    assert ended(child.ask(b"echo on")) == b"on"


def test_it_is_quiet_and_of_low_priority(capfd: pytest.CaptureFixture[str]) -> None:
    with Child(WORK, memory=400 * MB, seconds=30) as child:
        ended(child.ask(b"print"))
        priority, session = ended(child.ask(b"limits")).split()
        assert int(priority) >= 10 and int(session) == child.pid
        pid = child.pid or 0
    assert capfd.readouterr() == ("", "") and gone(pid)


def test_work_that_cannot_be_imported_is_a_fault_that_is_told() -> None:
    for function in ("tests.child_work:absent", "tests.absent:work"):
        with Child(function, memory=400 * MB, seconds=30) as child, pytest.raises(RuntimeError, match="absent"):
            ended(child.ask(b""))


def test_it_dies_with_its_parent_even_in_a_native_call() -> None:
    program = (
        "from engine.child import Child\n"
        "if __name__ == '__main__':\n"
        f"    child = Child({WORK!r}, 400 * 2**20, 60)\n"
        "    for _ in child.ask(b'stuck 60'):\n"
        "        print(child.pid if child._ready else 0, flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = next(int(line) for line in parent.stdout if line != "0\n")
    parent.kill()
    parent.communicate()
    assert gone(pid, 10)
