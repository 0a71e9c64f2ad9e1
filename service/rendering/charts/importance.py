"""Permutation importance of the features."""

from collections.abc import Mapping
from typing import Any

from kan_engine.drawing.fitted_text import fit_label
from kan_engine.drawing.svg import Theme, replace_invalid
from kan_engine.drawing.translations import format_number
from service.rendering.charts.chart_frame import Chart, to_array
from service.rendering.charts.model_numbers import ModelNumbers, Subject

MAX_FEATURES = 30  # the most important ones are drawn
WIDTH, BAR_HEIGHT, BAR_SHARE, MAX_NAME_WIDTH = 620.0, 23.0, 0.65, 230.0


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw a bar per feature: the increase of the error when its values are shuffled among the rows.

    Args:
        numbers: With ``importance``, the result of ``kan_engine.assessment.permutation_importance``.
        subject: The model.
        theme: Colours and language.

    Raises:
        Conflict: The model has no features.
    """
    importance = numbers.target_figures["importance"]
    features = [feature for feature in importance["features"] if feature["mean"] is not None]
    drawn_features = features[:MAX_FEATURES]
    unit = subject.units.get(subject.target, "") if importance["metric"] == "rmse" else ""
    error = "RMSE" if importance["metric"] == "rmse" else "log loss"
    notes = [
        theme.say(
            "{name}: the {metric} on {rows} is {error}.",
            name=subject.name, metric=error, rows=subject.format_row_count(importance["rows"], theme),
            error=theme.localise_number(format_number(importance["error"])) + (f" {unit}" if unit else ""),
        ),
        theme.say("Each bar is its increase when the values of that feature are shuffled."),
    ]  # fmt: skip
    chart = Chart(
        theme.say("Importance of the features"), notes,
        width=WIDTH, height=60 + BAR_HEIGHT * max(len(drawn_features), 1), theme=theme,
        remarks=_notes(importance, len(features), len(drawn_features), theme),
    )  # fmt: skip
    (axes,) = chart.make_axes()
    places, means = range(len(drawn_features)), to_array([feature["mean"] for feature in drawn_features])
    spreads = to_array([feature["std"] or 0.0 for feature in drawn_features])
    axes.barh(places, means, BAR_SHARE, color=theme.series[0], alpha=0.8, gid="bars")
    axes.errorbar(means, places, xerr=spreads, fmt="none", ecolor=theme.ink, elinewidth=1.2, capsize=4)
    for place, mean, spread in zip(places, means, spreads, strict=True):
        axes.annotate(
            theme.localise_number(format_number(mean)), (mean + spread, place), xytext=(7, 0),
            textcoords="offset points", va="center", size=11, color=theme.quiet,
        )  # fmt: skip
    labels = [fit_label(subject.label(feature["name"]), MAX_NAME_WIDTH, 12) for feature in drawn_features]
    axes.set_yticks(places, map(replace_invalid, labels), size=12, color=theme.ink)
    axes.set_ylim(len(drawn_features) - 0.5, -0.5)
    axes.tick_params("y", length=0)
    axes.grid(visible=False, axis="y")
    chart.label(axes, theme.say("increase of the {metric}", metric=error) + (f" [{unit}]" if unit else ""))
    return chart.write(
        title=theme.say(
            "Importance of the features of {name} for {target}", name=subject.name, target=subject.target
        ),
        description=" ".join(
            [*notes, "; ".join(_describe_feature(feature, theme) for feature in drawn_features) + "."]
        ),
    )


def _describe_feature(feature: Mapping[str, Any], theme: Theme) -> str:
    rise = f"{format_number(feature['mean'])} ± {format_number(feature['std'])}"
    return f"{feature['name']} {theme.localise_number(rise)}"


def _notes(importance: Mapping[str, Any], total: int, count: int, theme: Theme) -> list[str]:
    shuffles = importance["shuffles"]
    notes = [theme.say("Thin lines: one standard deviation over {count} shuffles.", count=shuffles)]
    if total > count:
        notes.append(
            theme.say("The {shown} most important of {all} features are drawn.", shown=count, all=total)
        )
    if importance["left_out"]:
        notes.append(theme.say("{count} features were not evaluated.", count=importance["left_out"]))
    return notes
