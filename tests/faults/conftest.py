from collections.abc import Iterator
from pathlib import Path

import pytest

from service.db.session import Sessions
from service.settings import Settings
from tests.faults.workers import Workers

LEASE_S = 2.0


@pytest.fixture(params=["one machine", "many machines"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """SQLite with ``memory://``, then PostgreSQL with Redis."""
    is_alone = request.param == "one machine"
    return Settings(
        database_url=request.getfixturevalue("sqlite_url" if is_alone else "postgres_url"),
        broker_url="memory://" if is_alone else request.getfixturevalue("redis_url"),
        data_dir=tmp_path,
        lease_s=LEASE_S,
    )


@pytest.fixture
def workers(settings: Settings, sessions: Sessions) -> Iterator[Workers]:
    started = Workers(settings, sessions)
    yield started
    started.close()
