"""Stands in for engine.live_answers in tests of the live engine's process: answers that last, crash and lie, without torch.

The request is a Thumbnail: the first word of its ``name`` says what happens, ``size`` how many steps it takes.
"""

import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError
from engine.live_requests import Nothing, Picture, Request, Thumbnail
from engine.live_worker import Given
from engine.protocol import Progress

STEP_S = 0.005


class FakeAnswers:
    """See ``engine.live_worker.Answers``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.relieved = False

    def answer(self, request: Request) -> Generator[Any, None, Given]:
        """Steps, and then the name that was asked for as a path."""
        assert isinstance(request, Thumbnail)
        what = request.name.split()[0]
        try:
            if what == "going":
                yield Given(Nothing())
            self._act(what)
            for done in range(1 if what == "arrays" else request.size):
                time.sleep(STEP_S)
                yield Progress(stage="count", done=done, total=request.size)
        finally:
            with open(self.folder / "closed.txt", "a") as file:
                file.write(f"{request.name}\n")
        arrays = {"x": np.arange(request.size, dtype=np.float32).reshape(-1, 2), "none": np.zeros((0, 3), np.int32)}
        if what == "unsendable":
            return Given(Picture(path=object()))  # type: ignore[arg-type]
        return Given(Picture(path=request.name), arrays if what == "arrays" else {})

    def relieve(self) -> bool:
        """Once."""
        self.relieved, before = True, self.relieved
        return not before

    def close(self) -> None:
        """Leave a trace."""
        (self.folder / "end").touch()

    def _act(self, what: str) -> None:
        if what == "refuse":
            raise InputError("the cheese is too old; buy another one")
        if what == "fault":
            raise ZeroDivisionError("a slip of ours")
        if what == "memory" and not self.relieved:
            raise MemoryError
        if what == "hopeless":
            raise MemoryError
        if what == "crash" or (what == "crash-once" and not (self.folder / "crashed").exists()):
            (self.folder / "crashed").touch()
            print("the last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
