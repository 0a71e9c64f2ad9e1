"""The loss during training, or the error during the solution of equations, by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from service.errors import Conflict
from service.rendering.charts.chart_frame import Chart, draw_series, use_log_axis
from service.rendering.charts.model_numbers import ModelNumbers, Subject
from service.rendering.charts.tick_formats import format_ticks

WIDTH, HEIGHT = 680.0, 400.0
MIN_LABEL_SPACING = 0.06  # share of the axis; grid refinements closer than this get a line without a label


@dataclass(frozen=True)
class HistoryTexts:
    """The texts of a history chart.

    Attributes:
        name: Key of the values in the history.
        values: Name of the curve; ``unit`` is the label of its axis.
        told: A sentence with the first and the last value.
    """

    name: str
    heading: str
    title: str
    values: str
    unit: str
    told: str


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw training and validation loss per step on a logarithmic axis, with the steps that refined the grid.

    Args:
        numbers: With ``step``, ``grid``, ``loss`` (of equations: ``error``) and ``validation_loss`` of the
            steps, in order.
        subject: The model.
        theme: Colours and language.

    Raises:
        Conflict: The model has no recorded steps.
    """
    history = [entry for entry in numbers.history if entry.get("loss", entry.get("error")) is not None]
    if not history:
        detail = f"model {numbers.model_id} has no recorded training steps; train a network to record them"
        raise Conflict("no_history", detail)
    steps = [float(entry["step"]) for entry in history]
    if any(b <= a for a, b in pairwise(steps)):
        steps = [float(place) for place in range(len(history))]  # steps restart in every round of training
    course = (_equation_texts if "error" in history[0] else _training_texts)(history, subject, theme)
    losses: dict[str, list[Any]] = {
        course.values: [entry.get(course.name) for entry in history],
        theme.say("validation loss"): [entry.get("validation_loss") for entry in history],
    }
    curves = {name: values for name, values in losses.items() if any(value for value in values)}
    description = _describe_history(history, course, subject, theme)
    chart = Chart(course.heading, [description], width=WIDTH, height=HEIGHT, theme=theme)
    (axes,) = chart.make_axes()
    use_log_axis(axes, [value for values in curves.values() for value in values], theme)
    lines = [draw_series(axes, steps, values, theme, place) for place, values in enumerate(curves.values())]
    if len(steps) == 1:
        axes.set_xlim(steps[0] - 1, steps[0] + 1)
    format_ticks(axes.xaxis, theme, is_whole=True)
    _draw_refinements(history, steps, axes, theme)
    chart.label(axes, theme.say("step"), course.unit)
    chart.add_legend(axes, list(curves), lines)
    return chart.write(title=course.title, description=description)


def _training_texts(history: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> HistoryTexts:
    start, end = history[0]["loss"], history[-1]["loss"]
    return HistoryTexts(
        name="loss",
        heading=theme.say("Loss during training"),
        title=theme.say("Loss during the training of {name}", name=subject.name),
        values=theme.say("training loss"),
        unit=theme.say("loss"),
        told=theme.say(
            "the training loss went from {first} to {last} in {count} recorded steps",
            first=start, last=end, count=len(history),
        )
        if len(history) > 1
        else theme.say("the training loss was {last} after the only recorded step", last=end),
    )  # fmt: skip


def _equation_texts(history: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> HistoryTexts:
    start, end = history[0]["error"], history[-1]["error"]
    return HistoryTexts(
        name="error",
        heading=theme.say("Error during the solution of the equations"),
        title=theme.say("Error during the solution of the equations of {name}", name=subject.name),
        values=theme.say("error of the solution"),
        unit=theme.say("error"),
        told=theme.say(
            "the error went from {first} to {last} in {count} steps",
            first=start, last=end, count=len(history),
        )
        if len(history) > 1
        else theme.say("the error was {last} after the only step", last=end),
    )  # fmt: skip


def _describe_history(
    history: Sequence[Mapping[str, Any]], course: HistoryTexts, subject: Subject, theme: Theme
) -> str:
    grids = list(dict.fromkeys(str(entry["grid"]) for entry in history))
    losses = [entry["validation_loss"] for entry in history if entry.get("validation_loss") is not None]
    sentences = [f"{subject.name}: {course.told}."]
    if losses:
        sentences.append(theme.say("The lowest validation loss was {best}.", best=min(losses)))
    refinement = theme.say("The grid was refined: G = {grids}.", grids=", ".join(grids))
    return " ".join([*sentences, refinement if len(grids) > 1 else f"G = {grids[0]}."])


def _draw_refinements(
    history: Sequence[Mapping[str, Any]], steps: Sequence[float], axes: Axes, theme: Theme
) -> None:
    """Draw a line where the grid was refined, with the new number of intervals."""
    start, end = axes.get_xlim()
    label_share = -1.0
    for step, before, entry in zip(steps[1:], history, history[1:], strict=False):
        if entry["grid"] == before["grid"]:
            continue
        axes.axvline(step, color=theme.line, linestyle=(0, (3, 3)), linewidth=1.0)
        share = (step - start) / (end - start)
        if share - label_share > MIN_LABEL_SPACING:
            label_share = share
            axes.annotate(
                f"G = {entry['grid']}", (step, 1), xycoords=axes.get_xaxis_transform(), xytext=(3, -3),
                textcoords="offset points", va="top", color=theme.quiet,
            )  # fmt: skip
