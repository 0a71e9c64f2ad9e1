from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import typer

from service import cli_client
from service.client import ApiError, ClientError


class Recording:
    """A client of a service whose jobs all end in one way."""

    def __init__(self, end: BaseException) -> None:
        self._end = end
        self.asked: list[tuple[Any, ...]] = []

    def upload(self, file: Path) -> str:
        self.asked.append(("upload", file))
        return "a dataset"

    def submit(self, dataset: str, target: str, **options: Any) -> str:
        self.asked.append(("submit", dataset, target, options))
        return "a job"

    def wait(self, job: str) -> None:
        raise self._end

    def cancel(self, job: str) -> None:
        self.asked.append(("cancel", job))
        raise ApiError(409, "job_already_finished", "too late")


def train(monkeypatch: pytest.MonkeyPatch, end: BaseException) -> list[tuple[Any, ...]]:
    """What is asked of the service, until it ends."""
    client = Recording(end)
    monkeypatch.setattr(cli_client, "Client", lambda *_, **__: nullcontext(client))
    expected = typer.Exit if isinstance(end, ClientError) else type(end)
    with pytest.raises(expected):
        cli_client.train(file=Path("table.csv"), target="y", max_seconds=3, server="http://there")
    return client.asked


def test_a_job_that_fails_ends_the_command_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = train(monkeypatch, ClientError("the job failed: row 3 is odd"))
    assert asked == [("upload", Path("table.csv")), ("submit", "a dataset", "y", {"max_seconds": 3})]
    assert capsys.readouterr().err == "kan-service: the job failed: row 3 is odd\n"


def test_an_interrupt_cancels_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(monkeypatch, KeyboardInterrupt())[-1] == ("cancel", "a job")


def test_a_service_that_cannot_start_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAN_LEASES", "3")
    with pytest.raises(typer.Exit), cli_client.embedded_service():
        pass
    shown = capsys.readouterr().err
    assert "did not start" in shown
    assert "KAN_LEASES" in shown
