"""What must end or be refused though nobody asks again: streams, redirects to others, files open to all."""

import stat
import threading
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, text

from service.api.http.limits import HttpLimits
from service.api.live.limits import LiveLimits
from service.db.migrate import upgrade
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.settings import Settings
from tests.support.factories import make_job, start_job
from tests.support.servers import LOOPBACK, serving

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def in_sqlite(sqlite_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=sqlite_url, data_dir=tmp_path)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stream_ends_when_its_key_is_revoked(settings: Settings, sessions: Sessions) -> None:
    limits = HttpLimits(live=LiveLimits(ping_interval_s=0.3))
    job_id = make_job(sessions).id
    with sessions.begin() as session:
        key, secret = ApiKeys(session).add("lab")
    headers = STREAM | {"Authorization": f"Bearer {secret}"}
    with (
        serving(create_app(settings.model_copy(update={"host": "0.0.0.0"}), limits=limits)) as url,
        httpx.stream("GET", f"{url}/jobs/{job_id}/events", headers=headers, timeout=20) as answer,
    ):
        lines = answer.iter_lines()
        while not next(lines).startswith("event: status"):
            pass
        with sessions.begin() as session:
            ApiKeys(session).revoke(key.id)
        start_job(sessions, job_id)
        told = list(lines)
    assert not any("running" in line for line in told)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_streams_that_begin_together_are_no_more_than_there_may_be(
    app: FastAPI, server: str, sessions: Sessions
) -> None:
    app.state.watch.limits = LiveLimits(max_streams_per_tenant=4)
    job_id = make_job(sessions).id
    statuses: list[int] = []
    are_open, are_over = threading.Barrier(13), threading.Event()

    def follow() -> None:
        with httpx.stream("GET", f"{server}/jobs/{job_id}/events", headers=STREAM, timeout=60) as answer:
            statuses.append(answer.status_code)
            are_open.wait(60)
            are_over.wait(60)

    followers = [threading.Thread(target=follow) for _ in range(12)]
    for follower in followers:
        follower.start()
    are_open.wait(60)
    are_over.set()
    for follower in followers:
        follower.join()
    assert sorted(statuses) == [200] * 4 + [429] * 8


def test_a_redirect_leads_to_no_other_host(in_sqlite: Settings) -> None:
    app = create_app(in_sqlite.model_copy(update={"host": "0.0.0.0"}))
    with TestClient(app, base_url=LOOPBACK, follow_redirects=False) as client:
        answer = client.get("/guide/?lang=ru", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, "/guide?lang=ru")


def test_the_data_are_their_owners_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    upgrade(settings)
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        assert client.post("/datasets", json={"columns": {"x": [1]}}).status_code == 201
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.data_dir.iterdir()}
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    assert {name: mode for name, mode in modes.items() if name.startswith("kan.db")} == {
        "kan.db": 0o600,
        "kan.db-wal": 0o600,
        "kan.db-shm": 0o600,
    }


def test_a_database_without_room_is_told_of_as_that(client: TestClient) -> None:
    engine: Engine = cast("FastAPI", client.app).state.sessions.writing.kw["bind"]
    FILL[engine.dialect.name](engine)
    columns = {name: [number / 7 for number in range(20_000)] for name in "xyz"}
    refused = client.post("/datasets", json={"columns": columns})
    assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
    assert client.get("/datasets").json()["items"] == []


def _fill_sqlite(engine: Engine) -> None:
    """Let it have no more pages than it has."""

    def tell(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    engine.dispose()
    event.listen(engine, "connect", tell)


def _fill_postgres(engine: Engine) -> None:
    """Let the server say what it says when its disk is full."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER full_disk BEFORE INSERT ON blob EXECUTE FUNCTION full_disk()")
        )


FILL = {"sqlite": _fill_sqlite, "postgresql": _fill_postgres}
