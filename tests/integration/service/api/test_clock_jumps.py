"""The clock of the database's machine jumps ahead or back: no job is lost, doubled or left out of a list."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import httpx
import pytest

from service.db import session
from service.db.repositories import ApiKeys, Jobs
from service.db.session import Sessions
from tests.support.factories import make_job

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TABLE = {"columns": {"x": [float(i) for i in range(20)], "y": [float(i * i) for i in range(20)]}}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite, whose clock is that of this process."""
    return sqlite_url


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Set the clock so far ahead of the true one, or behind it."""
    ahead = timedelta()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + ahead

    def jump(by: timedelta) -> None:
        nonlocal ahead
        ahead = by

    monkeypatch.setattr(session, "datetime", Clock)
    return jump


def submit(server: str, dataset_id: str, key: str) -> str:
    body = {"dataset_id": dataset_id, "target": "y"}
    answer = httpx.post(f"{server}/jobs", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("by", [HOUR, -HOUR, 23 * HOUR, -30 * DAY], ids=str)
def test_a_request_that_is_sent_again_after_a_jump_is_one_job(
    server: str, jump: Callable[[timedelta], None], by: timedelta
) -> None:
    dataset_id = httpx.post(f"{server}/datasets", json=TABLE).json()["id"]
    first = submit(server, dataset_id, "k")
    jump(by)
    assert submit(server, dataset_id, "k") == first
    jump(timedelta())
    assert submit(server, dataset_id, "k") == first
    assert len(httpx.get(f"{server}/jobs").json()["items"]) == 1


def test_every_job_is_listed_once_whenever_the_clock_jumped(
    server: str, sessions: Sessions, jump: Callable[[timedelta], None]
) -> None:
    ids = []
    for by in (timedelta(), HOUR, -HOUR, timedelta()):
        jump(by)
        ids.append(make_job(sessions).id)
    seen, query = [], {"limit": "1"}
    while query:
        page = httpx.get(f"{server}/jobs", params=query).json()
        seen += [job["id"] for job in page["items"]]
        query = {"limit": "1", "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert sorted(seen) == sorted(ids)


def test_since_and_until_go_by_the_times_that_jobs_show(
    server: str, sessions: Sessions, jump: Callable[[timedelta], None]
) -> None:
    for by in (timedelta(), HOUR, -HOUR):
        jump(by)
        make_job(sessions)
    now = datetime.now(UTC) - timedelta(minutes=30)
    jobs = httpx.get(f"{server}/jobs").json()["items"]
    earlier = [job["id"] for job in jobs if datetime.fromisoformat(job["created_at"]) < now]
    until = httpx.get(f"{server}/jobs", params={"until": now.isoformat()}).json()["items"]
    since = httpx.get(f"{server}/jobs", params={"since": now.isoformat()}).json()["items"]
    assert [job["id"] for job in until] == earlier
    assert len(until) == 1
    assert {job["id"] for job in since} == {job["id"] for job in jobs} - set(earlier)


def test_a_lease_outlives_a_jump_back_and_ends_with_a_jump_ahead(
    server: str, sessions: Sessions, jump: Callable[[timedelta], None]
) -> None:
    job_id = make_job(sessions).id
    with sessions.begin() as transaction:
        claimed = Jobs(transaction).claim(job_id, lease_s=60)
    assert claimed is not None

    def requeue_lost() -> None:
        with sessions.begin() as transaction:
            Jobs(transaction).reap(max_attempts=3)

    jump(-HOUR)
    requeue_lost()
    assert httpx.get(f"{server}/jobs/{job_id}").json()["status"] == "running"
    jump(HOUR)
    requeue_lost()
    job = httpx.get(f"{server}/jobs/{job_id}").json()
    assert job["status"] == "queued"


def test_a_key_that_a_jump_has_expired_is_valid_again_afterwards(
    server: str, sessions: Sessions, jump: Callable[[timedelta], None]
) -> None:
    with sessions.begin() as transaction:
        key = ApiKeys(transaction).add("lab", lifetime=DAY)[1]
    headers = {"Authorization": f"Bearer {key}"}
    statuses = []
    for by in (timedelta(), 2 * DAY, timedelta(), -2 * DAY):
        jump(by)
        statuses.append(httpx.get(f"{server}/models", headers=headers).status_code)
    assert statuses == [200, 401, 200, 200]
