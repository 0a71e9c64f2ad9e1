"""Identifies the process that holds a job, so that its end is noticed before its lease expires.

A holder is written ``machine/process-namespace/pid/start``. The machine is identified by its boot id, the
process by the time at which the kernel started it; neither is ever reused. Other systems than Linux have no
holders, and there only the lease decides.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")
NAME_END = ") "  # end of the process name, the second field, which may contain any characters
# Zombies and dead processes: they have ended, but their parent has not read the status
ENDED_STATES = "Z", "X"


def current_holder() -> str | None:
    """Return the calling process as a holder; None if the system is not Linux."""
    return _read_holder(machine_id(), os.getpid())


def find_ended(holders: Collection[str]) -> list[str]:
    """Return the holders that were processes of this machine and have ended."""
    here = machine_id()
    return [
        holder for holder in holders if here and holder.startswith(f"{here}/") and not _is_running(holder)
    ]


def machine_id() -> str | None:
    """Return ``boot id/process namespace`` of this machine; None if the system is not Linux."""
    with suppress(OSError):
        return f"{BOOT_ID.read_text().strip()}/{PID_NAMESPACE.stat().st_ino}"
    return None


def _is_running(holder: str) -> bool:
    here, pid, _ = holder.rsplit("/", 2)
    return _read_holder(here, int(pid)) == holder


def _read_holder(here: str | None, pid: int) -> str | None:
    with suppress(OSError):
        state, *facts = Path(f"/proc/{pid}/stat").read_text().rpartition(NAME_END)[2].split()
        return None if here is None or state in ENDED_STATES else f"{here}/{pid}/{facts[18]}"
    return None
