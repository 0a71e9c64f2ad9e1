"""The command line beside a service on a socket: one service for all tests of a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from service.cli.support import connection
from service.client import Client
from service.client.limits import ClientLimits
from tests.support.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

    from service.settings import Settings


@pytest.fixture(scope="module")
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    from service.main import create_app

    with serving(create_app(settings)) as url:
        yield url


@pytest.fixture
def kan(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Type a command, in an empty folder, with what it reads from standard input."""
    from service.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.root, "handlers", [])  # the service beside it logs to the same standard error
    monkeypatch.setenv("KANSERVICE_URL", url)
    monkeypatch.setattr(connection, "Client", partial(Client, limits=ClientLimits(first_pause_s=0.001)))
    return lambda *words, text=None: CliRunner().invoke(app, list(words), input=text)
