from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from service import cli_client


def job(**changes: Any) -> dict[str, Any]:
    progress = {"stage": "train", "fraction": 0.5, "message": "step 3"}
    return {"id": "j", "status": "running", "finished_at": None, "progress": progress, **changes}


@pytest.fixture
def asked() -> list[str]:
    return []


def client(asked: list[str], answers: Iterator[dict[str, Any]]) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return httpx.Response(200, json=next(answers))

    return httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer))


def test_progress_is_shown_as_it_changes(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([job(), job(finished_at="now")])
    assert cli_client._follow(client(asked, answers), job())["finished_at"] == "now"
    assert capsys.readouterr().err == " 50%  train: step 3\n"


def test_a_job_that_fails_ends_the_command_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("x,y")
    failed = job(status="failed", finished_at="now", error={"code": "invalid_data", "detail": "row 3 is odd"})
    answers = iter([{"id": "d"}, failed])
    monkeypatch.setattr(cli_client, "_client", lambda server, key: nullcontext(client(asked, answers)))
    with pytest.raises(typer.Exit):
        cli_client.train(file=table, target="y")
    assert "the job failed: row 3 is odd" in capsys.readouterr().err
    assert asked == ["POST /datasets", "POST /jobs"]


def test_an_interrupt_cancels_the_job(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_client.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cli_client._follow(client(asked, iter([job()])), job())
    assert asked == ["POST /jobs/j/cancel"]


def test_an_answer_that_is_no_problem_document_is_told_by_its_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit):
        cli_client._refuse_error(httpx.Response(502, text="<html>"))
    assert "answered 502" in capsys.readouterr().err


def test_a_service_that_cannot_start_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAN_LEASES", "3")
    with pytest.raises(typer.Exit), cli_client.embedded_service():
        pass
    shown = capsys.readouterr().err
    assert "did not start" in shown
    assert "KAN_LEASES" in shown
