"""One service for all tests of a file: what reads large bodies takes seconds to start."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions, make_engine, make_sessions
from service.main import create_app
from service.settings import MiB, Settings
from tests.support.servers import LOOPBACK, serving


@pytest.fixture(scope="module")
def settings(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("lasting")
    shutil.copy(_sqlite_template, folder / "kan.db")
    return Settings(database_url=f"sqlite:///{folder / 'kan.db'}", data_dir=folder, max_json_bytes=8 * MiB)


@pytest.fixture(scope="module")
def sessions(settings: Settings) -> Iterator[Sessions]:
    engine = make_engine(settings)
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[str]:
    with serving(create_app(settings)) as url:
        yield url
