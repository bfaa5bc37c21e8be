"""Screenshots of every panel, dark and light, at two sizes: ``python -m tests.studio.pictures OUT [PROJECT [STATE...]]``.

Look at every one. Without a project one is made (see `pictures_project`); states are those of STATES, all unless named.
Each size has a process of its own, since Qt takes the scale of the screen from the environment when it starts.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PySide6.QtWidgets import QWidget

from studio.app import application, build
from studio.models.preferences import Preferences
from studio.theme import Choice
from tests.studio.pictures_project import make_project
from tests.studio.pictures_states import PAGES, STATES, Desk
from tests.studio.seen import clipped

THEMES: tuple[Choice, ...] = ("dark", "light")
SIZES = {"1280x800": (1280, 800, 1.0), "2560x1440": (1280, 720, 2.0)}  # name -> width and height at its scale, scale
README = "mix-dark"
QUALITY = 82  # of WebP


def shoot(desk: Desk, out: Path, name: str, what: QWidget) -> None:
    """A widget as it is, in both themes; says what of it is cut off."""
    for choice in THEMES:
        desk.window.theme.choose(choice)
        desk.settle()
        what.grab().save(str(out / f"{name}-{choice}.png"))
    for words in clipped(what):
        print(f"{name}: {words}", file=sys.stderr)


def keep(picture: Path, out: Path) -> None:
    """The picture of the README, which resources/pictures has a copy of."""
    with Image.open(picture) as image:
        image.convert("RGB").save(out, quality=QUALITY, method=6)


def take(out: Path, project: Path, size: str, wanted: Sequence[str]) -> None:
    """All wanted pictures of one size, in this process."""
    width, height, _ = SIZES[size]
    out.mkdir(parents=True, exist_ok=True)
    app = application(sys.argv[:1])
    with tempfile.TemporaryDirectory() as place:
        preferences = Preferences(Path(place))
        preferences.used(project)
        window, projects = build(app, preferences)
        desk = Desk(app, window, projects, project)
        window.resize(width, height)
        window.show()
        desk.wait(lambda: False, 0.5)
        for name, show in STATES.items():
            if name in wanted or name == "make":  # which opens the project
                show(desk)
            if name in wanted:
                shoot(desk, out, name, window)
        for name, page in PAGES.items():
            if name in wanted:
                shoot(desk, out, name, found := page(desk))
                found.close()
        for run in [task.run for task in desk.opened.queue.waiting]:
            desk.opened.queue.cancel(run)
        window.close()


def main(out: Path, project: Path | None, wanted: Sequence[str]) -> None:
    """A process for each size, one after the other; they share the project, and with it its pictures of shapes."""
    with tempfile.TemporaryDirectory() as place:
        if project is None:
            make_project(project := Path(place) / "Chairs and planes")
        for size, (_, _, scale) in SIZES.items():
            command = [sys.executable, "-m", "tests.studio.pictures", "--size", size, str(out / size), str(project)]
            environment = {**os.environ, "QT_SCALE_FACTOR": str(scale)}
            subprocess.run([*command, *wanted], env=environment, check=True)
    if (picture := out / list(SIZES)[-1] / f"{README}.png").exists():
        keep(picture, out / "window.webp")


if __name__ == "__main__":
    ALL = (*STATES, *PAGES)
    match sys.argv[1:]:
        case ["--size", size, out, project, *wanted]:
            take(Path(out), Path(project), size, wanted or ALL)
        case [out, project, *wanted]:
            main(Path(out), Path(project), wanted)
        case [out]:
            main(Path(out), None, ())
