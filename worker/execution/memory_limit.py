"""The memory that a job may take, beyond what its process has before it begins.

Where the system can refuse memory (Linux), an allocation that leads beyond the limit fails, and its job with
it. What cannot be refused is watched: a process that has taken more is ended.
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

STATM = Path("/proc/self/statm")  # of Linux, in pages: the second number is resident, the sixth data
PAGE = resource.getpagesize()
LOOKS_OFTEN = STATM.exists()  # elsewhere a look starts a process
BEYOND = 1.1  # times the limit: what is watched is ended from here on, so that refusing comes first
REFUSED = re.compile(r"can't allocate memory|not enough memory|bad_alloc|unable to allocate", re.IGNORECASE)
ASKED_FOR = re.compile(r"allocate (\d+) bytes")
GiB = 2**30


def resident_bytes() -> int:
    """Memory that this process has now."""
    if STATM.exists():
        return _pages(1) * PAGE
    told = subprocess.run(  # noqa: S603  # our own command
        ["/bin/ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return int(told.stdout or 0) * 1024


@dataclass
class MemoryLimit:
    """What a job may take.

    Attributes:
        limit: In bytes.
        before: What the process had resident before the job.
    """

    limit: int
    before: int = field(default_factory=resident_bytes)

    def begin(self) -> None:
        """Count from here on: what the process has imported by now is no part of the job."""
        self.before = resident_bytes()

    @property
    def taken(self) -> int:
        """What the job has taken."""
        return max(0, resident_bytes() - self.before)

    @property
    def is_exceeded(self) -> bool:
        """Whether it has taken so much more that it has to be ended."""
        return self.taken > BEYOND * self.limit

    def words(self, asked: int | None = None) -> str:
        """What the job needed, what it may have, and what to do; ``asked`` is what one step asked for."""
        needed = f"took {_told(self.taken)}" if asked is None else f"needed {_told(asked)} more in one step"
        return (
            f"the job {needed}, and a job may take {_told(self.limit)} (KAN_MAX_MEMORY_BYTES); "
            "ask for a smaller network or a coarser grid, use fewer rows or columns, or raise the limit"
        )


@contextmanager
def refusing(limit: int) -> Iterator[None]:
    """Have allocations fail that would take the job beyond its limit, where the system can do so."""
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _pages(5) * PAGE + limit
    ends = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *ends]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was refused, by whichever library."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(REFUSED.search(str(error)))
    )


def asked_for(error: BaseException) -> int | None:
    """Bytes of the step that was refused; None if the error does not tell."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is not None and dtype is not None:
        return int(math.prod(shape) * dtype.itemsize)
    found = ASKED_FOR.search(str(error))
    return int(found[1]) if found else None


def _pages(place: int) -> int:
    return int(STATM.read_text().split()[place])


def _told(size: float) -> str:
    return f"{size / GiB:.3g} GiB"
