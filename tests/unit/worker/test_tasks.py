from typing import Any

import pytest

from service.queue import QUEUE_BY_KIND
from worker import tasks
from worker.jobs.registry import HANDLERS
from worker.runtime import child_process


def test_the_task_unpacks_and_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def record(*arguments: Any, work_of: Any, termination: Any, ring: Any) -> None:
        calls.append((*arguments, work_of("train"), termination.requested, ring))

    monkeypatch.setattr(tasks, "run_job", record)
    monkeypatch.setattr(tasks, "sessions", lambda: "sessions")
    monkeypatch.setattr(tasks, "settings", lambda: "settings")
    tasks.work("job", "token")
    assert calls == [
        ("job", "token", "sessions", "settings", HANDLERS["train"], False, child_process.notify_workers)
    ]


def test_there_is_work_for_every_kind_of_job_that_has_a_queue() -> None:
    assert HANDLERS.keys() == QUEUE_BY_KIND.keys()


def test_a_process_reads_its_settings_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path))
    child_process.settings.cache_clear()
    child_process.sessions.cache_clear()
    try:
        assert child_process.settings().data_dir == tmp_path
        assert child_process.settings() is child_process.settings()
        assert child_process.sessions() is child_process.sessions()
    finally:
        child_process.settings.cache_clear()
        child_process.sessions.cache_clear()
