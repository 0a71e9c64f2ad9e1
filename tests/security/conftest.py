"""A service with settings of a test's own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.main import create_app
from service.settings import Settings
from tests.servers import LOOPBACK


@pytest.fixture(scope="module")
def lasting_settings(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings over a database that all tests of a file share, for those that start processes."""
    folder = tmp_path_factory.mktemp("lasting")
    shutil.copy(_sqlite_template, folder / "kan.db")
    return Settings(database_url=f"sqlite:///{folder / 'kan.db'}", data_dir=folder)


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., TestClient]]:
    opened: list[TestClient] = []

    def started(**change: Any) -> TestClient:
        client = TestClient(create_app(settings.model_copy(update=change)), base_url=LOOPBACK)
        opened.append(client)
        return client.__enter__()

    yield started
    for client in opened:
        client.__exit__(None, None, None)
