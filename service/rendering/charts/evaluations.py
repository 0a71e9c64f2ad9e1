"""The errors of a model on labelled rows, evaluation by evaluation, against its error in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.svg import Theme
from service.errors import Conflict
from service.rendering.charts.chart_frame import Chart, draw_dots, draw_series, series_colour
from service.rendering.charts.model_numbers import ModelNumbers, Subject
from service.rendering.charts.tick_formats import format_ticks

Evaluation = Mapping[str, Any]


WIDTH, HEIGHT, DOT_RADIUS = 680.0, 370.0, 3.2


@dataclass(frozen=True)
class Series:
    """A line: the errors of a member by number of the evaluation, or its error in training."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    is_measured: bool


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw the error of every evaluation, with the error in training as a line, for every member.

    Args:
        numbers: With results of evaluations and ``by``.
        subject: The model.
        theme: Colours and language.

    Raises:
        Conflict: The model has no evaluation with an error.
    """
    evaluations = numbers.evaluations
    if not evaluations:
        detail = f"model {numbers.model_id} has no evaluation with an error"
        raise Conflict("no_evaluations", f"{detail}; POST /models/{{id}}/evaluate makes one")
    series = _list_series(evaluations, theme)
    description = _describe(evaluations, subject, theme)
    chart = Chart(theme.say("Error on labelled rows"), [description], width=WIDTH, height=HEIGHT, theme=theme)
    (axes,) = chart.make_axes()
    lines = [draw_series(axes, entry.x, entry.y, theme, place) for place, entry in enumerate(series)]
    for place, entry in enumerate(series):
        if entry.is_measured:
            draw_dots(axes, entry.x, entry.y, colour=series_colour(place, theme), radius=DOT_RADIUS)
    axes.set_ylim(0.0, axes.get_ylim()[1])
    format_ticks(axes.xaxis, theme, is_whole=True)
    metric = "log loss" if evaluations[0]["metric"] == "log_loss" else "RMSE"
    chart.label(axes, theme.say("evaluation"), metric)
    chart.add_legend(axes, [entry.name for entry in series], lines)
    return chart.write(
        title=theme.say("Errors of {name} on labelled rows", name=subject.name), description=description
    )


def _list_series(evaluations: Sequence[Evaluation], theme: Theme) -> list[Series]:
    """The errors of every member by number of the evaluation, and the line of its error in training."""
    names = {
        "accurate": theme.say("accurate network"),
        "compact": theme.say("compact network"),
        "formula": theme.say("formula"),
        "linear": theme.say("linear model"),
    }
    series = []
    for by in dict.fromkeys(entry["by"] for entry in evaluations):
        points = [(float(place), entry) for place, entry in enumerate(evaluations, 1) if entry["by"] == by]
        errors = [entry["error"] for _, entry in points]
        series.append(Series(names[by], [place for place, _ in points], errors, is_measured=True))
        if (level := points[-1][1]["expected_error"]) is not None:
            name = theme.say("{member}, in training", member=names[by])
            series.append(Series(name, _find_ends(evaluations), [level, level], is_measured=False))
    return series


def _find_ends(evaluations: Sequence[Evaluation]) -> list[float]:
    return [1.0, float(max(2, len(evaluations)))]


def _describe(evaluations: Sequence[Evaluation], subject: Subject, theme: Theme) -> str:
    newest_entry = evaluations[-1]
    text = theme.say(
        "{name}: {count} evaluations, the last with an error of {error} on {rows} rows.",
        name=subject.name, count=len(evaluations), error=newest_entry["error"], rows=newest_entry["rows"],
    )  # fmt: skip
    if newest_entry["expected_error"] is None:
        return text
    return f"{text} " + theme.say("In training it was {error}.", error=newest_entry["expected_error"])
