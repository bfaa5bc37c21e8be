"""What a person makes of clouds: meshes, and shapes with named parts that can be mixed like any other."""

from collections.abc import Callable, Sequence

from engine.jobs import MeshJob, SplitJob
from studio.models.make import Make
from studio.models.mix import Mix
from studio.models.opened import OpenProject, ProjectModel
from studio.models.titles import counted

SPLIT = "Split into parts"


class CloudWork(ProjectModel):
    """Puts the jobs into the queue, and shows what comes of them once the library has it."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._asked: dict[str, Callable[[str], None]] = {}  # run -> what is done with the first that it made
        opened.queue.ended.connect(self._end)
        opened.library.changed.connect(self._show)
        self._made: dict[str, Callable[[str], None]] = {}  # name of a shape or an item that will be in the library

    def categories(self, names: Sequence[str]) -> tuple[str, ...]:
        """What clouds can be split as: the category that their prompts name, or else all that a model with parts knows."""
        known = dict.fromkeys(
            category
            for source in self._opened.model(Make).sources
            if source.askable.parts
            for category in source.categories
        )
        said = {card.category for name in names if (card := self._opened.library.card(name))}
        if len(said) == 1 and (only := said.pop()):
            return (only,) if only in known else ()
        return tuple(known)

    def why_not(self, names: Sequence[str]) -> str:
        """Why clouds cannot be split into parts; "" where they can."""
        if self.categories(names):
            return ""
        said = {card.category for name in names if (card := self._opened.library.card(name))} - {""}
        which = f" of {' and '.join(sorted(said))}s" if said else ""
        return f"No model here knows the parts{which}: train one on shapes with parts"

    def split(self, names: Sequence[str], category: str, mix: bool = False) -> str:
        """Find the parts of clouds; ``mix``: the first is mixed then. Returns the run, "" when it could not be asked for."""
        return self._submit(SplitJob(shapes=tuple(names), category=category), self._begin if mix else self._look)

    def mesh(self, names: Sequence[str]) -> str:
        """Lay surfaces through clouds. Returns the run, "" when it could not be asked for."""
        return self._submit(MeshJob(shapes=tuple(names)), self._look)

    def _submit(self, job: MeshJob | SplitJob, then: Callable[[str], None]) -> str:
        run = self._opened.submit(job)
        if run:
            self._asked[run] = then
            self._opened.troubles.tell(f"{counted(len(job.shapes), 'cloud')}: it is in the queue", note=True)
        return run

    def _end(self, run: str) -> None:
        then, task = self._asked.pop(run, None), self._opened.queue.task(run)
        if then is None or task is None or task.state != "finished":
            return
        refused = task.result.get("refused")
        if isinstance(refused, dict) and refused:
            self._opened.troubles.tell("; ".join(map(str, refused.values())))
        found = task.result.get("shapes") or task.result.get("items")
        if isinstance(found, list) and found:
            first = found[0]
            self._made[str(first["id"] if isinstance(first, dict) else first)] = then
            self._show()

    def _show(self) -> None:
        for name in [name for name in self._made if self._opened.library.card(name)]:
            self._made.pop(name)(name)

    def _look(self, name: str) -> None:
        self._opened.current.choose((name,))
        self._opened.current.show(name)

    def _begin(self, name: str) -> None:
        self._look(name)
        self._opened.model(Mix).begin(name)
        self._opened.current.go_to("Mix")
