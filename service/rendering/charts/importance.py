"""Permutation importance of the features."""

from collections.abc import Mapping
from typing import Any

from service.rendering.charts.axes import Panel, Scale, fitted, stroke, text_width
from service.rendering.charts.chart_frame import Subject, footnote, headline
from service.rendering.svg import Theme, document, number, words
from service.rendering.translations import briefly

MOST = 30
BAR, GAP = 15.0, 8.0
ROOM, LONGEST = 380.0, 230.0


def draw_importance(importance: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw a bar per feature: the increase of the error when its values are shuffled among the rows.

    Args:
        importance: Result of ``worker.evaluation.permutation_importance``.
        subject: The model.
        theme: Colours and language.
    """
    features = [feature for feature in importance["features"] if feature["mean"] is not None]
    shown = features[:MOST]
    labels = [fitted(subject.label(feature["name"]), 12, LONGEST) for feature in shown]
    left = 24 + max((text_width(label, 12) for label in labels), default=0.0)
    width = left + ROOM + 74
    unit = subject.units.get(subject.target, "") if importance["metric"] == "rmse" else ""
    error = "RMSE" if importance["metric"] == "rmse" else "log loss"
    told = [
        theme.say(
            "{name}: the {metric} on {rows} is {error}.",
            name=subject.name, metric=error, rows=subject.rows(importance["rows"], theme),
            error=theme.written(briefly(importance["error"])) + (f" {unit}" if unit else ""),
        ),
        theme.say("Each bar is its increase when the values of that feature are shuffled."),
    ]  # fmt: skip
    head, top = headline(theme.say("Importance of the features"), told, width, theme)
    ends = [feature["mean"] + (feature["std"] or 0.0) for feature in shown]
    starts = [feature["mean"] - (feature["std"] or 0.0) for feature in shown]
    scale = Scale.over([0.0, *ends, *starts], room=0.02)
    panel = Panel(
        left=left, top=top + 12, width=ROOM, height=(BAR + GAP) * max(len(shown), 1) + GAP,
        x=Scale(0.0 if min([0.0, *starts]) >= 0 else scale.low, scale.high), y=Scale(0.0, 1.0),
        theme=theme, y_most=1,
    )  # fmt: skip
    notes, end = footnote(
        _notes(importance, len(features), len(shown), theme), panel.bottom + 40, width, theme
    )
    return document(
        width,
        end,
        title=theme.say(
            "Importance of the features of {name} for {target}", name=subject.name, target=subject.target
        ),
        description=" ".join([*told, "; ".join(_words(feature, theme) for feature in shown) + "."]),
        theme=theme,
        body=[
            *head,
            *panel.frame(
                theme.say("increase of the {metric}", metric=error) + (f" [{unit}]" if unit else ""),
                y_marks=False,
            ),
            *(
                line
                for place, (feature, label) in enumerate(zip(shown, labels, strict=True))
                for line in _bar(feature, label, place, panel)
            ),
            *notes,
        ],
    )


def _words(feature: Mapping[str, Any], theme: Theme) -> str:
    rise = f"{briefly(feature['mean'])} ± {briefly(feature['std'])}"
    return f"{feature['name']} {theme.written(rise)}"


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


def _bar(feature: Mapping[str, Any], label: str, place: int, panel: Panel) -> list[str]:
    theme, top = panel.theme, panel.top + GAP + (BAR + GAP) * place
    middle, zero, end = top + BAR / 2, panel.across(0.0), panel.across(feature["mean"])
    spread = feature["std"] or 0.0
    low, high = panel.across(feature["mean"] - spread), panel.across(feature["mean"] + spread)
    drawn = [words(label, panel.left - 8, middle + 4, size=12, anchor="end", fill=theme.ink)]
    start, long = min(zero, end), abs(end - zero)
    if long >= 0.05:
        drawn.append(
            f'<rect x="{number(start)}" y="{number(top)}" width="{number(long)}" height="{number(BAR)}" '
            f'fill="{theme.series[0]}" fill-opacity="0.8"/>'
        )
    if high - low > 1:
        path = f"M{number(low)},{number(middle)}H{number(high)}M{number(low)},{number(middle - 4)}v8"
        drawn.append(stroke(f"{path}M{number(high)},{number(middle - 4)}v8", theme.ink, width=1.2))
    told = theme.written(briefly(feature["mean"])) if feature["mean"] else "0"
    return [*drawn, words(told, max(high, end) + 7, middle + 4, size=11, fill=theme.quiet)]
