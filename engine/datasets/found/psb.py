"""Princeton Segmentation Benchmark (Chen et al. 2009): closed meshes by number, each cut up by several people."""

import os

from engine.datasets.found.findings import Findings
from engine.datasets.source import Source

# Twenty meshes each, from 1 (the benchmark's own README); 261-280 are not part of it.
CATEGORIES = (
    "human", "cup", "glasses", "airplane", "ant", "chair", "octopus", "table", "teddy", "hand", "plier", "fish", "bird",
    "spring", "armadillo", "bust", "mech", "bearing", "vase", "fourleg",
)  # fmt: skip
SEGMENTS = os.path.join("seg", "Benchmark")
UNCUT = "meshes of the Princeton benchmark without a segmentation: {}"


def recognise(findings: Findings) -> None:
    """``off/N.off`` with ``seg/Benchmark/N/N_k.seg``, of which the lowest k is taken; axes differ from mesh to mesh."""
    for folder in list(findings.tree.folders.values()):
        if folder.name != "off":
            continue
        names = [name for name in findings.tree.free(folder) if _number(name)]
        if not names:
            continue
        cut = findings.tree.look(os.path.join(folder.above, SEGMENTS))
        if not (findings.forced or set(cut.folders) & {name[:-4] for name in folder.files}):
            continue
        for name in sorted(names, key=_number):
            stem = name[:-4]
            people = findings.tree.look(cut.file(stem))
            segments = sorted(
                (file for file in people.files if file.endswith(".seg")), key=lambda file: (len(file), file)
            )
            findings.notes.say(UNCUT, not segments)
            source = Source(
                kind="mesh",
                name=stem,
                files=(folder.file(name),),
                dataset="psb",
                category=CATEGORIES[(_number(name) - 1) // 20],
                split=findings.lists.split("", stem, folder.above),
                labels=people.file(segments[0]) if segments else "",
            )
            findings.add(folder, source, folder.above)
        findings.take_rest(cut.path)


def _number(name: str) -> int:
    """Number of a mesh file of the benchmark, 0 for other files."""
    stem = name[:-4]
    return int(stem) if name.endswith(".off") and stem.isascii() and stem.isdigit() and 1 <= int(stem) <= 400 else 0
