"""ShapeNetPart: clouds with a part label for every point, in its two published layouts and people's own sets in them."""

import os
import re

from engine.datasets.found.findings import Findings
from engine.datasets.found.lists import is_list
from engine.datasets.found.part_names import global_names, local_names
from engine.datasets.found.synsets import category, is_offset
from engine.datasets.found.text import read_text
from engine.datasets.found.tree import Folder
from engine.datasets.source import Source

CATEGORIES = "synsetoffset2category.txt"
LABELS = ("points_label", os.path.join("expert_verified", "points_label"))  # the benchmark's, and the annotations'
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
UNLABELLED = "clouds of ShapeNetPart without a label file: {}"
POINTLESS = "label files of ShapeNetPart without points, left out: {}"
OWN = (
    "a data set in ShapeNetPart's layout but with folders of its own: its labels keep their numbers, its axes are kept"
)


def recognise(findings: Findings) -> None:
    """``<offset>/points/<id>.pts`` with ``points_label/<id>.seg``: labels count from 1 within the category."""
    for folder in list(findings.tree.folders.values()):
        if folder.name != "points":
            continue
        clouds = [name for name in findings.tree.free(folder) if name.endswith(".pts")]
        root, group = os.path.split(folder.above)
        word = _category(findings, root, group)
        labels = [findings.tree.look(os.path.join(folder.above, name)) for name in LABELS]
        known = {place.path: set(place.files) for place in labels}
        for name in clouds:
            stem = name[:-4]
            label = next((place.file(f"{stem}.seg") for place in labels if f"{stem}.seg" in known[place.path]), "")
            findings.notes.say(UNLABELLED, not label)
            source = Source(
                kind="cloud",
                name=stem,
                files=(folder.file(name),),
                dataset="shapenetpart",
                category=word,
                split=findings.lists.split(group, stem, root),
                axes=_axes(findings, group),
                labels=label,
                label_names=local_names(word) if label else {},
            )
            findings.add(folder, source, root, own=not is_offset(group))
        lonely = {name[:-4] for name in labels[0].files} - {name[:-4] for name in folder.files}
        findings.notes.say(POINTLESS, len(lonely) if labels[0].path in findings.tree.folders else 0)
        findings.take_rest(folder.above)


def recognise_normal(findings: Findings) -> None:
    """``<offset>/<id>.txt`` of x y z nx ny nz label: labels count from 0 through all categories."""
    for folder in list(findings.tree.folders.values()):
        clouds = [name for name in findings.tree.free(folder) if name.endswith(".txt") and not _is_other(name)]
        if not clouds or not _fits(findings, folder, folder.file(clouds[0])):
            continue
        word = _category(findings, folder.above, folder.name)
        for name in clouds:
            source = Source(
                kind="cloud",
                name=name[:-4],
                files=(folder.file(name),),
                dataset="shapenetpart-normal",
                category=word,
                split=findings.lists.split(folder.name, name[:-4], folder.above),
                axes=_axes(findings, folder.name),
                label_names=global_names(word) if is_offset(folder.name) else {},
            )
            findings.add(folder, source, folder.above, own=not is_offset(folder.name))


def _fits(findings: Findings, folder: Folder, cloud: str) -> bool:
    """Whether the folder is one of this layout, by its name and by the first line of one of its files."""
    named = is_offset(folder.name) or folder.name in _table(findings, folder.above)
    return (named or findings.forced) and columns(cloud) == 7


def columns(path: str) -> int:
    """Numbers in the first line of a text file; 0 when there is anything else in it."""
    try:
        with open(path, encoding="latin-1") as file:
            words = file.readline(4096).replace(",", " ").split()
    except OSError:  # it is told apart by its contents, and has none that can be seen
        return 0
    return len(words) if all(NUMBER.fullmatch(word) for word in words) else 0


def _axes(findings: Findings, group: str) -> str:
    if is_offset(group):
        return "shapenet-v1"
    findings.notes.say(OWN)
    return ""


def _category(findings: Findings, root: str, group: str) -> str:
    return category(_table(findings, root).get(group, group))


def _table(findings: Findings, root: str) -> dict[str, str]:
    """Folder name -> category, as the data set's own file says (lines of name, white space, folder)."""
    if CATEGORIES not in findings.tree.look(root).files:
        return {}
    rows = [line.split() for line in read_text(os.path.join(root, CATEGORIES), findings.notes).splitlines()]
    return {row[-1]: " ".join(row[:-1]) for row in rows if len(row) > 1}


def _is_other(name: str) -> bool:
    return name == CATEGORIES or is_list(name)
