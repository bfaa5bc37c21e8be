"""The live engine in a real spawned process: newest wins, urgent first, one last word for each ask, whatever happens."""

import random
import sys
import time
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import InputError
from engine.live_client import Answer, LiveEngine
from engine.live_requests import Mixture, Picture, Section, Thumbnail
from engine.live_worker import LOG
from engine.project import Project

FAKE = "tests.fake_answers:FakeAnswers"
posix = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngine]:
    """One engine for all tests that must not harm it, with room for small answers alone."""
    folder = tmp_path_factory.mktemp("shared") / "project"
    Project.create(folder).close()
    with LiveEngine(folder, FAKE, room=1 << 12) as engine:
        yield engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Project.create(tmp_path / "project").close()
    return tmp_path / "project"


def words(engine: LiveEngine, seconds: float = 30.0) -> list[Answer]:
    """All answers until nothing is open any more."""
    found: list[Answer] = []
    end = time.monotonic() + seconds
    while engine.busy:
        assert time.monotonic() < end, f"no end after {found[-5:]}"
        found += engine.poll(0.1)
    return found


def told(answers: list[Answer]) -> list[tuple[int, str]]:
    return [(answer.ask.id, answer.state) for answer in answers]


def test_an_answer_comes_with_its_arrays(shared: LiveEngine) -> None:
    number = shared.ask(Thumbnail(name="arrays a", size=100))
    (answer,) = words(shared)
    assert answer.state == "done" and answer.ask.id == number and answer.content == Picture(path="arrays a")
    assert answer.arrays["x"].dtype == np.float32 and answer.arrays["none"].shape == (0, 3)
    assert np.array_equal(answer.arrays["x"], np.arange(100).reshape(-1, 2))


def test_what_does_not_fit_comes_by_a_file_that_is_gone_then(shared: LiveEngine) -> None:
    """While the window does not look, nothing is lost and the engine does not wait."""
    for channel in "abcdefg":
        shared.ask(Thumbnail(name=f"arrays {channel}", size=510), channel)
    files, end = shared.folder / "cache" / "live", time.monotonic() + 20
    while not files.is_dir() or not list(files.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)
    answers = words(shared)
    assert [answer.state for answer in answers] == ["done"] * 7
    assert all(np.array_equal(answer.arrays["x"], np.arange(510).reshape(-1, 2)) for answer in answers)
    assert not list(files.iterdir())


def test_a_newer_ask_of_a_channel_takes_the_place_of_the_open_one(shared: LiveEngine) -> None:
    asks = [shared.ask(Thumbnail(name=f"count {number}", size=200), "view") for number in range(3)]
    last = shared.ask(Thumbnail(name="count", size=16), "view")
    began = time.monotonic()
    assert told(words(shared)) == [*((number, "replaced") for number in asks), (last, "done")]
    assert time.monotonic() - began < 3.0, "what was replaced is not worked on"


def test_what_is_later_stands_still_for_what_is_now(shared: LiveEngine) -> None:
    pictures = [shared.ask(Thumbnail(name=f"count {k}", size=60), f"picture {k}", "later") for k in range(2)]
    time.sleep(0.1)
    view = shared.ask(Thumbnail(name="count", size=16), "view")
    assert told(words(shared)) == [(view, "done"), (pictures[0], "done"), (pictures[1], "done")]


def test_a_finer_answer_waits_for_what_has_nothing_to_show_yet(shared: LiveEngine) -> None:
    view = shared.ask(Thumbnail(name="going", size=60), "view")
    joints = shared.ask(Thumbnail(name="count", size=16), "joints")
    answers = told(words(shared))
    assert answers == [(view, "going"), (joints, "done"), (view, "done")]


def test_what_takes_long_lets_others_pass(shared: LiveEngine) -> None:
    slow = shared.ask(Thumbnail(name="count", size=512), "joints")
    time.sleep(1.5)
    view = shared.ask(Thumbnail(name="count", size=16), "view")
    assert told(words(shared)) == [(view, "done"), (slow, "done")]


def test_what_is_withdrawn_ends(shared: LiveEngine) -> None:
    number = shared.ask(Thumbnail(name="count", size=500), "view")
    shared.withdraw("view")
    shared.withdraw("nothing there")
    assert told(words(shared)) == [(number, "replaced")]


@pytest.mark.parametrize(
    ("what", "text"),
    [("refuse", "buy another one"), ("fault", "a slip of ours"), ("hopeless", "out of memory"), ("unsendable", "")],
)
def test_an_error_is_one_sentence_and_the_engine_goes_on(shared: LiveEngine, what: str, text: str) -> None:
    pid = shared.pid
    shared.ask(Thumbnail(name=what, size=16))
    (answer,) = words(shared)
    assert answer.state == "failed" and text in answer.text and "\n" not in answer.text
    assert "Traceback" in answer.trace and "Traceback" in (shared.folder / LOG).read_text()
    shared.ask(Thumbnail(name="count", size=16))
    assert [answer.state for answer in words(shared)] == ["done"] and shared.pid == pid


def test_what_breaks_a_bound_is_not_asked(shared: LiveEngine) -> None:
    with pytest.raises(InputError, match="size"):
        shared.ask(Thumbnail(name="count", size=3))
    with pytest.raises(InputError, match="resolution"):
        shared.ask(Section(of=Mixture(base="a"), corner=(0, 0, 0), across=(1, 0, 0), up=(0, 1, 0), resolution=1))
    assert not shared.busy


def test_every_ask_has_one_last_word_and_every_stage_ends(shared: LiveEngine) -> None:
    rng = random.Random(5)
    closed = shared.folder / "closed.txt"
    closed.unlink(missing_ok=True)
    asks, answers = [], []
    for number in range(150):
        what = rng.choice(["count", "going", "arrays", "refuse", "fault"])
        channel, urgent = rng.choice("abcd"), rng.random() < 0.5
        asks.append(
            shared.ask(
                Thumbnail(name=f"{what} {number}", size=rng.randrange(16, 40)), channel, "now" if urgent else "later"
            )
        )
        if rng.random() < 0.1:
            shared.withdraw(rng.choice("abcd"))
        if rng.random() < 0.3:
            answers += shared.poll(rng.random() * 0.1)
        if rng.random() < 0.1:
            answers += words(shared)
    answers += words(shared)
    last = [answer for answer in answers if answer.state != "going"]
    assert sorted(answer.ask.id for answer in last) == asks
    assert {"done", "replaced", "failed"} == {answer.state for answer in last}
    for place, answer in enumerate(answers):
        assert answer.state == "going" or all(later.ask.id != answer.ask.id for later in answers[place + 1 :])
        if answer.state == "done":
            assert isinstance(answer.ask.request, Thumbnail)
            assert answer.content == Picture(path=answer.ask.request.name)
    begun = closed.read_text().split("\n")[:-1]
    assert len(begun) == len(set(begun)), "each stage ends once"


# life ------------------------------------------------------------------------------------------------------------------
def test_memory_is_relieved_and_the_ask_tried_once_more(folder: Path) -> None:
    with LiveEngine(folder, FAKE) as engine:
        engine.ask(Thumbnail(name="memory", size=16))
        assert [answer.state for answer in words(engine)] == ["done"]


@posix
def test_after_a_death_it_is_asked_again_once(folder: Path) -> None:
    with LiveEngine(folder, FAKE) as engine:
        asks = [engine.ask(Thumbnail(name="count", size=100), "other", "later")]
        asks.append(engine.ask(Thumbnail(name="crash-once", size=16)))
        assert {(number, "done") for number in asks} == set(told(words(engine)))
        engine.ask(Thumbnail(name="crash", size=16))
        (answer,) = words(engine)
        assert answer.state == "failed" and "ended twice" in answer.text and "SIGKILL" in answer.text
        assert "the last words" in answer.trace
        engine.kill()
        engine.ask(Thumbnail(name="count", size=16))  # to a dead one, which is no death of this ask
        engine.kill()
        assert [answer.state for answer in words(engine)] == ["done"]


def test_an_answerer_that_cannot_be_loaded_is_told(folder: Path) -> None:
    with LiveEngine(folder, "engine.not_there:Answers") as engine:
        engine.ask(Thumbnail(name="count", size=16))
        (answer,) = words(engine)
        assert answer.state == "failed" and "not_there" in answer.text


def test_closing_leaves_nothing_behind(folder: Path) -> None:
    engine = LiveEngine(folder, FAKE)
    assert engine.poll() == [] and engine.fileno() is None, "nothing runs before the first ask"
    engine.ask(Thumbnail(name="going", size=500))
    while not engine.poll(0.1):
        pass
    pid, name = engine.pid, engine._slab.name
    assert pid is not None and engine.alive
    if sys.platform != "win32":
        assert psutil.Process(pid).nice() > psutil.Process().nice()
    engine.close()
    assert not psutil.pid_exists(pid) and (folder / "end").exists()
    assert (folder / "closed.txt").read_text() == "going\n", "the stage was closed"
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)
