"""How a person gets shapes in front of them: made at once, by the tour, as samples, or from files that are brought in."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData

from engine.jobs import SamplesJob
from studio.models.bring import Bring
from studio.models.incoming import paths_in, sort_out, take_card
from studio.models.make import Make
from studio.models.opened import OpenProject, Projects
from studio.models.tour import Tour

FIRST = 6  # shapes of the first minute: enough to choose from, there in seconds
FIRST_CLOUDS = 4  # as many as are drawn at a time
SAMPLES = 12
NEW = "My shapes"  # the project that is made where one is needed


class WaysIn:
    """Each works in the open project where that makes sense, and else in a new one among the person's documents."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    def generate_now(self, model: str) -> None:
        """A new project, and the first shapes of a model in it; one that is asked in words waits for them."""
        if self._projects.create_somewhere(NEW) and (opened := self._projects.current):
            opened.current.go_to("Make")
            make = opened.model(Make)
            make.choose(model)
            make.set_count(FIRST if not make.reads else FIRST_CLOUDS)
            if not make.reads:
                make.generate()
            else:
                make.prompting.ask()

    def take_tour(self) -> None:
        """The tour on the real controls."""
        if opened := self._opened(NEW):
            make = opened.model(Make)
            make.set_count(min(make.count, FIRST))
            opened.model(Tour).start()

    def look_around(self, category: str) -> None:
        """A new project with meshes that the program makes itself."""
        if self._projects.create_somewhere(f"{category.capitalize()} samples") and (opened := self._projects.current):
            opened.submit(SamplesJob(category=category, count=SAMPLES))

    def bring_in(self, paths: Sequence[Path]) -> None:
        """Import files; a new project says at once what they are good for."""
        if not paths:
            return
        new = self._projects.current is None
        if opened := self._opened(paths[0].stem):
            if new:
                opened.current.go_to("Train")
            opened.model(Bring).bring_in(paths)

    def _opened(self, name: str) -> OpenProject | None:
        """The open project, or a new one of that name; None where none could be made, which is told."""
        if self._projects.current is None:
            self._projects.create_somewhere(name)
        return self._projects.current

    # what is dropped on the window -----------------------------------------------------------------------------------
    def take(self, paths: Sequence[Path]) -> None:
        """A project is opened, cards of shapes are made again, all else is brought in."""
        found = sort_out(paths)
        if found.project:
            self._projects.open(found.project)
            return
        self.bring_in(found.files)
        if found.cards and (opened := self._opened(NEW)):
            for card in found.cards:
                take_card(opened, card)

    def dragged(self, data: QMimeData) -> list[Path]:
        """The files of a drag that mean something here."""
        return paths_in(data, self._projects.current.folder if self._projects.current else None)

    def words(self, paths: Sequence[Path]) -> tuple[str, str]:
        """What they are, and what would be done with them."""
        found = sort_out(paths)
        if found.project:
            return found.words, "let go anywhere in the window"
        where = self._projects.current.name if self._projects.current else "a new project"
        return found.words, f"into {where}; let go anywhere in the window"
