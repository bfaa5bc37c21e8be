"""Captions as vectors of an encoder that learned elsewhere: each is encoded once, before the training, and kept on disk."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from engine.clouds.told import captions_of
from engine.errors import DamagedFileError
from engine.method import Data
from engine.protocol import Progress, Stage
from engine.rows import ItemRow
from engine.storage import map_tensor, write_tensors
from engine.text.encoder import EncoderMark, TextEncoder

AT_ONCE = 8  # texts encoded between two events
PIECE = 1024  # texts whose vectors are one file until all are there


class EncodedAbout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose captions a file holds, and who encoded them."""

    mark: EncoderMark
    items: tuple[str, ...]


def encode_captions(data: Data, encoder: TextEncoder, most: int, path: Path) -> Stage[None]:
    """Write the vectors of at most ``most`` captions of each item to ``path``, resumably.

    ``vectors`` (U, dim) float16 of length 1, one row per different text; ``index`` (N, most) int32, rows of each item, over
    again where it has fewer captions.
    """
    texts: dict[str, int] = {}
    index = np.zeros((len(data.items), most), np.int32)
    for row, item in enumerate(data.items):
        own = [texts.setdefault(text, len(texts)) for text in captions_of(item, most)]
        index[row] = np.resize(own, most)
        if row % 64 == 0:
            yield Progress(stage="captions", done=row, total=len(data.items))
    known, folder, pieces = list(texts), path.with_suffix(""), []
    for start in range(0, len(known), PIECE):
        piece = folder / f"{start:07d}.safetensors"
        pieces.append(piece)
        if piece.exists():
            continue
        found = []
        stop = min(start + PIECE, len(known))
        for at in range(start, stop, AT_ONCE):
            found.append(encoder.encode(known[at : min(at + AT_ONCE, stop)]).numpy().astype(np.float16))
            yield Progress(stage="encode", done=min(at + AT_ONCE, stop), total=len(known))
        write_tensors(piece, {"vectors": np.concatenate(found)})
    about = msgspec.json.encode(EncodedAbout(encoder.mark, tuple(item.id for item in data.items)))
    vectors = np.concatenate([map_tensor(piece, "vectors")[0] for piece in pieces])
    write_tensors(path, {"vectors": vectors, "index": index, "about": np.frombuffer(about, np.uint8)})
    for piece in pieces:
        piece.unlink()
    folder.rmdir()


class Encoded:
    """Captions of items as vectors from such a file, which is mapped; no encoder is needed."""

    def __init__(self, path: Path, mark: EncoderMark) -> None:
        """mark : of the encoder whose vectors they must be. Raises DamagedFileError."""
        self._vectors, self._index = map_tensor(path, "vectors")[0], map_tensor(path, "index")[0]
        try:
            about = msgspec.json.decode(map_tensor(path, "about")[0].tobytes(), type=EncodedAbout)
        except msgspec.DecodeError as error:
            raise DamagedFileError(f"{path} does not say whose captions it holds ({error}); delete it") from error
        if about.mark != mark:
            raise DamagedFileError(
                f"{path} was made by {about.mark.id}, not by {mark.id}; delete it and resume the fit"
            )
        self._row = {name: row for row, name in enumerate(about.items)}

    def told(self, items: Sequence[ItemRow], keys: Sequence[int], about: Sequence[str] = ()) -> Tensor:
        """(B, dim) float32: the vector of another caption of the item for each key. They were encoded before the training, so
        they name what they name; ``about`` is for others."""
        rows = [
            self._index[self._row[item.id], key % self._index.shape[1]] for item, key in zip(items, keys, strict=True)
        ]
        return torch.from_numpy(self._vectors[rows].astype(np.float32))
