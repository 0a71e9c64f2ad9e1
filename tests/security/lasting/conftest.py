"""One service for all tests of the folder: what reads large bodies takes seconds to start."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.db.session import Sessions
from service.main import create_app
from service.settings import MiB, Settings
from tests.support.servers import LOOPBACK, serving


@pytest.fixture(scope="session")
def settings(new_settings: Callable[..., Settings]) -> Settings:
    return new_settings(max_json_bytes=8 * MiB)


@pytest.fixture(scope="session")
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture(scope="session")
def sessions(app: FastAPI) -> Sessions:
    sessions: Sessions = app.state.sessions
    return sessions


@pytest.fixture(scope="session")
def server(app: FastAPI) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture(scope="session")
def client(app: FastAPI, server: str) -> TestClient:
    """Of the application that ``server`` starts and ends."""
    return TestClient(app, base_url=LOOPBACK)
