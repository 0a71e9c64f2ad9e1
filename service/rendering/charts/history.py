"""The loss during training, or the error during the solution of equations, by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kan_engine.drawing.svg import Theme, number, svg_document, text_element
from service.rendering.charts.axes import Panel, Scale, draw_path, marks_width
from service.rendering.charts.chart_frame import Subject, draw_headline, draw_legend, draw_lines
from service.rendering.charts.chart_style import ChartStyle


@dataclass(frozen=True, kw_only=True)
class HistoryLayout(ChartStyle):
    """Proportions of the plot of a history.

    Attributes:
        width, height: Of the chart, and of its panel.
        min_label_spacing: Grid refinements closer than this get a line without a label.
    """

    width: float = 680.0
    height: float = 330.0
    min_label_spacing: float = 34.0


DEFAULT_LAYOUT = HistoryLayout()


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


def draw_history(
    history: Sequence[Mapping[str, Any]],
    subject: Subject,
    theme: Theme,
    *,
    layout: HistoryLayout = DEFAULT_LAYOUT,
) -> str:
    """Draw training and validation loss per step on a logarithmic axis, with the steps that refined the grid.

    Args:
        history: ``step``, ``grid``, ``loss`` (of equations: ``error``) and ``validation_loss`` of the steps,
            in order.
        subject: The model.
        theme: Colours and language.
    """
    steps = [float(entry["step"]) for entry in history]
    if any(b <= a for a, b in pairwise(steps)):
        steps = [float(place) for place in range(len(history))]  # steps restart in every round of training
    course = (_equation_texts if "error" in history[0] else _training_texts)(history, subject, theme)
    losses = {
        course.values: [entry.get(course.name) for entry in history],
        theme.say("validation loss"): [entry.get("validation_loss") for entry in history],
    }
    shown = {name: values for name, values in losses.items() if any(value for value in values)}
    told = _describe_history(history, course, subject, theme)
    head, top = draw_headline(course.heading, [told], layout.width, theme, layout)
    key, height = draw_legend(list(shown), 70, top, layout.width - 90, theme, layout)
    y = Scale.from_values([value for values in shown.values() for value in values], is_log=True)
    left = 42 + marks_width(y, 6, layout)
    panel = Panel(
        left=left, top=top + height + 22, width=layout.width - left - 24, height=layout.height,
        x=Scale.from_values(steps, room=0.02), y=y, theme=theme, style=layout,
        x_most=min(7, max(2, len(steps))),
    )  # fmt: skip
    return svg_document(
        layout.width,
        panel.bottom + 48,
        title=course.title,
        description=told,
        theme=theme,
        body=[
            *head,
            *key,
            *panel.draw_frame(theme.say("step"), course.unit),
            *_draw_refinements(history, steps, panel, layout),
            *draw_lines(panel, ((steps, values) for values in shown.values())),
        ],
    )


def _training_texts(history: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> HistoryTexts:
    first, last = history[0]["loss"], history[-1]["loss"]
    return HistoryTexts(
        name="loss",
        heading=theme.say("Loss during training"),
        title=theme.say("Loss during the training of {name}", name=subject.name),
        values=theme.say("training loss"),
        unit=theme.say("loss"),
        told=theme.say(
            "the training loss went from {first} to {last} in {count} recorded steps",
            first=first, last=last, count=len(history),
        )
        if len(history) > 1
        else theme.say("the training loss was {last} after the only recorded step", last=last),
    )  # fmt: skip


def _equation_texts(history: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> HistoryTexts:
    first, last = history[0]["error"], history[-1]["error"]
    return HistoryTexts(
        name="error",
        heading=theme.say("Error during the solution of the equations"),
        title=theme.say("Error during the solution of the equations of {name}", name=subject.name),
        values=theme.say("error of the solution"),
        unit=theme.say("error"),
        told=theme.say(
            "the error went from {first} to {last} in {count} steps",
            first=first, last=last, count=len(history),
        )
        if len(history) > 1
        else theme.say("the error was {last} after the only step", last=last),
    )  # fmt: skip


def _describe_history(
    history: Sequence[Mapping[str, Any]], course: HistoryTexts, subject: Subject, theme: Theme
) -> str:
    grids = list(dict.fromkeys(str(entry["grid"]) for entry in history))
    valued = [entry["validation_loss"] for entry in history if entry.get("validation_loss") is not None]
    told = [f"{subject.name}: {course.told}."]
    if valued:
        told.append(theme.say("The lowest validation loss was {best}.", best=min(valued)))
    refined = theme.say("The grid was refined: G = {grids}.", grids=", ".join(grids))
    return " ".join([*told, refined if len(grids) > 1 else f"G = {grids[0]}."])


def _draw_refinements(
    history: Sequence[Mapping[str, Any]], steps: Sequence[float], panel: Panel, layout: HistoryLayout
) -> list[str]:
    """Draw a line where the grid was refined, with the new number of intervals."""
    drawn: list[str] = []
    labelled = 0.0
    for step, before, entry in zip(steps[1:], history, history[1:], strict=False):
        if entry["grid"] == before["grid"]:
            continue
        x = panel.to_x(step)
        drawn.append(
            draw_path(f"M{number(x)},{number(panel.top)}V{number(panel.bottom)}", panel.theme.line, "3 3", 1)
        )
        if x - labelled > layout.min_label_spacing:
            labelled = x
            label = f"G = {entry['grid']}"
            drawn.append(
                text_element(label, x, panel.top - 5, size=10, anchor="middle", fill=panel.theme.quiet)
            )
    return drawn
