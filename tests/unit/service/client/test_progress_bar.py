from typing import Any

import pytest

from service.client import Progress
from service.client.progress_bar import show_progress

STEPS = [
    Progress(stage=None, fraction=0.0),
    Progress(stage="train", fraction=0.25, message="step [3]"),
    Progress(stage="train", fraction=0.5, message="step [4]", eta_seconds=7.2),
    Progress(stage="symbolic", fraction=0.9),
]


def said(capsys: pytest.CaptureFixture[str], progress: Any) -> str:
    with show_progress(progress) as show:
        for step in STEPS:
            show(step)
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def test_a_log_gets_a_line_for_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, True) == " 25%  train: step [3]\n 90%  symbolic\n"


@pytest.fixture
def _in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


def give_up_at(step: Progress) -> None:
    with show_progress(True) as show:
        show(step)
        raise KeyboardInterrupt


@pytest.mark.usefixtures("_in_a_terminal")
def test_a_terminal_gets_a_bar_that_ends_full(capsys: pytest.CaptureFixture[str]) -> None:
    last = said(capsys, True).split("\x1b[2K")[-1]
    assert "done" in last
    assert "100%" in last


@pytest.mark.usefixtures("_in_a_terminal")
def test_the_bar_of_a_job_that_was_given_up_stays_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        give_up_at(STEPS[2])
    last = capsys.readouterr().err.split("\x1b[2K")[-1]
    for part in ("train: step [4]", " 50%", "7 s left"):
        assert part in last


def test_nothing_is_shown_to_who_wants_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, False) == ""


def test_a_function_gets_it_instead(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Progress] = []
    assert said(capsys, seen.append) == ""
    assert seen == STEPS
