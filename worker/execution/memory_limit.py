"""The memory limit of a job, counted from what its process uses before the job begins.

On Linux an allocation beyond the limit fails, and the job with it. Memory that cannot be limited so is
monitored: a process that exceeds the limit is ended.
"""

from __future__ import annotations

import math
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from worker.execution.limits import DEFAULT_EXECUTION

STATM = Path("/proc/self/statm")  # Linux only, in pages: the second number is resident memory, the sixth data
PAGE_BYTES = resource.getpagesize()
CAN_POLL_MEMORY = STATM.exists()  # on other systems each measurement starts a process
REFUSAL_PATTERN = re.compile(
    r"can't allocate memory|not enough memory|bad_alloc|unable to allocate", re.IGNORECASE
)
REQUEST_PATTERN = re.compile(r"allocate (\d+) bytes")
GiB = 2**30


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    if STATM.exists():
        return _read_pages(1) * PAGE_BYTES
    report = subprocess.run(  # noqa: S603  # our own command
        ["/bin/ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return int(report.stdout or 0) * 1024


@dataclass
class MemoryLimit:
    """The memory limit of a job.

    Attributes:
        limit: Bytes that the job may use.
        before: Resident bytes of the process before the job.
        kill_ratio: Multiple of the limit at which the process is ended.
    """

    limit: int
    before: int = field(default_factory=resident_bytes)
    kill_ratio: float = DEFAULT_EXECUTION.memory_kill_ratio

    def set_baseline(self) -> None:
        """Count memory from now on: what the process has imported so far does not belong to the job."""
        self.before = resident_bytes()

    @property
    def memory_use_bytes(self) -> int:
        """Bytes that the job uses."""
        return max(0, resident_bytes() - self.before)

    @property
    def is_exceeded(self) -> bool:
        """Whether the job exceeds the limit so far that its process has to be ended."""
        return self.memory_use_bytes > self.kill_ratio * self.limit

    def describe_excess(self, allocation_bytes: int | None = None) -> str:
        """Return a message with the memory that the job needed, the limit, and what to do.

        Args:
            allocation_bytes: Bytes of the allocation that failed; None if no allocation failed.
        """
        need = (
            f"used {_format_size(self.memory_use_bytes)}"
            if allocation_bytes is None
            else f"needed {_format_size(allocation_bytes)} more in one step"
        )
        return (
            f"the job {need}, but a job may use {_format_size(self.limit)} (KAN_MAX_MEMORY_BYTES); "
            "use a smaller network, a coarser grid, fewer rows or fewer columns, or raise the limit"
        )


@contextmanager
def limit_allocations(limit: int) -> Iterator[None]:
    """Make allocations beyond the limit fail inside the block, on Linux."""
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    data_limit = _read_pages(5) * PAGE_BYTES + limit
    ends = [end for end in (soft, hard) if end != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([data_limit, *ends]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a failed allocation, of Python or of any library."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(REFUSAL_PATTERN.search(str(error)))
    )


def allocation_size(error: BaseException) -> int | None:
    """Return the bytes of the allocation that failed; None if the error does not contain them."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is not None and dtype is not None:
        return int(math.prod(shape) * dtype.itemsize)
    match = REQUEST_PATTERN.search(str(error))
    return int(match[1]) if match else None


def _read_pages(place: int) -> int:
    return int(STATM.read_text().split()[place])


def _format_size(size: float) -> str:
    return f"{size / GiB:.3g} GiB"
