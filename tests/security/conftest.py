"""A service with settings of a test's own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK


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
