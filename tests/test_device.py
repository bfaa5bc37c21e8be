"""What the processor's memory is told when it computes."""

import platform

import pytest
import torch

from engine.device import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_is_kept_for_the_next_tensors() -> None:
    """Tensors of 10 MB, freed and made again, are not cleared by the system each time: 2,560 pages of 4 kB each."""
    resource = pytest.importorskip("resource")

    def faults() -> int:
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

    assert keep_freed_memory()
    for _ in range(3):
        torch.empty(10 * 2**20, dtype=torch.uint8).fill_(1)
    before = faults()
    for _ in range(20):
        torch.empty(10 * 2**20, dtype=torch.uint8).fill_(1)
    assert faults() - before < 10_000
