"""The errors of a model on labelled rows, evaluation by evaluation, against its error in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.svg import Theme, svg_document
from service.rendering.charts.axes import Panel, Scale, marks_width
from service.rendering.charts.chart_frame import (
    Subject,
    draw_headline,
    draw_legend,
    draw_lines,
    series_style,
)
from service.rendering.charts.chart_style import ChartStyle

Evaluation = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EvaluationLayout(ChartStyle):
    """Proportions of the plot of evaluations.

    Attributes:
        width, height: Of the chart, and of its panel.
        dot_radius: Of an evaluation.
    """

    width: float = 680.0
    height: float = 300.0
    dot_radius: float = 3.2


DEFAULT_LAYOUT = EvaluationLayout()


@dataclass(frozen=True)
class Series:
    """A line: the errors of a member by number of the evaluation, or its error in training."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    is_measured: bool


def draw_evaluations(
    evaluations: Sequence[Evaluation],
    subject: Subject,
    theme: Theme,
    *,
    layout: EvaluationLayout = DEFAULT_LAYOUT,
) -> str:
    """Draw the error of every evaluation, with the error in training as a line, for every member.

    Args:
        evaluations: Their results with ``by``, the oldest first; each has an error.
        subject: The model.
        theme: Colours and language.
    """
    series = _list_series(evaluations, theme)
    told = _describe(evaluations, subject, theme)
    head, top = draw_headline(theme.say("Error on labelled rows"), [told], layout.width, theme, layout)
    key, height = draw_legend([entry.name for entry in series], 70, top, layout.width - 90, theme, layout)
    y = Scale.from_values([0.0, *(value for entry in series for value in entry.y)])
    left = 42 + marks_width(y, 6, layout)
    panel = Panel(
        left=left, top=top + height + 14, width=layout.width - left - 24, height=layout.height,
        x=Scale.from_values(_find_ends(evaluations), room=0.02), y=y, theme=theme, style=layout,
        x_most=min(7, max(2, len(evaluations))),
    )  # fmt: skip
    metric = "log loss" if evaluations[0]["metric"] == "log_loss" else "RMSE"
    dots = [
        panel.draw_dots(entry.x, entry.y, colour=series_style(place, theme)[0], radius=layout.dot_radius)
        for place, entry in enumerate(series)
        if entry.is_measured
    ]
    return svg_document(
        layout.width,
        panel.bottom + 48,
        title=theme.say("Errors of {name} on labelled rows", name=subject.name),
        description=told,
        theme=theme,
        body=[
            *head,
            *key,
            *panel.draw_frame(theme.say("evaluation"), metric),
            *draw_lines(panel, ((entry.x, entry.y) for entry in series)),
            *dots,
        ],
    )


def _list_series(evaluations: Sequence[Evaluation], theme: Theme) -> list[Series]:
    """The errors of every member by number of the evaluation, and the line of its error in training."""
    names = {
        "accurate": theme.say("accurate network"),
        "compact": theme.say("compact network"),
        "formula": theme.say("formula"),
    }
    series = []
    for by in dict.fromkeys(entry["by"] for entry in evaluations):
        own = [(float(place), entry) for place, entry in enumerate(evaluations, 1) if entry["by"] == by]
        errors = [entry["error"] for _, entry in own]
        series.append(Series(names[by], [place for place, _ in own], errors, is_measured=True))
        if (expected := own[-1][1]["expected_error"]) is not None:
            name = theme.say("{member}, in training", member=names[by])
            series.append(Series(name, _find_ends(evaluations), [expected, expected], is_measured=False))
    return series


def _find_ends(evaluations: Sequence[Evaluation]) -> list[float]:
    return [1.0, float(max(2, len(evaluations)))]


def _describe(evaluations: Sequence[Evaluation], subject: Subject, theme: Theme) -> str:
    last = evaluations[-1]
    told = theme.say(
        "{name}: {count} evaluations, the last with an error of {error} on {rows} rows.",
        name=subject.name, count=len(evaluations), error=last["error"], rows=last["rows"],
    )  # fmt: skip
    if last["expected_error"] is None:
        return told
    return f"{told} " + theme.say("In training it was {error}.", error=last["expected_error"])
