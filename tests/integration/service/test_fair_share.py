"""Who comes next: tenants take turns, and each decides about its own jobs by priority."""

import pytest

from service.caller import Caller
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import Job
from tests.support.factories import start_job


def submit(sessions: Sessions, tenant: str, **fields: object) -> str:
    with sessions.restrict_to(Caller(tenant=tenant, name="test")).begin() as session:
        usual = {"kind": "train", "request": {}, "request_sha256": "0" * 64, "dataset_id": None}
        return Jobs(session).add(**{**usual, **fields}).id  # type: ignore[arg-type]


def take(sessions: Sessions, max_seconds: float | None = None) -> Job | None:
    with sessions.begin() as session:
        return Jobs(session).claim_next(kinds=("train", "part"), lease_s=60, max_seconds=max_seconds)


def take_all(sessions: Sessions, *, finish: bool) -> list[str]:
    """Tenants in the order in which their jobs are taken, one at a time or all side by side."""
    tenants = []
    while job := take(sessions):
        tenants.append(job.tenant)
        if finish:
            with sessions.begin() as session:
                Jobs(session).succeed(job.id, job.token or "")
    return tenants


@pytest.mark.parametrize("finish", [True, False], ids=["one slot", "many slots"])
def test_tenants_take_turns_however_many_jobs_one_of_them_has(sessions: Sessions, finish: bool) -> None:
    for tenant in ("crowd", "crowd", "crowd", "crowd", "quiet", "quiet"):
        submit(sessions, tenant)
    taken = take_all(sessions, finish=finish)
    assert taken == ["crowd", "quiet", "crowd", "quiet", "crowd", "crowd"]


def test_of_short_jobs_tenants_take_turns_as_well(sessions: Sessions) -> None:
    for tenant, seconds in (("a", None), ("a", 5.0), ("a", 9.0), ("b", 60.0), ("b", 10.0), ("c", None)):
        job_id = submit(sessions, tenant)
        with sessions.begin() as session:
            session.get_one(Job, job_id).estimated_seconds = seconds
    taken = []
    while job := take(sessions, max_seconds=10.0):
        taken.append((job.tenant, job.estimated_seconds))
    assert taken == [("a", 5.0), ("b", 10.0), ("a", 9.0)]
    assert take(sessions) is not None


def test_a_tenant_cannot_jump_the_queue_of_others_by_priority(sessions: Sessions) -> None:
    for priority in (9, 9, 9):
        submit(sessions, "pushy", priority=priority)
    submit(sessions, "modest")
    assert "modest" in take_all(sessions, finish=True)[:2]


def test_of_one_tenant_the_highest_priority_comes_first_and_then_the_oldest(sessions: Sessions) -> None:
    jobs = [submit(sessions, "a", priority=priority) for priority in (0, 5, -3, 5)]
    taken = [job.id for _ in jobs if (job := take(sessions))]
    assert taken == [jobs[1], jobs[3], jobs[0], jobs[2]]


def test_a_part_comes_before_jobs_that_are_younger_than_its_own(sessions: Sessions) -> None:
    first = submit(sessions, "a")
    start_job(sessions, first)
    younger = submit(sessions, "a")
    part = submit(sessions, "a", kind="part", parent_id=first)
    taken = [job.id for _ in range(2) if (job := take(sessions))]
    assert taken == [part, younger]


def test_a_job_that_waits_for_its_parts_counts_as_nobodys_share(sessions: Sessions) -> None:
    waiting = submit(sessions, "a")
    token = start_job(sessions, waiting)
    submit(sessions, "a", kind="part", parent_id=waiting, is_awaited=True)
    with sessions.begin() as session:
        Jobs(session).wait(waiting, token, message="")
    submit(sessions, "b")
    start_job(sessions, submit(sessions, "b"))
    assert [job.tenant for _ in range(2) if (job := take(sessions))] == ["a", "b"]
