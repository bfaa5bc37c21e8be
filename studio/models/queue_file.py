"""queue.json of a project: which jobs wait and which have ended, so that they outlive the window."""

from pathlib import Path

import msgspec

from engine.errors import InputError, StudioError
from engine.project import Project
from studio.models.task import ENDED, Task

FILE = "queue.json"
VERSION = 1


class QueueFile(msgspec.Struct, frozen=True, kw_only=True):
    """queue.json: runs that wait, the running one first; those that ended and are still shown, newest first.

    retried : run -> when it had ended (s since 1970) before it was put into the queue again
    """

    waiting: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    held: bool = False
    retried: dict[str, float] = {}
    version: int = VERSION


def read_queue(folder: Path) -> QueueFile:
    """What an earlier window left in a project's folder; nothing where there was none. Raises InputError."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=QueueFile)
    except FileNotFoundError:
        return QueueFile()
    except msgspec.DecodeError as error:
        raise InputError(f"the queue of this project could not be read and is empty now ({error})") from error


def tasks_of(kept: QueueFile, project: Project) -> tuple[list[Task], list[Task]]:
    """Jobs that wait, and those that have ended, by the file and by how far their runs have come since."""
    waiting, done = list[Task](), list[Task]()
    for run in (*kept.waiting, *kept.ended):
        try:
            task, row = Task(project.job(run)), project.catalogue.run(run)
        except StudioError:
            continue  # its folder was removed
        goes_on = row.state == "cancelled" or row.ended == kept.retried.get(run, -1.0)  # nobody began it since
        if row.state in ENDED and not (goes_on and run in kept.waiting):
            task.state = row.state  # type: ignore[assignment]
            task.text, _, task.trace = row.reason.partition("\n")
            done.append(task)
        elif run in kept.waiting:
            waiting.append(task)
    return waiting, done
