"""A monkey in front of the real window: seeded clicks, drags, keys, drops and kills of the engines, for a while.

    python -m tests.studio.monkey --seconds 600 --seed 7 [--engines fake] [--folder WHERE]
    python -m tests.studio.monkey --replay WHERE/deeds.jsonl

Every deed is written down before it is done, so a run that crashed, hung or threw can be done again, deed by deed. The
exit status is 0 when the window lived through all of it and its project is sound. What hangs is ended, with all its stacks.
"""

import argparse
import faulthandler
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

EVERY_MS = 60  # between two deeds
HANG_S = 90.0  # no deed for so long is a hang, on a machine that may be busy


def main(arguments: list[str]) -> int:
    """Let it loose; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engines", choices=("real", "fake"), default="real")
    parser.add_argument("--folder", type=Path, default=Path("build/monkey"))
    parser.add_argument("--replay", type=Path)
    asked = parser.parse_args(arguments)
    place = (asked.folder / time.strftime("%Y%m%d-%H%M%S")).resolve()
    for name in ("home", "tmp"):
        (place / name).mkdir(parents=True)
    os.environ |= {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp")}
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    replay = asked.replay.read_text().splitlines() if asked.replay else None
    with (place / "deeds.jsonl").open("w", buffering=1) as deeds:
        wrong = play(place, asked.seed, asked.seconds, asked.engines, deeds, replay)
    print(f"seed {asked.seed}: {'; '.join(wrong) or 'nothing wrong'}; the deeds are in {place / 'deeds.jsonl'}")
    return 1 if wrong else 0


def play(place: Path, seed: int, seconds: float, engines: str, deeds: TextIO, replay: list[str] | None) -> list[str]:
    """The window with the monkey in front of it -> what was wrong."""
    from PySide6.QtCore import QTimer

    from studio.app import application, build, run
    from studio.models.opened import ENGINES
    from studio.models.preferences import Preferences
    from tests.studio.conftest import FAKES
    from tests.studio.journeys.soundness import check_project
    from tests.studio.monkey_deeds import Monkey, tame
    from tests.studio.monkey_project import make_project

    limit_memory()
    faults: list[str] = []
    project = make_project(place, real=engines == "real")
    app = application(sys.argv[:1])
    monkey = Monkey(place, random.Random(seed), deeds, replay)
    tame(monkey)
    end = time.monotonic() + seconds
    gone = ticking = False

    def tick() -> None:
        """One deed; while it waits for a menu or a dialogue to be answered, the next ones come all the same."""
        if gone:
            return
        QTimer.singleShot(EVERY_MS, tick)  # a new one each time, since a timer does not fire within its own slot
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        if time.monotonic() < end and not monkey.done:
            monkey.act()
        else:
            monkey.leave()

    while not gone:  # a monkey closes windows, too
        window, opener = build(app, Preferences(), ENGINES if engines == "real" else FAKES)
        window._troubles.told.connect(lambda one: faults.extend(fault_of(one.text, one.details)))
        monkey.sit_down(window, opener)
        if not ticking:
            tick()
            ticking = True
        run(app, window, opener, project)
        window.deleteLater()
        gone = time.monotonic() >= end or monkey.done
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    left = [name for name in os.listdir(place / "tmp") if not name.startswith("pymp-")]
    if left:
        faults.append(f"left in the folder of temporary files: {left}")
    for folder in {path.parent for path in place.rglob("project.json")}:
        try:
            check_project(folder, models=engines == "real")
        except Exception as error:  # noqa: BLE001 the verdict on the project, whatever it is
            faults.append(f"{folder.name} is not sound: {type(error).__name__}: {error}")
    faulthandler.cancel_dump_traceback_later()
    print(f"{monkey.count} deeds, {monkey.lost / max(monkey.count, 1):.0%} of them before dialogues")
    return list(dict.fromkeys(faults))


def fault_of(text: str, details: str) -> Iterator[str]:
    """A message that is a fault of ours: other errors say what a person can do."""
    if "a fault in the" in text.lower() or "traceback" in text.lower():
        yield f"{text}\n{details}"


def limit_memory() -> None:
    """A monkey asks for huge things, and the machine has other users."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (10 << 30, 10 << 30))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main(sys.argv[1:]))
