import logging
import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from kan_engine.formulas.callbacks import TrialReport
from service.settings import Settings
from worker.execution.heartbeat import Heartbeat, Termination
from worker.execution.limits import DEFAULT_EXECUTION, ExecutionLimits
from worker.execution.outcome import JobProgress, JobStopped


class NoDatabase:
    def begin(self) -> Any:
        raise OperationalError("SELECT 1", {}, ConnectionError("gone"))


def heartbeat(
    seconds: float = 60.0,
    termination: Termination | None = None,
    limits: ExecutionLimits = DEFAULT_EXECUTION,
) -> Heartbeat:
    sessions: Any = NoDatabase()
    return Heartbeat(
        "job",
        "token",
        sessions,
        Settings(lease_s=0.03),
        deadline=time.monotonic() + seconds,
        termination=termination or Termination(),
        limits=limits,
    )


def test_within_a_stage_only_the_latest_word_counts_and_no_stage_is_lost() -> None:
    beat = heartbeat()
    for stage, message in [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")]:
        beat.report(JobProgress(stage, 0.5, message))
    assert [(p.stage, p.message) for p in beat.progress_buffer] == [("a", "2"), ("b", "3"), ("a", "4")]


def test_within_a_stage_the_lowest_error_counts() -> None:
    beat = heartbeat()
    for stage, error in [("a", None), ("a", 0.1), ("a", 0.3), ("a", None), ("b", None)]:
        beat.report(JobProgress(stage, 0.5, error=error))
    assert [p.error for p in beat.progress_buffer] == [0.1, None]


def trial(error: float) -> TrialReport:
    return TrialReport(kind="structure", width=(2, 1), grid=5, error=error)


def errors_of_trials(beat: Heartbeat) -> list[list[float]]:
    return [[found["error"] for found in p.to_event().get("trials", ())] for p in beat.progress_buffer]


def test_every_trial_is_in_the_event_of_its_stage() -> None:
    beat = heartbeat()
    for stage, error in [("a", 0.5), ("a", 0.3), ("b", 0.4)]:
        beat.report(JobProgress(stage, 0.5))
        beat.record_trial(trial(error))
    assert errors_of_trials(beat) == [[0.5, 0.3], [0.4]]


def test_a_trial_after_a_beat_is_in_the_next_event_without_the_error_of_the_last_one() -> None:
    beat = heartbeat()
    beat.report(JobProgress("a", 0.5, error=0.1))
    beat._pending.clear()
    beat.record_trial(trial(0.5))
    assert [(p.stage, p.error) for p in beat.progress_buffer] == [("a", None)]
    assert errors_of_trials(beat) == [[0.5]]


def test_of_very_many_trials_only_the_first_and_those_better_than_all_are_kept() -> None:
    beat = heartbeat(limits=replace(DEFAULT_EXECUTION, max_trials=2))
    beat.report(JobProgress("a", 0.5))
    for error in [0.5, 0.4, 0.45, 0.3, 0.35]:
        beat.record_trial(trial(error))
    assert errors_of_trials(beat) == [[0.5, 0.4, 0.3]]


def test_every_word_tells_the_time_left_once_that_can_be_guessed() -> None:
    beat = heartbeat(seconds=60)
    for stage, fraction in [("a", 0.0), ("b", 0.5)]:
        beat.report(JobProgress(stage, fraction))
    assert [p.eta_seconds is None for p in beat.progress_buffer] == [True, False]


def test_progress_waits_for_a_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    beat = heartbeat()
    beat.report(JobProgress("a", 0.5))
    with caplog.at_level(logging.WARNING):
        beat.beat()
    assert [p.stage for p in beat.progress_buffer] == ["a"]
    assert "heartbeat failed" in caplog.text
    assert beat.should_stop() is False


def test_the_thread_lives_on_without_a_database_and_ends_with_its_block() -> None:
    with heartbeat() as beat:
        time.sleep(0.1)
        assert beat._thread.is_alive()
    assert not beat._thread.is_alive()


def test_a_new_stage_is_told_at_once_and_further_words_of_it_at_the_next_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beat = heartbeat(limits=replace(DEFAULT_EXECUTION, max_beat_period_s=60.0))
    monkeypatch.setattr(beat, "_settings", Settings(lease_s=60.0))
    told: list[str] = []
    monkeypatch.setattr(beat, "_write", lambda batch, latest: told.extend(p.message for p in batch))
    with beat:
        for stage, message in [("prepare", "1"), ("train", "2"), ("train", "3")]:
            beat.report(JobProgress(stage, 0.5, message))
            time.sleep(0.5)
        assert told == ["1", "2"]


def test_the_deadline_asks_for_the_best_so_far() -> None:
    assert heartbeat(seconds=-1).should_stop() is True
    assert not heartbeat(seconds=-1).is_interrupted


def test_a_termination_wants_nothing_of_this_run() -> None:
    termination = Termination()
    termination.request()
    beat = heartbeat(termination=termination)
    assert beat.is_interrupted
    with pytest.raises(JobStopped):
        beat.should_stop()


@pytest.mark.parametrize(("fraction", "is_known"), [(0.01, False), (0.5, True)])
def test_the_time_left_is_estimated_once_it_can_be(fraction: float, is_known: bool) -> None:
    beat = heartbeat()
    beat.report(JobProgress("a", fraction))
    assert beat._latest is not None
    eta = beat._latest.eta_seconds
    assert (eta is not None) == is_known
    assert eta is None or 0 <= eta <= 60
