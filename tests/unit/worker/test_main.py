from typing import Any

import pytest

from service.db.session import make_engine, make_sessions
from service.db.tables import TableBase, Worker
from service.settings import Settings
from worker import __main__
from worker.__main__ import THREAD_VARIABLES, main
from worker.runtime.limits import DEFAULT_RUNTIME


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    settings = Settings(data_dir=tmp_path, poll_s=0.01, worker_threads=3)
    TableBase.metadata.create_all(make_engine(settings))
    return settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    environment: dict[str, str] = {}
    monkeypatch.setattr(__main__.os, "environ", environment)
    return environment


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("broker_url", ["memory://", "redis://127.0.0.1:1/0"])
def test_a_worker_is_present_while_it_runs_and_withdraws_when_told_to_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, broker_url: str
) -> None:
    sessions = make_sessions(make_engine(settings))
    seen: list[int] = []

    def present() -> int:
        with sessions.read() as session:
            return session.query(Worker).count()

    def run(app: Any, *, on_stop: Any, **_: Any) -> int:
        while not present():
            pass
        seen.append(present())
        on_stop()
        seen.append(present())
        return 0

    monkeypatch.setattr(__main__, "run_worker", run)
    assert main(settings.model_copy(update={"broker_url": broker_url})) == 0
    assert seen == [1, 0]


def test_every_process_gets_its_share_of_the_cores(
    settings: Settings, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(__main__, "cpu_count", lambda: 8)
    __main__._set_thread_counts(settings)
    assert {environment[name] for name in THREAD_VARIABLES} == {"3"}
    __main__._set_thread_counts(settings.model_copy(update={"worker_threads": 0, "worker_slots": 2}))
    assert {environment[name] for name in THREAD_VARIABLES} == {"4"}


def test_jobs_are_sent_to_the_queue_of_their_kind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    class App:
        def send_task(self, *message: Any, **options: Any) -> None:
            sent.append((message, options))

    sessions = make_sessions(make_engine(settings))
    dispatcher = __main__._make_dispatcher(App(), sessions, settings, DEFAULT_RUNTIME)  # type: ignore[arg-type]
    dispatcher._send("predict", "job", "token")
    assert sent == [(("kan.job", ("job", "token")), {"queue": "batch"})]
