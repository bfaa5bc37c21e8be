import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real meshes and networks; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("SHAPESTUDIO_TEST_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real test data is absent ({folder}); set SHAPESTUDIO_TEST_DATA to its folder")
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Results are compared bit for bit, which holds for a fixed number of threads."""
    torch.set_num_threads(1)
