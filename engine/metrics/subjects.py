"""What an evaluation looks at: shapes of a run, the unseen items that they are held against, and what was learned from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from engine.analysis.rows import origin
from engine.errors import InputError
from engine.jobs import EvaluateJob, GenerateJob, SplitJob, TrainJob
from engine.metrics.protocol import to_draw
from engine.project import Project
from engine.rows import ItemRow, ShapeRow, without_doubles
from engine.text.asking import category_of, prompt_of
from engine.text.phrases import phrases
from engine.text.prompts import words_of
from engine.text.spelling import POLITE

SPLITS = {"unseen": ("val", "test"), "val": ("val",), "test": ("test",)}


@dataclass(frozen=True)
class Subjects:
    """shapes : what is evaluated, all fitted or all not; name tells them together
    fit : the run whose latents the model learned from, "" when it is not in the project; then training is empty too
    training : items that it learned from; references : real items that the shapes are held against
    categories : of the shapes, by name; "" when it is not known
    closer : prompts of the shapes that say more than a category
    bare : real ones that are points without a mesh; left_out : those that were taken out, since they cannot be measured
    """

    name: str
    shapes: tuple[ShapeRow, ...]
    fit: str
    training: tuple[ItemRow, ...]
    references: tuple[ItemRow, ...]
    categories: Mapping[str, str]
    closer: tuple[str, ...] = ()
    bare: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()

    @property
    def fitted(self) -> bool:
        """Whether the shapes are reconstructions of items."""
        return self.shapes[0].kind == "fitted"

    @property
    def unseen(self) -> tuple[ItemRow, ...]:
        """References that nothing was learned from."""
        learned = {item.id for item in self.training}
        return tuple(item for item in self.references if item.id not in learned)

    def without(self, names: Collection[str]) -> "Subjects":
        """The same without real shapes that cannot be measured. Raises InputError where too few are left."""
        training, references = (
            tuple(item for item in some if item.id not in names) for some in (self.training, self.references)
        )
        there = {item.id for item in (*self.training, *self.references)}
        _enough(references)
        out = tuple(sorted(there.intersection(names)))
        return replace(self, training=training, references=references, bare=self.bare.difference(names), left_out=out)


def subjects_of(job: EvaluateJob, project: Project) -> Subjects:
    """Find out what a job means. Raises InputError saying what to name instead."""
    shapes = _shapes(job, project)
    if len({row.kind == "fitted" for row in shapes}) > 1:
        raise InputError("fitted and other shapes are measured differently; evaluate them apart, then `report` both")
    origins = dict.fromkeys(_origin(run, project) for run in dict.fromkeys(row.run for row in shapes))
    if len({fit for fit, _ in origins}) != 1:
        told = ", ".join(sorted({fit for fit, _ in origins}))
        raise InputError(
            f"these shapes go back to several fits ({told}); evaluate them apart, then `report` them together"
        )
    fit = next(iter(origins))[0]
    learned = [items for _, items in origins if items is not None]
    names = frozenset().union(*learned) if learned else _fitted_items(fit, project)
    items, bare = _items(project)
    training = tuple(item for item in items.values() if item.id in names and (learned or item.split == "train"))
    learned_categories = {item.category for item in training}
    only = next(iter(learned_categories)) if len(learned_categories) == 1 else ""
    categories = {name: found or only for name, found in _categories(shapes, items, project).items()}
    meant = learned_categories if "" in categories.values() else set(categories.values())
    references = _references(job.against, items, meant)
    _enough(references)
    jobs = [project.job(run) for run in dict.fromkeys(row.run for row in shapes)]
    prompts = {prompt_of(one.changes) for one in jobs if isinstance(one, GenerateJob)}
    closer = tuple(sorted(one for one in prompts if _says_more(one)))
    bare = bare.intersection(item.id for item in (*training, *references))
    return Subjects(", ".join(job.names), shapes, fit, training, references, categories, closer, bare)


def _items(project: Project) -> tuple[dict[str, ItemRow], frozenset[str]]:
    """Items by id that have a mesh or points, and which of them have no mesh."""
    rows = project.catalogue.items()
    solid = {row.id for row in rows if project.geometry_path(row.id).is_file()}
    bare = frozenset(row.id for row in rows if row.id not in solid and project.points_path(row.id).is_file())
    return {row.id: row for row in rows if row.id in solid or row.id in bare}, bare


def _enough(references: Sequence[ItemRow]) -> None:
    if len(references) < 2:
        raise InputError(
            f"{len(references)} unseen items are too few to compare with; import or make more, or name items by --against"
        )


def _shapes(job: EvaluateJob, project: Project) -> tuple[ShapeRow, ...]:
    """The rows of runs and shapes in the order named, each once."""
    runs, found = {run.id for run in project.catalogue.runs()}, []
    for name in job.names:
        if name in runs and isinstance(train := project.job(name), TrainJob):
            unseen = sum(item.split in SPLITS["unseen"] for item in project.catalogue.items())
            count = to_draw(job.protocol, max(unseen, 1))
            raise InputError(
                f"{train.run} is a model; `generate --model {train.run} --count {count}` first (as many as its protocol "
                "draws), and evaluate that run"
            )
        rows = project.catalogue.shapes(name) if name in runs else [project.catalogue.shape(name)]
        if not rows:
            raise InputError(f"run {name} has no shapes; name a run that has fitted or made some (`list runs`)")
        found += rows
    return tuple({row.id: row for row in found}.values())


def _origin(run: str, project: Project) -> tuple[str, frozenset[str] | None]:
    """As `origin`; ("", no items) for shapes of a model that was not trained in this project."""
    try:
        return origin(run, project)
    except InputError:
        if isinstance(project.job(run), GenerateJob | SplitJob):
            return "", frozenset()
        raise


def _fitted_items(fit: str, project: Project) -> frozenset[str]:
    return frozenset(row.item for row in project.catalogue.shapes(fit) if row.verdict == "accepted")


def _categories(shapes: Sequence[ShapeRow], items: Mapping[str, ItemRow], project: Project) -> dict[str, str]:
    """Category of each shape: its item's, or what it was asked to be (by name or in a prompt), or that of all that it was
    made from; "" = not known."""
    job_of = cache(project.job)
    known = tuple(sorted({item.category for item in items.values()} - {""}))
    rows = {row.id: row for row in project.catalogue.shapes()}
    found: dict[str, str] = {}

    def category(row: ShapeRow) -> str:
        if row.id not in found:
            found[row.id] = ""
            job = job_of(row.run)
            if row.item in items:
                found[row.id] = items[row.item].category
            elif isinstance(job, GenerateJob):
                found[row.id] = job.category or category_of(prompt_of(job.changes), known)
            elif isinstance(job, SplitJob) and job.category:
                found[row.id] = job.category
            else:
                several = {category(rows[name]) for name in row.parents if name in rows}
                several |= {items[name].category for name in row.parents if name in items}
                found[row.id] = several.pop() if len(several) == 1 else ""
        return found[row.id]

    return {row.id: category(row) for row in shapes}


def _says_more(prompt: str) -> bool:
    """Whether a prompt says more than the name of a category."""
    words = [word for word in words_of(prompt) if word not in POLITE]
    category = category_of(prompt)
    nouns = (category, *(phrases()[category].noun if category in phrases() else ()))
    return bool(words) and words not in [words_of(noun) for noun in nouns]


def _references(against: Sequence[str], items: dict[str, ItemRow], categories: set[str]) -> tuple[ItemRow, ...]:
    """Items by splits, categories and ids; all unseen ones of ``categories`` when nothing is named."""
    known, unasked = {item.category for item in items.values()}, without_doubles(tuple(items.values()))
    found: dict[str, ItemRow] = {}
    for word in against or ("unseen",):
        if word in SPLITS:
            some = [i for i in unasked if i.split in SPLITS[word] and (not categories or i.category in categories)]
        elif word in known:
            some = [i for i in unasked if i.category == word and i.split in SPLITS["unseen"]]
        elif word in items:
            some = [items[word]]
        else:
            raise InputError(f"--against {word}: give test, val, unseen, a category, or items (`list items`)")
        found |= {item.id: item for item in some}
    return tuple(found[name] for name in sorted(found))
