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
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


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
