"""Live progress of a job in a terminal: its stage, its fraction done, and its error over time."""

import json
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from service.client import Progress
from service.client.progress_bar import ProgressOption

if TYPE_CHECKING:
    from rich.console import RenderableType

SPARKLINE_LEVELS = "▁▂▃▄▅▆▇█"


@contextmanager
def show_live_progress(kind: str = "train") -> Iterator[ProgressOption]:
    """Yield the client's argument ``progress``: a live view in a terminal, else True for a line per stage.

    Args:
        kind: Kind of the job.
    """
    if not sys.stderr.isatty():
        yield True
        return
    from rich.console import Console  # noqa: PLC0415  # slow to import, and not always needed
    from rich.live import Live  # noqa: PLC0415

    view = ProgressView(kind)
    with Live(console=Console(stderr=True), get_renderable=view.render, refresh_per_second=8, transient=True):
        yield view.take


class ProgressView:
    """The latest progress of a job, rendered for a terminal.

    Args:
        kind: Kind of the job.
        right_margin: Columns for the ^C that a terminal prints; a wrapped line would break the display.
        max_errors: Errors in the sparkline.
    """

    def __init__(self, kind: str = "train", *, right_margin: int = 3, max_errors: int = 32) -> None:
        from rich import progress as parts  # noqa: PLC0415

        self._is_study = kind == "study"
        self._right_margin, self._max_errors = right_margin, max_errors
        self._now = Progress(stage=None, fraction=0.0)
        self._errors: list[float] = []
        self._bar = parts.Progress(
            parts.SpinnerColumn(),
            parts.BarColumn(bar_width=None),
            parts.TaskProgressColumn(),
            parts.TimeElapsedColumn(),
            parts.TextColumn("{task.fields[left]}"),
            expand=True,
        )
        self._task = self._bar.add_task("", total=1.0, left="")

    def take(self, progress: Progress) -> None:
        """Store the latest progress."""
        self._now = progress
        text = "" if progress.eta_seconds is None else f"about {_format_duration(progress.eta_seconds)} left"
        self._bar.update(self._task, completed=progress.fraction, left=text)
        if progress.error is not None:
            self._errors.append(progress.error)

    def render(self) -> "RenderableType":
        """Three lines at most, each as wide as the terminal."""
        from rich.console import Group  # noqa: PLC0415
        from rich.constrain import Constrain  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        line = {"no_wrap": True, "overflow": "ellipsis"}
        # A study has no stages: it waits for its trainings.
        now = "study" if self._is_study and self._now.stage else self._now.stage
        stage = Text(name_stage(now), style="bold", **line)  # type: ignore[arg-type]  # rich's literals
        if any(letter.isdigit() for letter in self._now.message or ""):  # others only repeat the stage
            stage.append(f"  {self._now.message}", style="dim")
        parts: list[RenderableType] = [stage, self._bar]
        if self._errors:
            curve = f"  error {sparkline(self._errors[-self._max_errors :])}  best {min(self._errors):.3g}"
            parts.append(Text(curve, **line))  # type: ignore[arg-type]
        return Constrain(Group(*parts), shutil.get_terminal_size().columns - self._right_margin)


def name_stage(stage: str | None) -> str:
    """A stage of a job in words, those of the page."""
    return "Waiting for a worker" if stage is None else _read_page_words().get(f"stage.{stage}", stage)


@cache
def _read_page_words() -> dict[str, str]:
    source = files("service").joinpath("web", "i18n", "en.json").read_text(encoding="utf-8")
    return dict(json.loads(source))


def sparkline(values: Sequence[float]) -> str:
    """A curve of values on a logarithmic scale, as one line of text; values up to 0 are lowest."""
    logs = [math.log10(value) if value > 0 else -math.inf for value in values]
    finite = [height for height in logs if math.isfinite(height)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    step = (high - low) / (len(SPARKLINE_LEVELS) - 1) or 1.0
    return "".join(SPARKLINE_LEVELS[round((max(height, low) - low) / step)] for height in logs)


def _format_duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
