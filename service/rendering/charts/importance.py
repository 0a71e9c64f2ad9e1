"""Permutation importance of the features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.svg import Theme, number, svg_document, text_element
from kan_engine.drawing.translations import format_number
from service.rendering.charts.axes import Panel, Scale, draw_path, shorten_text, text_width
from service.rendering.charts.chart_frame import Subject, draw_footnote, draw_headline
from service.rendering.charts.chart_style import ChartStyle


@dataclass(frozen=True, kw_only=True)
class ImportanceLayout(ChartStyle):
    """Proportions of the bars of the features.

    Attributes:
        max_features: The most important ones are drawn.
        bar_height, bar_gap: Height of a bar, and the gap to the next one.
        panel_width: Of the panel.
        max_name_width: Of the name of a feature.
    """

    max_features: int = 30
    bar_height: float = 15.0
    bar_gap: float = 8.0
    panel_width: float = 380.0
    max_name_width: float = 230.0


DEFAULT_LAYOUT = ImportanceLayout()


def draw_importance(
    importance: Mapping[str, Any],
    subject: Subject,
    theme: Theme,
    *,
    layout: ImportanceLayout = DEFAULT_LAYOUT,
) -> str:
    """Draw a bar per feature: the increase of the error when its values are shuffled among the rows.

    Args:
        importance: Result of ``worker.evaluation.permutation_importance``.
        subject: The model.
        theme: Colours and language.
    """
    features = [feature for feature in importance["features"] if feature["mean"] is not None]
    shown = features[: layout.max_features]
    labels = [shorten_text(subject.label(feature["name"]), 12, layout.max_name_width) for feature in shown]
    left = 24 + max((text_width(label, 12) for label in labels), default=0.0)
    width = left + layout.panel_width + 74
    unit = subject.units.get(subject.target, "") if importance["metric"] == "rmse" else ""
    error = "RMSE" if importance["metric"] == "rmse" else "log loss"
    told = [
        theme.say(
            "{name}: the {metric} on {rows} is {error}.",
            name=subject.name, metric=error, rows=subject.format_row_count(importance["rows"], theme),
            error=theme.localise_number(format_number(importance["error"])) + (f" {unit}" if unit else ""),
        ),
        theme.say("Each bar is its increase when the values of that feature are shuffled."),
    ]  # fmt: skip
    head, top = draw_headline(theme.say("Importance of the features"), told, width, theme, layout)
    ends = [feature["mean"] + (feature["std"] or 0.0) for feature in shown]
    starts = [feature["mean"] - (feature["std"] or 0.0) for feature in shown]
    scale = Scale.from_values([0.0, *ends, *starts], room=0.02)
    panel = Panel(
        left=left, top=top + 12,
        width=layout.panel_width,
        height=(layout.bar_height + layout.bar_gap) * max(len(shown), 1) + layout.bar_gap,
        x=Scale(0.0 if min([0.0, *starts]) >= 0 else scale.low, scale.high), y=Scale(0.0, 1.0),
        theme=theme, style=layout, y_most=1,
    )  # fmt: skip
    notes, end = draw_footnote(
        _notes(importance, len(features), len(shown), theme), panel.bottom + 40, width, theme, layout
    )
    return svg_document(
        width,
        end,
        title=theme.say(
            "Importance of the features of {name} for {target}", name=subject.name, target=subject.target
        ),
        description=" ".join(
            [*told, "; ".join(_describe_feature(feature, theme) for feature in shown) + "."]
        ),
        theme=theme,
        body=[
            *head,
            *panel.draw_frame(
                theme.say("increase of the {metric}", metric=error) + (f" [{unit}]" if unit else ""),
                y_marks=False,
            ),
            *(
                line
                for place, (feature, label) in enumerate(zip(shown, labels, strict=True))
                for line in _draw_bar(feature, label, place, panel, layout)
            ),
            *notes,
        ],
    )


def _describe_feature(feature: Mapping[str, Any], theme: Theme) -> str:
    rise = f"{format_number(feature['mean'])} ± {format_number(feature['std'])}"
    return f"{feature['name']} {theme.localise_number(rise)}"


def _notes(importance: Mapping[str, Any], known: int, shown: int, theme: Theme) -> list[str]:
    shuffles = importance["shuffles"]
    notes = [theme.say("Thin lines: one standard deviation over {count} shuffles.", count=shuffles)]
    if known > shown:
        notes.append(
            theme.say("The {shown} most important of {all} features are drawn.", shown=shown, all=known)
        )
    if importance["left_out"]:
        notes.append(theme.say("{count} features were not evaluated.", count=importance["left_out"]))
    return notes


def _draw_bar(
    feature: Mapping[str, Any], label: str, place: int, panel: Panel, layout: ImportanceLayout
) -> list[str]:
    theme, top = panel.theme, panel.top + layout.bar_gap + (layout.bar_height + layout.bar_gap) * place
    middle, zero, end = top + layout.bar_height / 2, panel.to_x(0.0), panel.to_x(feature["mean"])
    spread = feature["std"] or 0.0
    low, high = panel.to_x(feature["mean"] - spread), panel.to_x(feature["mean"] + spread)
    drawn = [text_element(label, panel.left - 8, middle + 4, size=12, anchor="end", fill=theme.ink)]
    start, long = min(zero, end), abs(end - zero)
    if long >= 0.05:
        drawn.append(
            f'<rect x="{number(start)}" y="{number(top)}" width="{number(long)}" '
            f'height="{number(layout.bar_height)}" fill="{theme.series[0]}" fill-opacity="0.8"/>'
        )
    if high - low > 1:
        path = f"M{number(low)},{number(middle)}H{number(high)}M{number(low)},{number(middle - 4)}v8"
        drawn.append(draw_path(f"{path}M{number(high)},{number(middle - 4)}v8", theme.ink, width=1.2))
    told = theme.localise_number(format_number(feature["mean"])) if feature["mean"] else "0"
    return [*drawn, text_element(told, max(high, end) + 7, middle + 4, size=11, fill=theme.quiet)]
