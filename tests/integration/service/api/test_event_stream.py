"""Following a job: streams of its events, and answers that wait for its end, from a server on a socket."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.api.live import job_watch
from service.api.live.limits import LiveLimits
from service.caller import LOCAL_CALLER
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.settings import Settings
from tests.support.databases import ON_ONE_DATABASE
from tests.support.factories import finish_job, make_job, report_progress, start_job
from tests.support.servers import free_port, wait_until

STREAM = {"Accept": "text/event-stream"}
Event = dict[str, str]


@contextmanager
def followed(url: str, job_id: str, **headers: str) -> Iterator[Iterator[Event]]:
    with httpx.stream("GET", f"{url}/jobs/{job_id}/events", headers=STREAM | headers, timeout=10) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[Event]:
    event: Event = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif "data" in event or "" in event:
            yield event
            event = {}
        else:
            event = {}


def test_a_stream_tells_what_happened_and_what_happens_until_the_end(server: str, sessions: Sessions) -> None:
    job_id = make_job(sessions).id
    with followed(server, job_id) as events:
        assert next(events)["event"] == "status"
        token = start_job(sessions, job_id)
        assert json.loads(next(events)["data"])["data"]["status"] == "running"
        report_progress(sessions, job_id, token, stage="train", fraction=0.5)
        event = next(events)
        assert (event["event"], event["id"]) == ("progress", "3")
        assert json.loads(event["data"])["data"]["stage"] == "train"
        finish_job(sessions, job_id, token)
        assert json.loads(next(events)["data"])["data"]["status"] == "succeeded"
        assert next(events) == {"event": "done", "data": '{"status":"succeeded"}'}
        assert list(events) == []


def test_the_stream_of_a_job_that_is_deleted_ends(app: FastAPI, server: str, sessions: Sessions) -> None:
    app.state.watch.limits = LiveLimits(ping_interval_s=0.2)
    job_id = make_job(sessions).id
    with followed(server, job_id) as events:
        assert next(events)["event"] == "status"
        with sessions.begin() as session:
            jobs = Jobs(session)
            jobs.delete(jobs.cancel(job_id))  # at once, before the stream can tell that it has ended
        assert [event for event in events if "data" in event] == []


def test_one_look_at_the_database_brings_an_event_to_the_stream(
    app: FastAPI, server: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.state.watch.limits = LiveLimits(ping_interval_s=3600)
    job_id, read = make_job(sessions).id, job_watch.JobWatch._read_newest_events

    def read_the_news_once(self: job_watch.JobWatch, job_ids: list[str]) -> dict[str, int]:
        newest = read(self, job_ids)
        if newest.get(job_id, 0) > 1:
            self.limits = replace(self.limits, poll_interval_s=3600)
        return newest

    monkeypatch.setattr(job_watch.JobWatch, "_read_newest_events", read_the_news_once)
    with followed(server, job_id) as events:
        next(events)
        start_job(sessions, job_id)
        assert next(events)["id"] == "2"


def test_a_client_that_was_cut_off_misses_nothing_and_gets_nothing_twice(
    server: str, sessions: Sessions
) -> None:
    job_id = make_job(sessions).id
    token = start_job(sessions, job_id)
    for fraction in (0.1, 0.2, 0.3):
        report_progress(sessions, job_id, token, stage="train", fraction=fraction)
    with followed(server, job_id) as events:
        seen = [next(events)["id"] for _ in range(3)]
    finish_job(sessions, job_id, token)
    with followed(server, job_id, **{"Last-Event-ID": seen[-1]}) as events:
        seen += [event["id"] for event in events if "id" in event]
    assert seen == ["1", "2", "3", "4", "5", "6"]


def test_more_events_than_a_page_all_come(app: FastAPI, server: str, sessions: Sessions) -> None:
    app.state.watch.limits = LiveLimits(max_events_per_read=2)
    job_id = make_job(sessions).id
    token = start_job(sessions, job_id)
    for fraction in (0.1, 0.2, 0.3):
        report_progress(sessions, job_id, token, stage="train", fraction=fraction)
    finish_job(sessions, job_id, token)
    with followed(server, job_id) as events:
        assert [event.get("id") for event in events] == ["1", "2", "3", "4", "5", "6", None]


def test_a_stream_of_a_job_that_has_nothing_more_to_tell_is_not_to_be_opened_again(
    server: str, sessions: Sessions
) -> None:
    job_id = make_job(sessions).id
    finish_job(sessions, job_id, start_job(sessions, job_id))
    url = f"{server}/jobs/{job_id}/events"
    assert httpx.get(url, headers=STREAM | {"Last-Event-ID": "3"}).status_code == 204
    assert httpx.get(url, headers=STREAM | {"Last-Event-ID": "-1"}).status_code == 422
    assert httpx.get(f"{server}/jobs/none/events", headers=STREAM).status_code == 404


def test_a_quiet_stream_pings(app: FastAPI, server: str, sessions: Sessions) -> None:
    app.state.watch.limits = LiveLimits(ping_interval_s=0.2)
    with followed(server, make_job(sessions).id) as events:
        next(events)
        assert next(events) == {"": "ping"}


def test_streams_are_counted_and_those_beyond_the_limit_refused(
    app: FastAPI, server: str, sessions: Sessions
) -> None:
    app.state.watch.limits = LiveLimits(max_streams_per_tenant=1)
    job_id = make_job(sessions).id
    url = f"{server}/jobs/{job_id}/events"
    with followed(server, job_id) as events:
        next(events)
        refused = httpx.get(url, headers=STREAM)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
    with sessions.restrict_to(LOCAL_CALLER).begin() as session:
        Jobs(session).cancel(job_id)
    until = time.monotonic() + 10
    while httpx.get(url, headers=STREAM).status_code == 429 and time.monotonic() < until:
        time.sleep(0.1)  # until the server has noticed that the first is gone
    assert httpx.get(url, headers=STREAM).status_code == 200


@pytest.mark.parametrize("ends", [True, False])
def test_an_answer_waits_for_the_end_of_a_job_but_no_longer_than_asked(
    server: str, sessions: Sessions, ends: bool
) -> None:
    job_id = make_job(sessions).id
    token = start_job(sessions, job_id)
    later = threading.Timer(0.3, finish_job, (sessions, job_id, token))
    if ends:
        later.start()
    since = time.monotonic()
    job = httpx.get(f"{server}/jobs/{job_id}", params={"wait": 20 if ends else 0.5}, timeout=30).json()
    waited = time.monotonic() - since
    assert job["status"] == ("succeeded" if ends else "running")
    assert (0.2 if ends else 0.5) < waited < 10


def test_all_who_wait_share_one_query(
    server: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    read = job_watch.JobWatch._read_newest_events

    def counted(self: job_watch.JobWatch, job_ids: list[str]) -> dict[str, int]:
        looks.append(len(job_ids))
        return read(self, job_ids)

    monkeypatch.setattr(job_watch.JobWatch, "_read_newest_events", counted)
    jobs = [make_job(sessions).id for _ in range(20)]

    def wait(job_id: str) -> None:
        httpx.get(f"{server}/jobs/{job_id}", params={"wait": 1}, timeout=30)

    threads = [threading.Thread(target=wait, args=(job_id,)) for job_id in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) < 40
    assert max(looks) > 10


@ON_ONE_DATABASE
def test_a_server_that_is_told_to_end_ends_its_streams_and_does_not_wait_for_their_jobs(
    settings: Settings, sessions: Sessions
) -> None:
    job_id, port = make_job(sessions).id, free_port()
    environment = os.environ | {
        "KAN_DATABASE_URL": settings.database_url,
        "KAN_DATA_DIR": str(settings.data_dir),
        "KAN_DRAIN_S": "60",
        "PYTHONPATH": str(Path.cwd()),
    }
    command = [sys.executable, "-m", "service.cli", "api", "--port", str(port)]
    with subprocess.Popen(command, env=environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(url), timeout_s=60)
        with followed(url, job_id) as events:
            next(events)
            process.terminate()
            since = time.monotonic()
            assert all("data" not in event for event in events)  # httpx raises where an answer is cut
        process.wait()
        assert time.monotonic() - since < 20
        assert process.returncode in (0, -signal.SIGTERM)  # not killed


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False
