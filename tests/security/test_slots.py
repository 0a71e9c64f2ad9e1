"""Uploads that stand for far more than they look like: who sends something small does not wait for them."""

import gzip
import threading
import time

import httpx
import pytest

from service.errors import Invalid
from service.ingest import convert_upload
from service.ingest.limits import IngestLimits
from service.settings import GiB, MiB, Settings


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Three hundred times as large when it is unpacked."""
    return gzip.compress(b"x,y\n" + b"1.25,2.5\n" * 12_000_000, 9)


@pytest.mark.thorough
def test_a_small_upload_waits_for_no_large_one(server: str, bomb: bytes) -> None:
    def attack() -> None:
        httpx.post(f"{server}/datasets", files={"file": ("a.csv.gz", bomb)}, timeout=100)

    attackers = [threading.Thread(target=attack) for _ in range(3)]
    for attacker in attackers:
        attacker.start()
    time.sleep(1)
    since = time.monotonic()
    answer = httpx.post(f"{server}/datasets", files={"file": ("a.csv", b"x,y\n1,2\n")}, timeout=100)
    waited = time.monotonic() - since
    is_attacked = all(attacker.is_alive() for attacker in attackers)
    for attacker in attackers:
        attacker.join()
    assert answer.status_code == 201
    assert is_attacked
    assert waited < 5


def test_a_file_gets_time_by_the_size_that_was_sent(settings: Settings, bomb: bytes) -> None:
    assert len(bomb) < MiB // 2
    since = time.monotonic()
    with pytest.raises(Invalid, match="exceeded the limit of memory or time"):
        _converted(
            bomb,
            settings.model_copy(update={"max_body_bytes": GiB, "max_rows": 100_000_000}),
            IngestLimits(base_cpu_s=1),
        )
    assert time.monotonic() - since < 30


def _converted(content: bytes, settings: Settings, limits: IngestLimits) -> None:
    import tempfile

    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as parquet:
        file.write(content)
        convert_upload(file, "a.csv.gz", parquet, settings, limits=limits)
