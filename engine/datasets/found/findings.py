"""What the recognisers of layouts hand in: items with their terms, and sentences for the person."""

import msgspec

from engine.datasets.found.lists import Lists
from engine.datasets.found.notes import Notes
from engine.datasets.found.terms import Terms
from engine.datasets.found.tree import Folder, Tree, shown
from engine.datasets.source import Source

BAD_NAME = "its name is not valid text; rename the file"


class Findings:
    """The items found so far in a tree, what is said about them, and the lists that lie beside them.

    forced : the person named this layout, so weaker signs suffice
    meshes : lower-case suffixes of mesh files
    """

    def __init__(self, tree: Tree, meshes: tuple[str, ...], forced: bool = False) -> None:
        self.tree = tree
        self.meshes = meshes
        self.forced = forced
        self.sources: list[Source] = []
        self.notes = Notes()
        self.lists = Lists(tree, self.notes)
        self._terms = Terms()

    def add(self, folder: Folder, source: Source, root: str = "", own: bool = False) -> None:
        """Hand in an item that lies in ``folder``.

        root : its data set's top folder, "" for a loose file
        own : it has the data set's layout but is somebody's own, so the data set's terms do not hold
        """
        origin, licence = self._terms.of(self.tree, folder.path, "" if own else source.dataset, root)
        paths = tuple(filter(None, (*source.files, source.labels)))
        self.tree.taken.update(paths)
        source = msgspec.structs.replace(source, origin=origin, licence=licence)
        self.sources.append(source if shown("".join(paths)) == "".join(paths) else _without_odd_bytes(source))

    def take_rest(self, path: str) -> None:
        """Claim everything in a model's folder but meshes: pictures, voxels, cameras, tables are no items."""
        for folder in self.tree.inside(path):
            self.tree.take(folder, [name for name in folder.files if not name.lower().endswith(self.meshes)])


def _without_odd_bytes(source: Source) -> Source:
    """A refused item in place of one whose path is no text, and so can neither be sent nor stored."""
    told = {key: shown(getattr(source, key)) for key in ("name", "category", "origin", "licence", "labels")}
    files = tuple(shown(file) for file in source.files)
    return msgspec.structs.replace(source, files=files, part_names=(), label_names={}, refused=BAD_NAME, **told)
