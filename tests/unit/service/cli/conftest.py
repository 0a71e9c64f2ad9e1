"""Commands as they are typed, in an empty folder, to a service that is only played."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from service.cli import app
from service.cli.support import connection
from tests.unit.service.cli.played import Played


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    client = Played()
    monkeypatch.setattr(connection, "Client", lambda *_, **__: nullcontext(client))
    return client


@pytest.fixture
def typed(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command, with what it reads from standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KANSERVICE_URL", "http://there")
    return lambda *words, text=None: CliRunner().invoke(app, list(words), input=text)  # type: ignore[return-value]
