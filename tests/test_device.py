"""What the processor's memory is told when it computes."""

import platform

import pytest

from engine.device import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_glibc_takes_what_it_is_told_about_freed_memory() -> None:
    assert keep_freed_memory()
