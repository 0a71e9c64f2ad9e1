"""What tests of jobs over HTTP share."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK
from tests.support.worked_service import WorkedService


@pytest.fixture(scope="module")
def service(new_settings: Callable[[], Settings], no_suggestions: None) -> Iterator[WorkedService]:
    """The API over a database of its own, whose jobs a test does itself."""
    settings = new_settings()
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield WorkedService(client, settings)
