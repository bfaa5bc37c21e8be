"""Where things are computed: device, threads and reduced precision are decided here and nowhere else."""

import ctypes
import os
from contextlib import AbstractContextManager
from functools import cache

import torch
from torch import nn

from engine.errors import InputError
from engine.jobs import Device

WIDE = 512
MOST = 4  # surfaces at once; each takes some 100 MB
LARGEST, KEPT = 32 * 2**20, 256 * 2**20  # bytes that come from the heap at once, at most; that stay free in it
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
CORES = torch.get_num_threads()  # what torch, or OMP_NUM_THREADS, started with


def choose(name: Device) -> torch.device:
    """The device of a job: the named one, or the best there is. Raises InputError when the named one is not there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = "cuda" if there["cuda"] else "mps" if there["mps"] else "cpu"
    if not there[name]:
        raise InputError(
            f"this machine (or this torch) has no {name}; there is {', '.join(k for k, v in there.items() if v)}"
        )
    if name == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    if name == "cpu":
        keep_freed_memory()
    return torch.device(name)


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep what tensors leave for the next ones, instead of giving it back and having it cleared again: with the
    start of the program, four clouds took 15.5 instead of 21.7 s. False where there is another C library."""
    try:
        library = ctypes.CDLL(None)
        found: bool = library.mallopt(M_MMAP_THRESHOLD, LARGEST) == library.mallopt(M_TRIM_THRESHOLD, KEPT) == 1
    except (AttributeError, OSError, TypeError):  # no glibc: macOS, Windows, musl
        return False
    return found


def use_threads(network: nn.Module) -> None:
    """Set torch's CPU threads for a network: all cores when it has wide layers, one when all are narrow.

    Products of narrow layers are too short to share: beside other busy processes a small training took 81 s on two threads
    and 7 s on one (one run each). The number follows from the network, so results stay reproducible.
    """
    width = max((min(p.shape) for p in network.parameters() if p.dim() == 2), default=0)
    torch.set_num_threads(CORES if width >= WIDE else 1)


def side_by_side(device: torch.device) -> int:
    """How many surfaces are computed at once: on a CPU one per core, where torch leaves the cores to that."""
    return min(CORES, MOST) if device.type == "cpu" and torch.get_num_threads() == 1 else 1


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Reduced precision of a training step: bfloat16 on cuda, nothing elsewhere."""
    return torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda")


def narrow(device: torch.device) -> AbstractContextManager[None]:
    """Reduced precision of transformers that gain by it: bfloat16 on cuda, and on processors that multiply it natively
    (a training step of `tiny3d` takes 149 ms of such a one instead of 238)."""
    native = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or native)


def name_of(device: torch.device) -> str:
    """What people call it: the name of the graphics card, "Apple GPU" or "CPU"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else {"mps": "Apple GPU"}.get(device.type, "CPU")


def describe(device: torch.device) -> str:
    """One line for a person: what will compute."""
    match device.type:
        case "cuda":
            free, total = torch.cuda.mem_get_info(device)
            return f"{name_of(device)} ({free / 2**30:.0f} of {total / 2**30:.0f} GiB free)"
        case "cpu":
            return f"{name_of(device)}, {torch.get_num_threads()} of {os.cpu_count()} cores"
    return name_of(device)
