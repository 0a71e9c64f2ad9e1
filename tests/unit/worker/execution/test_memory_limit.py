from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from worker.execution.memory_limit import MemoryLimit, allocation_size, is_out_of_memory, limit_allocations

GiB = 2**30


@pytest.mark.parametrize(
    "allocate",
    [lambda: np.empty(GiB // 8), lambda: torch.empty(GiB // 8, dtype=torch.float64), lambda: bytearray(GiB)],
    ids=["numpy", "torch", "python"],
)
def test_what_leads_beyond_the_limit_is_refused(allocate: Callable[[], Any]) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught, limit_allocations(GiB // 4):
        allocate()
    assert is_out_of_memory(caught.value)
    assert allocation_size(caught.value) in (GiB, None)
    assert len(allocate()) > 0  # the limit has gone with the job


def test_an_error_of_another_kind_is_none_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("not enough memory"))


def test_what_a_job_takes_is_counted_from_its_beginning() -> None:
    memory = MemoryLimit(100 * 2**20)
    memory.set_baseline()
    taken = np.ones(GiB // 64)
    assert memory.memory_use_bytes > taken.nbytes // 2
    assert memory.is_exceeded
    assert "0.0977 GiB" in memory.describe_excess()
    assert "needed 1 GiB more in one step" in memory.describe_excess(GiB)
