"""Every benchmark runs to its end and gives the documented keys (quick figures mean little)."""

import importlib
from pathlib import Path

import msgspec
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fit", "extract", "sample", "metrics", "watch"])
def test_quick_benchmark(name: str, test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAPESTUDIO_BENCH_CACHE", str(tmp_path))
    stage = importlib.import_module(f"tests.bench.{name}").run(quick=True)
    while True:
        try:
            next(stage)
        except StopIteration as end:
            result = end.value
            break
    assert result.keys() == {"name", "baseline", "ours", "ratio", "details"}
    assert msgspec.json.decode(msgspec.json.encode(result))["name"] == name
