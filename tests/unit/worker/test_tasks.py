from typing import Any

import pytest

from worker import process, tasks


def test_the_task_unpacks_and_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def record(*arguments: Any, pipeline: Any, termination: Any) -> None:
        calls.append((*arguments, pipeline.__name__, termination.requested))

    monkeypatch.setattr(tasks, "run_training", record)
    monkeypatch.setattr(tasks, "sessions", lambda: "sessions")
    monkeypatch.setattr(tasks, "settings", lambda: "settings")
    tasks.train("job", "token")
    assert calls == [("job", "token", "sessions", "settings", "run_pipeline", False)]


def test_a_process_reads_its_settings_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path))
    process.settings.cache_clear()
    process.sessions.cache_clear()
    try:
        assert process.settings().data_dir == tmp_path
        assert process.settings() is process.settings()
        assert process.sessions() is process.sessions()
    finally:
        process.settings.cache_clear()
        process.sessions.cache_clear()
