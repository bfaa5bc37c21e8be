"""Distances kept on disk by the hashes of the two clouds, so that no pair is measured twice."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError
from engine.storage import digest, read_tensors, write_tensors

Keys = NDArray[np.int64]  # (K,) hashes of clouds


def keys_of(clouds: NDArray[np.float64]) -> Keys:
    """(N,) hash of each cloud of (N, P, 3): equal numbers in equal order have equal hashes, whatever set they are in."""
    names = (digest(np.ascontiguousarray(cloud).tobytes()) for cloud in clouds)
    return np.array([int(name, 16) for name in names], np.uint64).view(np.int64)


def read_known(folder: Path, measure: str, keys: Keys) -> NDArray[np.float64]:
    """(K, K) symmetric distances between clouds of these distinct hashes: 0 on the diagonal, NaN where never measured.

    Raises DamagedFileError naming a file that has to be deleted.
    """
    known = np.full((len(keys), len(keys)), np.nan)
    np.fill_diagonal(known, 0)
    order = np.argsort(keys)
    for path in sorted((folder / measure).glob("*.safetensors")):
        hashes, pairs, values = _segment(path)
        place = np.minimum(np.searchsorted(keys, hashes, sorter=order), len(keys) - 1)
        row = np.where(keys[order[place]] == hashes, order[place], -1)  # of each hash of the file; -1: not asked for
        i, j = row[pairs].T
        wanted = (i >= 0) & (j >= 0)
        known[i[wanted], j[wanted]] = known[j[wanted], i[wanted]] = values[wanted]
    return known


def write_known(folder: Path, measure: str, keys: Keys, pairs: NDArray[np.int32], values: NDArray[np.float64]) -> None:
    """Keep the distances ``values`` (n,) of ``pairs`` (n, 2), rows in ``keys`` (K,). Each call adds one whole file.

    Files are never rewritten, so two processes may write at once and a killed one loses only what it had not written.
    """
    if not len(values):
        return
    used, small = np.unique(pairs, return_inverse=True)
    tensors: dict[str, NDArray] = {
        "hashes": keys[used],
        "pairs": small.reshape(-1, 2).astype(np.int32),
        "values": values,
    }
    name = digest(b"".join(np.ascontiguousarray(array).tobytes() for array in tensors.values()))
    write_tensors(folder / measure / f"{name}.safetensors", tensors, {"measure": measure})


def _segment(path: Path) -> tuple[Keys, NDArray[np.int32], NDArray[np.float64]]:
    """Hashes (K,), pairs (n, 2) of rows of them, and distances (n,) of one file."""
    advice = f"{path} holds no distances; delete it, and they are measured again"
    try:
        tensors, _ = read_tensors(path)
        hashes, pairs, values = tensors["hashes"], tensors["pairs"], tensors["values"]
    except (DamagedFileError, KeyError) as error:
        raise DamagedFileError(advice) from error
    shapes = hashes.ndim == 1 and pairs.shape == (len(values), 2) and values.ndim == 1
    if not shapes or not np.isfinite(values).all() or len(values) and not 0 <= pairs.min() <= pairs.max() < len(hashes):
        raise DamagedFileError(advice)
    return hashes, pairs, values
