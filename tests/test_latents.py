"""Latents files: any number of rows, files of before, honest refusal of damaged ones."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from engine.card import Copy
from engine.errors import DamagedFileError
from engine.latents import LatentFile, Latents, join, write_latents
from engine.layout import Layout, Slot
from engine.method import Encoded
from engine.storage import read_tensors, write_tensors

LAYOUT = Layout((Slot("code", (2,), "wing"),))
MANY = 120_000


def record(number: int) -> Encoded:
    """One with a part that is there, as a fit would keep it."""
    name = f"airplane-{number:06d}"
    return Encoded(name, 0.9, 1.5, "quarantined", f"IoU of {name} is low, and " * 30, ("wing",), {"wing": 0.5})


def write(path: Path, records: tuple[Encoded, ...], copies: tuple[tuple[Copy, ...], ...] = ()) -> None:
    """A file whose row i is (i, i)."""
    latent = np.repeat(np.arange(len(records), dtype=np.float32)[:, None], 2, 1)
    present, category = np.ones((len(records), 1), bool), np.zeros(len(records), np.int64)
    write_latents(path, latent, present, category, LatentFile(LAYOUT, ("wing",), records, copies=copies))


def test_a_hundred_thousand_shapes_fit_in_one_file(tmp_path: Path) -> None:
    """Their records are longer than what the header of a file may hold."""
    path = tmp_path / "latents.safetensors"
    write(path, tuple(record(i) for i in range(MANY)))
    assert path.stat().st_size > 110_000_000
    again = Latents(path)
    assert len(again) == len(again.records) == MANY and again.records[MANY - 1] == record(MANY - 1)
    assert again.shapes([MANY - 1]).latent.tolist() == [[MANY - 1] * 2]


def test_joined_pieces_are_one_file_with_the_rows_in_order(tmp_path: Path) -> None:
    pieces = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for i, piece in enumerate(pieces):
        write(piece, tuple(record(10 * i + j) for j in range(i + 1)))
    both = join(pieces, tmp_path / "all.safetensors")
    assert [one.item for one in both.records] == [record(i).item for i in (0, 10, 11, 20, 21, 22)]
    assert torch.equal(both.batch(torch.arange(6)).target[:, 0], torch.tensor([0.0, 0, 1, 0, 1, 2]))


def test_files_of_version_1_are_read(tmp_path: Path) -> None:
    """What is known of each row stands in their headers."""
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    copy = Copy("wing.2", "wing", ((1, 0, 0, 0.1), (0, 1, 0, 0), (0, 0, 1, 0)))
    write(new, (record(0), record(1)), ((copy,), ()))
    tensors, _ = read_tensors(new)
    tensors.pop("rows")
    whole = msgspec.structs.replace(Latents(new).file, version=1)
    write_tensors(old, tensors, {"latents": msgspec.json.encode(whole).decode()})
    assert Latents(old).records == Latents(new).records == (record(0), record(1))
    assert Latents(old).shapes([0, 1]).copies == Latents(new).shapes([0, 1]).copies == ((copy,), ())


@pytest.mark.parametrize("lost", ["header", "rows", "words"])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "latents.safetensors"
    write(path, (record(0),))
    tensors, header = read_tensors(path)
    if lost == "rows":
        tensors.pop("rows")
    if lost == "words":
        tensors["rows"] = tensors["rows"][:-5]
    write_tensors(path, tensors, {} if lost == "header" else header)
    with pytest.raises(DamagedFileError, match="run again"):
        _ = Latents(path).records
