"""A disk without room: the client is told so, and nothing is kept."""

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The disk is that of the API, whatever the database."""
    return sqlite_url


COLUMNS = {name: np.random.default_rng(0).uniform(size=20_000).tolist() for name in "xy"}
CSV = "x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(*COLUMNS.values(), strict=True))


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param({"files": {"file": ("t.csv", io.BytesIO(CSV.encode()))}}, id="the file as it arrives"),
        pytest.param({"json": {"columns": COLUMNS}}, id="the table as it is stored"),
    ],
)
def test_an_upload_for_which_there_is_no_room_is_refused(settings: Settings, upload: dict[str, Any]) -> None:
    app = create_app(settings)
    with TestClient(app, base_url=LOOPBACK, raise_server_exceptions=False) as client:
        with files_of_at_most(2**16):
            refused = client.post("/datasets", **upload)
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
        assert client.get("/datasets").json()["items"] == []
        assert client.post("/datasets", json={"columns": {"x": [1], "y": [2]}}).is_success


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk looks like to a process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
