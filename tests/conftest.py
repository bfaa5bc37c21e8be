import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real meshes and networks; tests that need it skip where it is absent, or fail if it is required."""
    folder = Path(os.environ.get("SHAPESTUDIO_TEST_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        reason = f"real test data is absent ({folder}); set SHAPESTUDIO_TEST_DATA to its folder"
        if os.environ.get("SHAPESTUDIO_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that ask for the real data are marked so, and can be chosen by ``-m data``."""
    if "test_data" in getattr(item, "fixturenames", ()):
        item.add_marker("data")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Results are compared bit for bit, which holds for a fixed number of threads."""
    torch.set_num_threads(1)
