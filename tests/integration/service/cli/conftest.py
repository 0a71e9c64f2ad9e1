"""The command line beside a service on a socket: one service for all tests of a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from service.client import transport
from tests.support.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

    from service.settings import Settings


@pytest.fixture(scope="module")
def settings(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One dialect is enough: what the service does has its own tests."""
    import shutil

    from service.settings import Settings

    folder = tmp_path_factory.mktemp("cli")
    url = f"sqlite:///{shutil.copy(_sqlite_template, folder / 'kan.db')}"
    return Settings(database_url=url, data_dir=folder)


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    from service.main import create_app

    with serving(create_app(settings)) as url:
        yield url


@pytest.fixture
def kan(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Type a command, in an empty folder."""
    from service.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.root, "handlers", [])  # the service beside it logs to the same standard error
    monkeypatch.setenv("KANSERVICE_URL", url)
    monkeypatch.setattr(transport, "FIRST_PAUSE_S", 0.001)
    return lambda *words: CliRunner().invoke(app, list(words))
