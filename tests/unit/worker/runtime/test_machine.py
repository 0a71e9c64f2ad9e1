"""How many jobs a worker does at the same time."""

from pathlib import Path

import pytest

from service.settings import GiB, Settings
from worker.runtime.machine import count_slots, find_memory_bytes


@pytest.mark.parametrize(
    ("cores", "memory", "threads", "slots"),
    [(16, 256 * GiB, 1, 16), (16, 256 * GiB, 4, 4), (8, 9 * GiB, 1, 2), (1, GiB, 1, 1), (4, 256 * GiB, 0, 4)],
)
def test_a_worker_does_as_many_jobs_as_cores_and_memory_allow(
    cores: int, memory: int, threads: int, slots: int
) -> None:
    settings = Settings(max_memory_bytes=4 * GiB, worker_threads=threads)
    assert count_slots(settings, cores, memory) == slots


def test_the_setting_wins() -> None:
    assert count_slots(Settings(worker_slots=5), 2, 4 * GiB) == 5


def test_the_memory_of_a_container_counts(tmp_path: Path) -> None:
    limited, free = tmp_path / "limited", tmp_path / "free"
    limited.write_text("1000000\n", encoding="ascii")
    free.write_text("max\n", encoding="ascii")
    whole = find_memory_bytes((tmp_path / "missing", free))
    assert whole > 1_000_000
    assert find_memory_bytes((free, limited)) == 1_000_000
