"""Another process holds the lock of the SQLite file: reads go on, writes wait or are refused with 503."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from service.db import session
from service.db.repositories.api_keys import ApiKeys
from service.main import create_app
from service.settings import Settings
from tests.support.servers import serving

TABLE = {"columns": {"x": [float(i) for i in range(20)], "y": [float(i * i) for i in range(20)]}}
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(settings: Settings) -> Iterator[Callable[[], None]]:
    """Hold the lock in another process; yield a function that releases it."""
    path = settings.database_url.removeprefix("sqlite:///")
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        stdin = holder.stdin
        yield stdin.close


@pytest.fixture
def locked_settings(new_settings: Callable[..., Settings]) -> Settings:
    return new_settings()


def test_a_write_waits_for_the_lock_and_reads_go_on(locked_settings: Settings) -> None:
    with serving(create_app(locked_settings)) as url, ThreadPoolExecutor() as threads:
        dataset_id = httpx.post(f"{url}/datasets", json=TABLE, timeout=60).json()["id"]
        with locked(locked_settings) as release:
            body = {"dataset_id": dataset_id, "target": "y"}
            writing = threads.submit(lambda: httpx.post(f"{url}/jobs", json=body, timeout=60))
            time.sleep(0.5)
            assert [item["id"] for item in httpx.get(f"{url}/datasets").json()["items"]] == [dataset_id]
            assert httpx.get(f"{url}/jobs").json()["items"] == []
            assert not writing.done()
            release()
            answer = writing.result(60)
        assert answer.status_code == 202
        assert [job["id"] for job in httpx.get(f"{url}/jobs").json()["items"]] == [answer.json()["id"]]


def test_a_write_that_has_waited_for_too_long_is_refused_and_can_be_sent_again(
    locked_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SQLITE_PRAGMAS", (*session.SQLITE_PRAGMAS, "busy_timeout=200"))
    with serving(create_app(locked_settings)) as url:
        dataset_id = httpx.post(f"{url}/datasets", json=TABLE, timeout=60).json()["id"]
        submission = {
            "json": {"dataset_id": dataset_id, "target": "y"},
            "headers": {"Idempotency-Key": "k"},
        }
        with locked(locked_settings) as release:
            refused = httpx.post(f"{url}/jobs", **submission)
            assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
            assert int(refused.headers["retry-after"]) > 0
            release()
        ids = {httpx.post(f"{url}/jobs", timeout=60, **submission).json()["id"] for _ in range(2)}
        assert {job["id"] for job in httpx.get(f"{url}/jobs").json()["items"]} == ids
        assert len(ids) == 1


def test_a_key_is_accepted_though_its_use_cannot_be_recorded(
    locked_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SQLITE_PRAGMAS", (*session.SQLITE_PRAGMAS, "busy_timeout=200"))
    app = create_app(locked_settings)
    with app.state.sessions.begin() as transaction:
        key = ApiKeys(transaction).add("lab")[1]
    with serving(app) as url, locked(locked_settings) as release:
        answer = httpx.get(f"{url}/datasets", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        release()
