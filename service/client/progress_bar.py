"""Display of a job's progress: a bar in a terminal or notebook, a line per stage elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.client.job_progress import ProgressCallback
from service.client.results import Progress

if TYPE_CHECKING:
    from rich.console import Console

ProgressOption = bool | Callable[[Progress], None]


@contextmanager
def show_progress(progress: ProgressOption) -> Iterator[ProgressCallback]:
    """Yield a function that displays progress while the client waits for a job.

    Args:
        progress: Whether to display progress on standard error, or a function to call instead.
    """
    if callable(progress):
        yield progress
    elif progress:
        from rich.console import Console  # noqa: PLC0415  # slow to import, and not always needed

        console = Console(stderr=True)
        with (
            _show_bar(console) if console.is_terminal or console.is_jupyter else _print_lines(console) as show
        ):
            yield show
    else:
        yield lambda _: None


@contextmanager
def _show_bar(console: "Console") -> Iterator[ProgressCallback]:
    from rich import progress as parts  # noqa: PLC0415

    columns = (
        parts.TextColumn("{task.description}", markup=False),
        parts.BarColumn(),
        parts.TaskProgressColumn(),
        parts.TimeElapsedColumn(),
        parts.TextColumn("{task.fields[left]}"),
    )
    with parts.Progress(*columns, console=console) as bar:
        task = bar.add_task("queued", total=1.0, left="")

        def show(progress: Progress) -> None:
            seconds_left = progress.eta_seconds
            bar.update(
                task,
                description=_describe_stage(progress),
                completed=progress.fraction,
                left="" if seconds_left is None else f"{seconds_left:.0f} s left",
            )

        yield show
        bar.update(task, description="done", completed=1.0, left="")


@contextmanager
def _print_lines(console: "Console") -> Iterator[ProgressCallback]:
    """Print one line per stage, so that logs do not get a line per step."""
    stage: str | None = None

    def show(progress: Progress) -> None:
        nonlocal stage
        if progress.stage not in (stage, None):
            stage = progress.stage
            line = f"{progress.fraction:4.0%}  {_describe_stage(progress)}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    yield show


def _describe_stage(progress: Progress) -> str:
    return ": ".join(word for word in (progress.stage or "queued", progress.message) if word)
