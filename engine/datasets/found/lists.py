"""Lists beside a data set: which shapes are for training and which unseen, and which are bad."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.datasets.found.notes import Notes
from engine.datasets.found.text import read_text
from engine.datasets.found.tree import Tree, shown

SPLITS = ("train", "val", "test")
NAME = re.compile(
    r"(?:shuffled_|modelnet\d+_)?(train|val|test)(?:_split|_file_list|_files|_list)?\.(?:lst|txt|json)", re.IGNORECASE
)
BAD = re.compile(r".*(?:problematic|bad)[_-]?(?:shape|model|mesh|id|list|item).*\.(?:txt|lst)", re.IGNORECASE)
SUFFIX = re.compile(r"\.(?:obj|off|ply|stl|glb|gltf|npy|npz|txt|pts|seg|pth)$", re.IGNORECASE)
GENERIC = ("model_normalized", "model", "models", "pointcloud", "points", "shape_data", ".", "")
TWICE = "shapes in several split lists, of which train counts before val and val before test: {}"
ABSENT = "shapes that split lists name but that are not here: {}"


@dataclass
class Lists:
    """Split and bad-shape lists by the folder they lie in; each folder's are read when first asked for."""

    tree: Tree
    notes: Notes
    _splits: dict[str, dict[str, str]] = field(default_factory=dict)
    _bad: dict[str, set[str]] = field(default_factory=dict)
    _used: dict[str, set[str]] = field(default_factory=dict)

    def split(self, group: str, name: str, *folders: str) -> str:
        """ "train", "val", "test" by the first of the folders whose lists name ``<group>/<name>`` or ``<name>``, else ""."""
        for folder in folders:
            if folder not in self._splits:
                self._splits[folder], self._used[folder] = self._read_splits(folder), set()
            if listed := self._splits[folder]:
                for entry in (f"{group}/{name}", name):
                    if entry in listed:
                        self._used[folder].add(entry)
                        return listed[entry]
        return ""

    def is_bad(self, name: str, *folders: str) -> bool:
        """Whether a list of bad shapes (``plane_problematic_shapes.txt``) in one of the folders holds ``name``."""
        for folder in folders:
            if folder not in self._bad:
                place = self.tree.look(folder)
                lists = [place.file(file) for file in place.files if BAD.fullmatch(file)]
                self._bad[folder] = {key(entry) for path in lists for entry in _entries(path, self.notes)}
        return any(name in self._bad[folder] for folder in folders)

    def finish(self) -> None:
        """Note how many listed shapes were never asked for."""
        for folder, listed in self._splits.items():
            self.notes.say(ABSENT, len(listed.keys() - self._used[folder]))

    def _read_splits(self, path: str) -> dict[str, str]:
        """Name -> split by the lists in a folder or in a folder in it whose name speaks of splits."""
        found: dict[str, set[str]] = {}
        folder = self.tree.look(path)
        for place in (
            folder,
            *(self.tree.look(folder.file(name)) for name in folder.folders if "split" in name.lower()),
        ):
            for name in place.files:
                if match := NAME.fullmatch(name):
                    for entry in _entries(place.file(name), self.notes):
                        found.setdefault(key(entry), set()).add(match[1].lower())
        if "all.csv" in folder.files:
            for entry, split in _table(folder.file("all.csv"), self.notes):
                found.setdefault(entry, set()).add(split)
        self.notes.say(TWICE, sum(len(splits) > 1 for splits in found.values()), warning=True)
        return {name: min(splits, key=SPLITS.index) for name, splits in found.items()}


def key(entry: str) -> str:
    """Name of a shape as lists are searched by it: "<folder>/<id>" or "<id>", from any way to write its path."""
    parts = SUFFIX.sub("", SUFFIX.sub("", entry.strip())).replace("\\", "/").split("/")
    return "/".join([part for part in parts if part not in GENERIC][-2:])


def is_list(name: str) -> bool:
    """Whether a file's name is that of a list, so that it is no item."""
    return bool(NAME.fullmatch(name) or BAD.fullmatch(name))


def _entries(path: str, notes: Notes) -> Iterable[str]:
    """Names in a list: a JSON array of strings, or one name per line."""
    text = read_text(path, notes)
    if not path.lower().endswith(".json"):
        return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        held = json.loads(text) if text else []
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, list):
        notes.say(f"{shown(path)} is not a JSON list of names and is not used", warning=True)
        return []
    return [entry for entry in held if isinstance(entry, str)]


def _table(path: str, notes: Notes) -> Iterator[tuple[str, str]]:
    """Rows of ShapeNet's ``all.csv`` (id, synsetId, subSynsetId, modelId, split)."""
    rows = csv.DictReader(io.StringIO(read_text(path, notes)))
    if not {"synsetId", "modelId", "split"} <= set(rows.fieldnames or ()):
        return
    for row in rows:
        if row["split"] in SPLITS and row["synsetId"] and row["modelId"]:
            yield f"{row['synsetId'].zfill(8)}/{row['modelId']}", row["split"]
