"""Opening foreign files: nothing in them runs, whatever is wrong is one clear line, and what is not used is not read."""

import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import save_file

from engine.errors import InputError
from engine.foreign.load import MAGIC, open_foreign
from tests.foreign.published import network, save

STATE = network([27, 16, 1])


def creates(target: Path) -> bytes:
    """A pickle that opens ``target`` for writing as soon as it is read by an ordinary reader."""
    words = b"".join(b"X" + len(word).to_bytes(4, "little") + word for word in (str(target).encode(), b"w"))
    return b"\x80\x02cbuiltins\nopen\n" + words + b"\x86R."


def zipped(path: Path, description: bytes) -> Path:
    """A torch file with another description of its tensors."""
    whole = save(path.with_suffix(".whole"), STATE)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, description if name.endswith("data.pkl") else old.read(name))
    return path


def legacy(path: Path, description: bytes) -> Path:
    """The same in the format before torch 1.6: magic number, version, system, then the object."""
    path.write_bytes(b"\x80\x02" + MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + description)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_foreign(path)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text and len(text) < 500 + len(str(path))
    return text


def test_a_malicious_file_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    target = tmp_path / "it ran"
    bare = tmp_path / "bare.pth"
    bare.write_bytes(creates(target))
    for path in (zipped(tmp_path / "zip.pth", creates(target)), legacy(tmp_path / "old.pth", creates(target)), bare):
        text = refusal(path)
        assert "can run code" in text and "plain state dict (safetensors)" in text
        assert not target.exists()
    assert "open" in refusal(tmp_path / "zip.pth")
    # and it would have run: an ordinary reader in another process
    script = "import pickle, sys; pickle.loads(open(sys.argv[1], 'rb').read())"
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(bare)], check=True, timeout=60)
    assert target.exists()


def test_a_pickled_camera_pool_is_refused(test_data: Path) -> None:
    text = refusal(test_data / "holo_camera_pool/camera_pool.pth")
    assert "can run code" in text and "PerspectiveCameras" in text


@pytest.mark.parametrize("old", [False, True])
def test_both_formats_give_the_tensors_and_how_they_were_wrapped(tmp_path: Path, old: bool) -> None:
    STATE_WITH_VERSIONS = OrderedDict(STATE)
    STATE_WITH_VERSIONS._metadata = {"": {"version": 1}}  # type: ignore[attr-defined]
    data = {"epoch": 3, "name": "x", "nan": float("nan"), "state_dict": STATE_WITH_VERSIONS, "optimizer": {"a": [1]}}
    opened = open_foreign(save(tmp_path / "a.pth", data, legacy=old))
    assert list(opened.tensors) == list(STATE)
    assert all(torch.equal(opened.tensors[key], STATE[key]) for key in STATE)
    assert opened.nest == ("state_dict",) and opened.ordered and opened.metadata == {"": {"version": 1}}
    assert opened.beside == {"epoch": 3, "name": "x"} and opened.left == ("nan", "optimizer")


def test_safetensors_too(tmp_path: Path) -> None:
    save_file(dict(STATE), tmp_path / "a.safetensors")
    opened = open_foreign(tmp_path / "a.safetensors")
    assert set(opened.tensors) == set(STATE)
    (tmp_path / "b.safetensors").write_bytes(b"nonsense")
    refusal(tmp_path / "b.safetensors")


def test_what_is_no_set_of_tensors(tmp_path: Path) -> None:
    assert "one tensor of shape (3, 4)" in refusal(save(tmp_path / "a.pth", torch.zeros(3, 4)))
    assert "epoch" in refusal(save(tmp_path / "b.pth", {"epoch": 1}))
    assert "list" in refusal(save(tmp_path / "c.pth", [torch.zeros(1)]))
    assert "'b'" in refusal(save(tmp_path / "d.pth", {"a": torch.zeros(1), "b": "words"}))
    assert "ordinary" in refusal(save(tmp_path / "e.pth", {"a": torch.eye(3).to_sparse()}))
    assert "more numbers" in refusal(save(tmp_path / "f.pth", {"a": torch.zeros(1).expand(10**9)}))
    odd = refusal(save(tmp_path / "g.pth", {"a\n\x1b[31m": torch.zeros(1)}))
    assert odd.isprintable()
    assert "no file" in refusal(tmp_path / "absent.pth")
    for name, data in {"empty": b"", "text": b"hello", "zip": b"PK\x03\x04" + bytes(100)}.items():
        (tmp_path / name).write_bytes(data)
        refusal(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("mesh.obj", "v 0 0 0")
    assert "not a torch file" in refusal(tmp_path / "other.pth")
    with zipfile.ZipFile(tmp_path / "code.pth", "w") as archive:
        archive.writestr("a/data.pkl", b".")
        archive.writestr("a/constants.pkl", b".")
    assert "TorchScript" in refusal(tmp_path / "code.pth")
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(10**6))
    assert "compressed" in refusal(tmp_path / "bomb.pth")


@pytest.mark.parametrize("old", [False, True])
def test_cut_and_changed_files_give_clear_errors(tmp_path: Path, old: bool) -> None:
    whole = save(tmp_path / "whole.pth", STATE, legacy=old).read_bytes()
    path = tmp_path / "part.pth"
    for stop in np.linspace(0, len(whole) - 1, 25).astype(int):
        path.write_bytes(whole[:stop])
        refusal(path)
    random = np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(whole)
        for place in random.integers(0, len(whole), 3) if random.random() < 0.5 else random.integers(0, 900, 2):
            changed[place] = random.integers(256)
        path.write_bytes(changed)
        try:
            open_foreign(path)
        except InputError as error:
            assert "\n" not in str(error)


def test_the_optimiser_is_not_read(tmp_path: Path) -> None:
    """64 MB of moments beside a small network: opening the file and using the network keeps the process as small."""
    moments = {i: {"exp_avg": torch.ones(2_000_000), "exp_avg_sq": torch.ones(2_000_000)} for i in range(4)}
    path = save(tmp_path / "big.ckpt", {"state_dict": STATE, "optimizer_states": [{"state": moments}]})
    assert path.stat().st_size > 60e6
    open_foreign(save(tmp_path / "small.ckpt", {"state_dict": STATE}))
    del moments
    process = psutil.Process()
    before = process.memory_info().rss
    opened = open_foreign(path)
    total = sum(float(tensor.sum()) for tensor in opened.tensors.values())
    assert total == sum(float(tensor.sum()) for tensor in STATE.values())
    assert process.memory_info().rss - before < 8e6
