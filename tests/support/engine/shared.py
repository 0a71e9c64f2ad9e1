"""What is made once for all processes of a test run: each of them would train the same models again."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

T = TypeVar("T")


def share(name: str, make: Callable[[], T], factory: pytest.TempPathFactory) -> T:
    """The object of this name: the process that asks first makes it, the others read its copy."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of the whole run
    path: Path = folder / f"{name}.pickle"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            path.write_bytes(pickle.dumps(make()))
    return pickle.loads(path.read_bytes())
