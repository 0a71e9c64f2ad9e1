import io
import math
from typing import Any

import pytest
from rich.console import Console

from service.cli.support.live_progress import ProgressView, show_live_progress, sparkline
from service.client import Progress


def test_a_curve_falls_with_the_order_of_magnitude() -> None:
    assert sparkline([1.0, 1e-7, 1e-4]) == "█▁▄"
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline([0.0, 1.0]) == "▁▁"
    assert sparkline([]) == ""


@pytest.mark.parametrize("width", [40, 100])
def test_the_view_is_as_wide_as_the_terminal_at_most(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    view = ProgressView()
    for error in (1.0, 0.01, 0.5):
        message = "KAN [8, 5, 1], step 3: loss 0.0001"
        view.take(Progress(stage="train", fraction=0.5, message=message, eta_seconds=7.2, error=error))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(view.render())
    lines = console.export_text().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("Training networks")
    assert "about 7 s left" in lines[1]
    assert lines[2].split() == ["error", "█▁▇", "best", "0.01"]


def test_without_an_error_there_is_no_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    view = ProgressView()
    view.take(Progress(stage="prepare", fraction=0.1, message="300 rows: loss 3"))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(view.render())
    assert len(console.export_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("stage", "told"), [(None, "Waiting for a worker"), ("starting", "Training with every setting")]
)
def test_a_study_is_told_by_its_trainings(
    monkeypatch: pytest.MonkeyPatch, stage: str | None, told: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    view = ProgressView("study")
    view.take(Progress(stage=stage, fraction=0.5, message="1 of 2 trainings have ended"))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(view.render())
    assert console.export_text().startswith(f"{told}  1 of 2 trainings have ended")


def test_where_there_is_no_terminal_the_client_tells_the_stages() -> None:
    with show_live_progress() as progress:
        assert progress is True


def test_a_terminal_is_left_as_it_was(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with show_live_progress() as progress:
        assert callable(progress)
        progress(Progress(stage="symbolic", fraction=math.pi / 4))
    shown = capsys.readouterr()
    assert "Extracting the formula" in shown.err
    assert shown.err.endswith("\x1b[2K")
    assert shown.out == ""
