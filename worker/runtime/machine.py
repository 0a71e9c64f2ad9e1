"""The cores and the memory that this process may use: those of the machine, of its affinity and cgroup."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from joblib import cpu_count

from service.settings import Settings

# Of the cgroup that a container sees as its root, in version 2 and 1.
MEMORY_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def count_slots(settings: Settings, cores: int | None = None, memory: int | None = None) -> int:
    """Return the number of jobs that a worker runs at the same time.

    Unless the settings say so, it is as many as there are cores for their threads, and memory for all of
    them to use what a job may use.

    Args:
        settings: The settings.
        cores, memory: Default: those that this process may use; memory in bytes.
    """
    if settings.worker_slots:
        return settings.worker_slots
    by_cores = (cores or cpu_count()) // max(1, settings.worker_threads)
    by_memory = (memory or find_memory_bytes()) // settings.max_memory_bytes
    return max(1, min(by_cores, by_memory))


def find_memory_bytes(files: tuple[Path, ...] = MEMORY_FILES) -> int:
    """Return the memory of the machine, or the limit of the cgroup if that is lower."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in files:
        with suppress(OSError, ValueError):  # of the other version, or "max"
            memory = min(memory, int(file.read_text(encoding="ascii")))
    return memory
