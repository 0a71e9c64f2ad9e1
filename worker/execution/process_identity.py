"""Which process holds a job, and whether it is gone: on its machine nobody need wait for the lease.

A holder is written ``machine/process-namespace/pid/start``. The machine is known by its boot, the process by
the time at which the kernel started it: neither is ever met again. Off Linux nothing is known, and the lease
decides alone.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")
AFTER_THE_NAME = ") "  # the name of a process, second of its facts, may hold anything
ENDED = ("Z", "X")  # only a parent that has not asked yet keeps it


def this_process() -> str | None:
    """The calling process, as a holder."""
    return _holder(machine(), os.getpid())


def gone(holders: Collection[str]) -> list[str]:
    """Those that were processes of this machine and have ended."""
    here = machine()
    return [holder for holder in holders if here and holder.startswith(f"{here}/") and not _is_there(holder)]


def machine() -> str | None:
    """This boot of this machine, and the namespace in which the numbers of processes count."""
    with suppress(OSError):
        return f"{BOOT_ID.read_text().strip()}/{PID_NAMESPACE.stat().st_ino}"
    return None


def _is_there(holder: str) -> bool:
    here, pid, _ = holder.rsplit("/", 2)
    return _holder(here, int(pid)) == holder


def _holder(here: str | None, pid: int) -> str | None:
    with suppress(OSError):
        state, *facts = Path(f"/proc/{pid}/stat").read_text().rpartition(AFTER_THE_NAME)[2].split()
        return None if here is None or state in ENDED else f"{here}/{pid}/{facts[18]}"
    return None
