"""Limits that a process sets itself before it reads what a client sent: beyond them it ends, and no other."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Get this signal when the thread that started this process ends, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def limit_process(memory_bytes: int, cpu_s: int) -> None:
    """Take no more than this much memory beyond what is in use now, and no more processor time.

    Of all processes, this one goes first when the machine runs out of memory.
    """
    end_with_parent()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for what, limit in (
        (resource.RLIMIT_DATA, _data() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(what)
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _data() -> int:
    """Bytes that this process may write to, in use or not."""
    with suppress(OSError):
        return resource.getpagesize() * int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    return 0
