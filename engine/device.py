"""Where things are computed: device, threads and reduced precision are decided here and nowhere else."""

import os

import torch

from engine.errors import InputError
from engine.jobs import Device


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
    return torch.device(name)


def describe(device: torch.device) -> str:
    """One line for a person: what will compute."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return f"{torch.cuda.get_device_name(device)} ({free / 2**30:.0f} of {total / 2**30:.0f} GiB free)"
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"
