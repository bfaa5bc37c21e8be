"""Pieces of work done side by side in threads, which is worth it where native code gives the interpreter up."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

WAIT = 0.1  # seconds until a caller hears again


@dataclass(frozen=True)
class Found:
    """What a piece of work found: ``values`` (n,) of pairs of different clouds, ``rows`` and ``columns`` (n,)."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]


Task = Callable[[], Found]


def worked_off(tasks: Iterator[Task], workers: int) -> Generator[Found | None, None, None]:
    """What the tasks find, in any order; None whenever nothing came for a while. Closing it ends what is being done, but
    for the pieces that have begun. Tasks are taken from the iterator in this thread, a few ahead."""
    if workers == 1:
        for task in tasks:
            yield task()
        return
    executor = ThreadPoolExecutor(workers)
    try:
        pending: set[Future[Found]] = set()
        while True:
            pending |= {executor.submit(task) for task in islice(tasks, 2 * workers - len(pending))}
            if not pending:
                return
            ready, pending = wait(pending, WAIT, FIRST_COMPLETED)
            for future in ready:
                yield future.result()
            if not ready:
                yield None
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
