"""The folders a person named, walked once: what lies where, and what has been claimed by a layout."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import InputError
from engine.protocol import Note, Progress

LEFT_OUT = ("__MACOSX",)  # what macOS puts into zips; hidden names (.git, ._x.obj) are left out as well
EVERY = 256  # folders between two reports


@dataclass(frozen=True)
class Folder:
    """One folder: its absolute path, the names of the files and folders in it, sorted; its own name, the path above it."""

    path: str
    files: tuple[str, ...]
    folders: tuple[str, ...]
    name: str = field(init=False)
    above: str = field(init=False)
    _start: str = field(init=False)

    def __post_init__(self) -> None:
        above, name = os.path.split(self.path)
        for key, value in (("name", name), ("above", above), ("_start", os.path.join(self.path, ""))):
            object.__setattr__(self, key, value)

    def file(self, name: str) -> str:
        """Absolute path of something in here."""
        return self._start + name


@dataclass
class Tree:
    """What was walked. Files that were named one by one stand in their folder alone.

    folders : absolute path -> what of it was named
    limits : for each walked folder, the named folder it was reached from: nothing above it is the person's choice
    taken : files that belong to a layout already, items or not
    """

    folders: dict[str, Folder] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    _looked: dict[str, Folder] = field(default_factory=dict)

    def free(self, folder: Folder) -> list[str]:
        """Names of the folder's files that no layout has claimed."""
        start = folder.file("")
        return [name for name in folder.files if start + name not in self.taken]

    def take(self, folder: Folder, names: Sequence[str] | None = None) -> None:
        """Claim files of a folder; all of them without names."""
        start = folder.file("")
        self.taken.update([start + name for name in (folder.files if names is None else names)])

    def look(self, path: str) -> Folder:
        """All of one folder, also beside or above what was named (for lists and labels); empty when there is none."""
        if path not in self._looked:
            try:
                files, folders, _ = _scan(path)
            except OSError:
                files, folders = [], []
            self._looked[path] = Folder(path, tuple(files), tuple(folders))
        return self._looked[path]

    def inside(self, path: str) -> Iterator[Folder]:
        """The walked folder and all walked folders below it, parents first."""
        waiting = [path]
        while waiting:
            if folder := self.folders.get(waiting.pop()):
                yield folder
                waiting.extend(folder.file(name) for name in reversed(folder.folders))


def walk(paths: Sequence[Path]) -> Generator[Progress | Note, None, Tree]:
    """List everything in the named files and folders, each folder once, links to folders followed but never round in circles.

    Raises InputError for a path that does not exist. A folder that cannot be opened is noted and left out.
    """
    tree = Tree()
    seen: set[tuple[int, int]] = set()
    later: list[tuple[str, str]] = []
    for path in paths:
        absolute = os.path.abspath(path)
        if os.path.isdir(absolute):
            yield from _walk(tree, absolute, absolute, seen, later)
        elif os.path.isfile(absolute):
            _add(tree, os.path.dirname(absolute), os.path.basename(absolute))
        else:
            raise InputError(f"{path}: there is no such file or folder")
    while later:  # links last, so that a folder is known by its own name where it has one in here
        link, limit = later.pop(0)
        yield from _walk(tree, link, limit, seen, later)
    yield Progress(stage="look", done=len(tree.folders), total=len(tree.folders))
    return tree


def _walk(
    tree: Tree, start: str, limit: str, seen: set[tuple[int, int]], later: list[tuple[str, str]]
) -> Generator[Progress | Note, None, None]:
    waiting = [start]
    while waiting:
        path = waiting.pop()
        try:
            about = os.stat(path)
            mark = (about.st_dev, about.st_ino)
            if mark in seen and mark != (0, 0):
                continue
            seen.add(mark)
            files, folders, links = _scan(path)
        except OSError as error:
            yield Note(text=f"{shown(path)} cannot be opened ({error.strerror}) and is left out", warning=True)
            continue
        folder = Folder(path, tuple(files), tuple(folders))
        tree.folders[path] = tree._looked[path] = folder
        tree.limits[path] = limit
        waiting.extend(folder.file(name) for name in reversed(folders) if name not in links)
        later.extend((folder.file(name), limit) for name in sorted(links))
        if len(tree.folders) % EVERY == 0:
            yield Progress(stage="look", done=len(tree.folders), total=len(tree.folders) + len(waiting))


def _add(tree: Tree, path: str, name: str) -> None:
    """Add a file that was named by itself."""
    known = tree.folders.get(path, Folder(path, (), ()))
    tree.folders[path] = Folder(path, tuple(sorted({*known.files, name})), known.folders)
    tree.limits.setdefault(path, path)


def _scan(path: str) -> tuple[list[str], list[str], set[str]]:
    """Names of files, of folders, and which of the folders are links; sorted, hidden ones left out. Raises OSError."""
    files, folders, links = [], [], set()
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in LEFT_OUT:
                continue
            if _is_folder(entry):
                folders.append(entry.name)
                if entry.is_symlink():
                    links.add(entry.name)
            elif _leads_nowhere(entry) or entry.is_file():
                files.append(entry.name)
    return sorted(files), sorted(folders), links


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether it is a link without a target, which is reported when it is read. Pipes and devices are never opened."""
    return entry.is_symlink() and not os.path.exists(entry.path)


def shown(path: str) -> str:
    """A path that can be printed, whatever bytes its name is made of; different paths stay different."""
    return path.encode(errors="backslashreplace").decode()
