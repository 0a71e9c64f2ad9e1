"""What a container platform asks."""

from datetime import timedelta

from service.db.session import Sessions, clock
from service.db.tables import Worker, new_id
from service.healthcheck import is_healthy
from service.settings import Settings
from tests.support.servers import free_port


def _saw_a_worker(sessions: Sessions, host: str, ago: timedelta) -> None:
    with sessions.begin() as session:
        worker = Worker(id=new_id(), host=host, pid=1, slots=1, seen_at=clock(session) - ago)
        session.add(worker)


def test_a_worker_seen_just_now_is_healthy(settings: Settings, sessions: Sessions) -> None:
    _saw_a_worker(sessions, "here", timedelta(seconds=1))

    assert is_healthy("worker", settings, "here")


def test_a_worker_not_seen_for_a_while_is_not_healthy(settings: Settings, sessions: Sessions) -> None:
    _saw_a_worker(sessions, "here", timedelta(seconds=6))

    assert not is_healthy("worker", settings, "here", max_heartbeat_age=timedelta(seconds=5))


def test_another_host_being_healthy_does_not_count(settings: Settings, sessions: Sessions) -> None:
    _saw_a_worker(sessions, "there", timedelta(seconds=1))

    assert not is_healthy("worker", settings, "here")


def test_an_api_that_does_not_answer_is_not_healthy() -> None:
    assert not is_healthy("api", Settings(port=free_port()), "here")
