"""Limits that a process sets for itself before it reads client data; beyond them only this process ends."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Receive this signal when the thread that started this process ends, even by SIGKILL (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def limit_process(memory_bytes: int, cpu_s: int) -> None:
    """Limit memory, beyond what is in use now, and processor time.

    When the machine runs out of memory, the kernel ends this process first.
    """
    end_with_parent()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for what, limit in (
        (resource.RLIMIT_DATA, _writable_bytes() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard_limit = resource.getrlimit(what)
        with suppress(ValueError, OSError):
            resource.setrlimit(
                what, (limit if hard_limit == resource.RLIM_INFINITY else min(limit, hard_limit), hard_limit)
            )


def _writable_bytes() -> int:
    """Size of the writable memory of this process in bytes, in use or not; 0 if unknown."""
    with suppress(OSError):
        return resource.getpagesize() * int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    return 0
