import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from celery import signals

from service.settings import Settings
from worker.runtime import celery_app
from worker.runtime.celery_app import make_app
from worker.runtime.limits import DEFAULT_RUNTIME


def test_one_machine_needs_no_broker() -> None:
    app = make_app(Settings(worker_slots=3), limits=DEFAULT_RUNTIME)
    assert app.conf.broker_url.startswith("memory://")
    assert app.conf.broker_transport_options == {"polling_interval": Settings().poll_s}
    assert app.conf.worker_concurrency == 3


def test_messages_are_json_acknowledged_late_and_their_results_forgotten() -> None:
    conf = make_app(Settings(), limits=DEFAULT_RUNTIME).conf
    assert (conf.accept_content, conf.task_serializer, conf.task_ignore_result) == (["json"], "json", True)
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier) == (True, 1)


def test_redis_redelivers_no_message_while_its_job_may_still_run() -> None:
    settings = Settings(broker_url="redis://broker/0", max_job_seconds=100)
    options = make_app(settings, limits=DEFAULT_RUNTIME).conf.broker_transport_options
    assert options["visibility_timeout"] > 100
    assert options["global_keyprefix"] == "kan:"


QUICK = replace(DEFAULT_RUNTIME, poll_period_s=0.001)


class Exited(BaseException):
    """What os._exit stands for in a test."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        if threading.current_thread() is threading.main_thread():
            raise Exited

    monkeypatch.setattr(celery_app.os, "_exit", leave)
    return codes


def test_draining_tells_each_busy_process_once_and_waits_for_it(
    exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    request = SimpleNamespace(worker_pid=4711)
    state: Any = SimpleNamespace(active_requests=[request], reserved_requests=[request])
    monkeypatch.setattr(celery_app, "state", state)
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    threading.Timer(0.1, state.reserved_requests.clear).start()
    stopped: list[bool] = []
    ended: list[bool] = []
    with pytest.raises(Exited):
        celery_app._drain_jobs(lambda: stopped.append(True), lambda: ended.append(True), 30, QUICK)
    assert ended == [True]
    assert told == [(4711, signal.SIGTERM)]
    assert (stopped, exits) == ([True], [0])


def test_a_process_that_does_not_stop_holds_up_the_end_only_for_the_time_to_drain(
    exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = SimpleNamespace(worker_pid=None)
    state: Any = SimpleNamespace(active_requests=[request], reserved_requests=[request])
    monkeypatch.setattr(celery_app, "state", state)
    drain = threading.Thread(
        target=celery_app._drain_jobs, args=(lambda: None, lambda: None, 0.05, DEFAULT_RUNTIME), daemon=True
    )
    drain.start()
    while not exits:
        pass
    assert exits[0] == 0
    state.reserved_requests.clear()
    drain.join()


def test_a_worker_drains_once_however_many_signals_come(
    exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []
    handler = signal.getsignal(signal.SIGINT)

    class FakeWorker:
        exitcode = None
        pool = SimpleNamespace(terminate=lambda: None)

        def __init__(self, **options: Any) -> None:
            assert options["without_gossip"]
            assert options["queues"] == ("batch",)

        def start(self) -> None:
            signals.worker_ready.send(sender=self)
            for _ in range(2):
                signals.worker_shutting_down.send(sender=self, sig="SIGTERM", how="Warm", exitcode=0)
            while not exits:
                pass

    app: Any = SimpleNamespace(Worker=FakeWorker)
    try:
        assert (
            celery_app.run_worker(
                app, queues=("batch",), on_stop=lambda: stopped.append(True), drain_s=30, limits=QUICK
            )
            == 0
        )
        assert signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (stopped, exits) == ([True], [0])
