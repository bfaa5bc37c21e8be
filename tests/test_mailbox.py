"""The mailbox under a writer that never stops: whole previews, the newest, none of them torn."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event as Flag
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import mailbox
from engine.mailbox import Mailbox, Preview, TooLargeError

ROOT = Path(__file__).parents[1]
SIZES = 3_000  # small frames come round the slots soonest
FRAMES = 300


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox.create(1 << 20) as box:
        yield box


def hammer(name: str, stop: Flag) -> None:
    """Post frames that are constant inside and grow by one, in different sizes, as fast as possible."""
    writer = Mailbox.attach(name)
    number = 0
    while not stop.is_set():
        number += 1
        size = 1 + number * 7919 % SIZES
        writer.post(Preview("frame", {"a": np.full(size, number), "b": np.full((2, 3), number, np.float32)}))
    writer.close()


def test_a_reader_never_sees_a_torn_frame(box: Mailbox) -> None:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=hammer, args=(box.name, stop))
    writer.start()
    seen: list[int] = []
    end = time.monotonic() + 60.0
    while len(seen) < FRAMES and time.monotonic() < end:
        preview = box.take()
        if preview is None:
            continue
        number = int(preview.arrays["b"][0, 0])
        assert np.all(preview.arrays["a"] == number) and np.all(preview.arrays["b"] == number)
        assert len(preview.arrays["a"]) == 1 + number * 7919 % SIZES
        seen.append(number)
    stop.set()
    writer.join(10.0)
    assert writer.exitcode == 0
    assert len(seen) == FRAMES, "a writer that never rests must not starve the reader"
    assert all(later > earlier for earlier, later in zip(seen, seen[1:], strict=False)), "never an older one again"


class Interrupted:
    """The slab as a slow reader sees it: in the middle of each copy the writer posts ``more`` previews."""

    def __init__(self, real: memoryview, writer: Mailbox, more: int) -> None:
        self.real, self.writer, self.more = real, writer, more

    def __getitem__(self, span: slice) -> bytes:
        middle = (span.start + span.stop) // 2
        first = bytes(self.real[span.start : middle])
        for _ in range(self.more):
            self.writer.post(constant(self.writer))
        return first + bytes(self.real[middle : span.stop])


def constant(writer: Mailbox) -> Preview:
    number = int(writer._words[0]) + 1
    return Preview("frame", {"a": np.full(1000, number)})


@pytest.mark.parametrize("more", range(7))
def test_a_copy_that_the_writer_overtakes_is_thrown_away(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    writer = Mailbox.attach(box.name)
    real = mailbox._bytes
    monkeypatch.setattr(
        mailbox,
        "_bytes",
        lambda memory: real(memory) if memory is writer._memory else Interrupted(real(memory), writer, more),
    )
    for _ in range(10):
        writer.post(constant(writer))
        latest = int(box._words[0])
        preview = box.take()
        if more < mailbox.SLOTS:  # the writer did not come round to this slot
            assert preview is not None and np.all(preview.arrays["a"] == latest)
        else:
            assert preview is None, "outrun at every try"
    monkeypatch.undo()
    writer.close()


def test_a_writer_killed_in_the_middle_leaves_the_mailbox_usable(box: Mailbox) -> None:
    context = multiprocessing.get_context("spawn")
    never = context.Event()
    for _ in range(2):
        writer = context.Process(target=hammer, args=(box.name, never))
        writer.start()
        end = time.monotonic() + 20.0
        while box.take() is None:
            assert time.monotonic() < end
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        preview = box.take() or Preview("frame", {"a": np.ones(1), "b": np.ones((1, 1))})
        assert np.all(preview.arrays["a"] == preview.arrays["b"][0, 0])
    box.post(Preview("after", {}))
    assert (box.take() or Preview("", {})).kind == "after"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["u1", "i4", "i8", "f2", "f4", "f8", "?", "c8", ">f4"]),
    st.lists(st.integers(0, 5), max_size=4),
    st.text(max_size=20),
)
def test_what_goes_in_comes_out(dtype: str, shape: list[int], kind: str) -> None:
    sent = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    with Mailbox.create(1 << 16) as box:
        box.post(Preview(kind, {"x": sent, "turned": sent.T}))
        found = box.take()
        assert found is not None and found.kind == kind
        for name, array in (("x", sent), ("turned", sent.T)):
            assert found.arrays[name].dtype == array.dtype and found.arrays[name].shape == array.shape
            assert np.array_equal(found.arrays[name], array)


def test_only_the_newest_is_kept_and_it_is_taken_once(box: Mailbox) -> None:
    assert box.take() is None
    for number in range(10):
        box.post(Preview(str(number), {}))
    assert (box.take() or Preview("", {})).kind == "9"
    assert box.take() is None


def test_a_preview_that_is_too_large_is_refused_and_disturbs_nothing(box: Mailbox) -> None:
    box.post(Preview("small", {}))
    with pytest.raises(TooLargeError, match="to a file"):
        box.post(Preview("large", {"x": np.zeros(1 << 20, np.uint8)}))
    assert (box.take() or Preview("", {})).kind == "small"


def test_objects_are_refused(box: Mailbox) -> None:
    with pytest.raises(TypeError, match="plain numbers"):
        box.post(Preview("odd", {"x": np.array([{}], dtype=object)}))


OWNER = """
import multiprocessing, sys
import numpy as np
from engine import mailbox
from engine.mailbox import Mailbox, Preview

def post(name):
    box = Mailbox.attach(name)
    box.post(Preview("x", {"x": np.zeros(9)}))
    box.close()

if __name__ == "__main__":
    box = Mailbox.create(1 << 16)
    child = multiprocessing.get_context("spawn").Process(target=post, args=(box.name,))
    child.start(); child.join()
    assert box.take() is not None and child.exitcode == 0
    print(box.name, flush=True)
    if sys.argv[1] == "close":
        box.close(); box.close()
    else:
        import os, signal; os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev/shm")
@pytest.mark.parametrize("how", ["close", "kill"])
def test_no_slab_is_left_behind(tmp_path: Path, how: str) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script), how], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    slab = Path("/dev/shm") / done.stdout.strip()
    end = time.monotonic() + 5.0  # after kill -9 the resource tracker tidies up
    while slab.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert done.stdout.strip() and not slab.exists()
    if how == "close":
        assert done.returncode == 0 and done.stderr == "", done.stderr  # no warning of the resource tracker
