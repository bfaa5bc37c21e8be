"""What can be imported, found but not yet read: one mesh, cloud or network with all that its place says of it. Torch-free."""

from typing import Literal

import msgspec

Kind = Literal["mesh", "parts", "cloud", "occupancy", "network", "denoiser"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to import.

    kind : "mesh" is one mesh file; "parts" is one shape of several mesh files, one per named part; "cloud" is surface
        points, labelled or not; "occupancy" is points with inside flags; "network" is the weights of one field;
        "denoiser" is a trained one
    name : stable within its data set, such as the model id; readable, it becomes part of the item's id
    files : absolute paths that are read for the shape, in order
    dataset : which layout it was recognised as ("shapenet-v2", "modelnet", ...), "" for a loose file
    category : "chair", "" when nothing says it
    split : "train", "val" or "test" by the data set's own lists or folders, "" when nothing says it
    axes : how the data set turns to canonical axes, a key of ``engine.datasets.axes.TURNS``; "" keeps the axes
    part_names : with kind "parts", a name for each of ``files``
    labels : file of labels (one per point or polygon), "" when ``files`` hold them or there are none
    label_names : label as written in the file -> name; labels that are not in it are named by their number
    origin, licence : where it comes from, as its folder says
    refused : why the data set itself advises against it, "" when it does not
    """

    kind: Kind
    name: str
    files: tuple[str, ...]
    dataset: str = ""
    category: str = ""
    split: str = ""
    axes: str = ""
    part_names: tuple[str, ...] = ()
    labels: str = ""
    label_names: dict[str, str] = {}
    origin: str = ""
    licence: str = ""
    refused: str = ""

    def terms(self, origin: str, licence: str) -> tuple[str, str]:
        """Origin and licence: what lies beside the files, or else what a person says of them."""
        known = self.licence and not is_unknown(self.licence)
        return self.origin or origin, self.licence if known else licence or self.licence


def is_unknown(licence: str) -> bool:
    """True where no licence is known, also where the source says that it has none."""
    return licence.strip().casefold().startswith(("none", "not stated", "no licen")) or not licence.strip()
