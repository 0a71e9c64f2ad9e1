"""Jobs as a client follows them: live where the stream comes through, and to their end in any case."""

import time
from dataclasses import replace
from typing import Any

import pytest

from service.api.live.limits import LiveLimits
from service.caller import LOCAL_CALLER
from service.client import JobCancelled, JobFailed, NotFinished, Progress
from service.db.repositories import Jobs
from service.db.session import Sessions
from tests.integration.service.client.conftest import QUICK, Way, answer, cut_after, hang_up, lose_the_answer
from tests.support.factories import finish_job, make_job, make_model, report_progress, start_job


class Running:
    """A job that moves on when its progress is seen, so that no test has to guess when that is."""

    def __init__(self, sessions: Sessions, *fractions: float) -> None:
        self._sessions, self._ahead = sessions, list(fractions)
        self.id = make_job(sessions).id
        self._token = start_job(sessions, self.id)
        self.seen: list[float] = []
        self._move_on()

    def saw(self, progress: Progress) -> None:
        if progress.stage == "train" and progress.fraction not in self.seen:
            self.seen.append(progress.fraction)
            self._move_on()

    def _move_on(self) -> None:
        if self._ahead:
            fraction = self._ahead.pop(0)
            with self._sessions.begin() as session:
                beat = {"stage": "train", "fraction": fraction}
                Jobs(session).heartbeat(self.id, self._token, lease_s=60, **beat)
            report_progress(self._sessions, self.id, self._token, **beat, eta_seconds=3.0)
        else:
            finish_job(self._sessions, self.id, self._token)


def events_of(job: Running) -> str:
    return f"GET /jobs/{job.id}/events"


def test_progress_is_seen_as_it_comes_and_the_job_as_it_ended(kan: Any, sessions: Sessions, way: Way) -> None:
    job = Running(sessions, 0.1, 0.5, 0.9)
    ended = kan.wait(job.id, progress=job.saw)
    assert (ended.id, ended.status, ended.has_ended, ended.model_id) == (job.id, "succeeded", True, "m")
    assert job.seen == [0.1, 0.5, 0.9]
    assert len(way.asked(events_of(job))) == 1
    assert len(way.asked(f"GET /jobs/{job.id}")) == 1


def test_a_stream_that_was_cut_off_goes_on_after_the_last_event(
    kan: Any, sessions: Sessions, way: Way
) -> None:
    job, told = Running(sessions, 0.1, 0.5, 0.9), []
    way.mishaps[events_of(job)] = [cut_after('"fraction":0.5')]

    def saw(progress: Progress) -> None:
        told.append(progress.eta_seconds)
        job.saw(progress)

    assert kan.wait(job.id, progress=saw).status == "succeeded"
    assert job.seen == [0.1, 0.5, 0.9]
    assert [headers["last-event-id"] for headers in way.asked(events_of(job))] == ["0", "4"]
    assert told.count(3.0) == 3  # nothing comes twice; in between the job itself was asked


@pytest.mark.parametrize("mishap", [answer(502), hang_up, "too many"])
def test_where_no_stream_comes_through_the_job_is_asked_again_and_again(
    kan: Any, sessions: Sessions, way: Way, monkeypatch: pytest.MonkeyPatch, mishap: Any
) -> None:
    job = Running(sessions, 0.1, 0.5, 0.9)
    if mishap == "too many":
        monkeypatch.setattr(way.app.state.watch, "limits", LiveLimits(max_streams_per_tenant=0))
    else:
        way.mishaps[events_of(job)] = [mishap] * 99
    assert kan.wait(job.id, progress=job.saw).status == "succeeded"
    assert job.seen == [0.1, 0.5, 0.9]
    assert len(way.asked(events_of(job))) == 1


@pytest.mark.parametrize("limits", [replace(QUICK, silence_timeout_s=0.2)])
def test_a_line_that_is_dead_is_given_up(kan: Any, sessions: Sessions, way: Way) -> None:
    job_id = make_job(sessions).id
    request = f"GET /jobs/{job_id}/events"
    with pytest.raises(NotFinished):
        kan.wait(job_id, 0.7, progress=False)
    assert len(way.asked(request)) > 1


def test_a_service_that_is_away_for_a_while_is_waited_for(kan: Any, sessions: Sessions, way: Way) -> None:
    job = Running(sessions, 0.1, 0.5)
    way.mishaps[events_of(job)] = [cut_after('"fraction":0.1')]
    way.mishaps[f"GET /jobs/{job.id}"] = [lose_the_answer] * (QUICK.max_job_tries - 1)
    assert kan.wait(job.id, progress=job.saw).status == "succeeded"


def test_a_job_that_has_long_ended_is_answered_at_once(kan: Any, sessions: Sessions) -> None:
    job = Running(sessions)
    assert kan.wait(kan.job(job.id)).status == "succeeded"


def test_what_has_failed_is_raised_with_its_reason(kan: Any, sessions: Sessions) -> None:
    job_id = make_job(sessions).id
    with sessions.begin() as session:
        jobs = Jobs(session)
        job = jobs.claim(job_id, lease_s=60)
        assert job is not None
        jobs.fail(job_id, str(job.token), code="invalid_data", detail="row 3 is odd")
    with pytest.raises(JobFailed, match="the job failed: row 3 is odd") as failed:
        kan.wait(job_id, progress=False)
    assert (failed.value.code, failed.value.detail, failed.value.job.id) == (
        "invalid_data",
        "row 3 is odd",
        job_id,
    )


def test_a_cancelled_job_is_raised_unless_its_best_network_was_kept(kan: Any, sessions: Sessions) -> None:
    job = kan.cancel(make_job(sessions).id)
    with pytest.raises(JobCancelled):
        kan.wait(job, progress=False)
    running = make_job(sessions).id
    token = start_job(sessions, running)
    assert kan.cancel(running, keep_best=True).cancel_requested_at is not None
    with sessions.restrict_to(LOCAL_CALLER).begin() as session:
        Jobs(session).stop(running, token, model_id="the best")
    assert kan.wait(running, progress=False).model_id == "the best"


@pytest.mark.parametrize("timeout_s", [0, 0.3])
def test_no_one_waits_for_longer_than_he_wants_to(kan: Any, sessions: Sessions, timeout_s: float) -> None:
    job_id = make_job(sessions).id
    since = time.monotonic()
    with pytest.raises(NotFinished, match="is queued"):
        kan.wait(job_id, timeout_s, progress=False)
    assert timeout_s <= time.monotonic() - since < timeout_s + 5


def test_a_finished_job_can_be_done_again(kan: Any) -> None:
    dataset = kan.upload({"x": [float(x) for x in range(30)], "y": [2.0 * x for x in range(30)]})
    first = kan.submit(dataset, "y", name="law")
    kan.cancel(first)
    again = kan.retry(first)
    assert (again.retry_of, again.status) == (first.id, "queued")
    assert {first.id, again.id} <= {job.id for job in kan.jobs()}
    assert again.id in {job.id for job in kan.jobs(status="queued")}
    assert first.id not in {job.id for job in kan.jobs(status="queued")}


def test_a_training_ends_with_its_model(kan: Any, sessions: Sessions, way: Way) -> None:
    dataset = kan.upload({"x": [float(x) for x in range(30)], "y": [2.0 * x for x in range(30)]})
    model = make_model(sessions)

    async def worked_on(app: Any, *request: Any) -> None:
        await app(*request)
        with sessions.read() as session:
            newest = Jobs(session).page(limit=1)[0].id
        finish_job(sessions, newest, start_job(sessions, newest), model_id=model.id)

    way.mishaps["POST /jobs"] = [worked_on]
    assert kan.train(dataset, "y", name="law", progress=False) == kan.model(model.id)
