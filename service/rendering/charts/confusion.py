"""The confusion matrix of a classifier."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from kan_engine.drawing.fitted_text import fit_label, text_width
from kan_engine.drawing.labels import format_label
from kan_engine.drawing.svg import Theme, replace_invalid
from service.rendering.charts.chart_frame import Chart
from service.rendering.charts.model_numbers import Subject

MIN_CELL_SIDE, MAX_CELL_SIDE = 14.0, 66.0
MIN_COUNTED_SIDE = 26.0  # of a cell that shows its count
MAX_NAME_WIDTH = 150.0
MAX_MATRIX_SIDE = 560.0  # unless the cells have their minimum side


def draw_confusion(figures: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw a row per true class and a column per predicted class. The colour is the share of the row.

    Args:
        figures: ``confusion`` of a classifier, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    classes: list[str] = figures["confusion"]["classes"]
    counts: list[list[int]] = figures["confusion"]["counts"]
    side = max(MIN_CELL_SIDE, min(MAX_CELL_SIDE, MAX_MATRIX_SIDE / len(classes)))
    size = min(12.0, max(8.0, side - 3))
    labels = [replace_invalid(fit_label(name, MAX_NAME_WIDTH, size)) for name in classes]
    longest = max(text_width(label, size) for label in labels)
    notes = _summarise_counts(classes, counts, subject, theme)
    remark = theme.say(
        "The colour of a cell shows its share of the row; the diagonal has the correct predictions."
    )
    extent = side * len(classes)
    chart = Chart(
        theme.say("Confusion matrix"), notes, width=max(extent + longest + 80, 380.0),
        height=extent + longest + 104, theme=theme, remarks=[remark],
    )  # fmt: skip
    (axes,) = chart.make_axes()
    _draw_cells(axes, counts, min(13.0, side / 2.2) if side >= MIN_COUNTED_SIDE else 0.0, theme)
    places, is_wide = np.arange(len(classes)) + 0.5, longest > side - 6
    axes.set_yticks(places, labels, size=size, color=theme.ink)
    axes.set_xticks(places, labels, size=size, color=theme.ink, rotation=90 if is_wide else 0)
    axes.tick_params(length=0)
    chart.label(axes, theme.say("predicted class"), theme.say("true class"))
    return chart.write(
        title=theme.say("Confusion matrix of {name} for {target}", name=subject.name, target=subject.target),
        description=" ".join(notes),
    )


def _summarise_counts(
    classes: list[str], counts: list[list[int]], subject: Subject, theme: Theme
) -> list[str]:
    total, right = sum(map(sum, counts)), sum(counts[place][place] for place in range(len(classes)))
    notes = [
        theme.say(
            "{name}, {rows}: {right} classified correctly ({percent} %).",
            name=subject.name, rows=subject.format_row_count(total, theme),
            right=right, percent=100 * right / total,
        )
        if total
        else f"{subject.name}, {subject.format_row_count(0, theme)}."
    ]  # fmt: skip
    wrong = [
        (counts[t][d], classes[t], classes[d])
        for t in range(len(classes))
        for d in range(len(classes))
        if t != d and counts[t][d]
    ]
    if wrong:
        count, true, prediction = max(wrong, key=lambda entry: entry[0])
        notes.append(
            theme.say(
                "Most frequent error, {count} times: {true} predicted as {decided}.",
                count=count, true=format_label(true, {}), decided=format_label(prediction, {}),
            )
        )  # fmt: skip
    return notes


def _draw_cells(axes: Axes, counts: list[list[int]], size: float, theme: Theme) -> None:
    """Draw the cells, with their counts unless ``size`` of the text is 0."""
    cells = np.array(counts, dtype=float)
    # Shares of each true class; a class without rows has only zeros, and must not divide by 0
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1.0)
    colours = LinearSegmentedColormap.from_list("share", [theme.paper, theme.spline])
    axes.pcolormesh(shares, cmap=colours, vmin=0.0, vmax=1.0, edgecolors=theme.grid, linewidth=1.0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    # Zeros stay blank, so that errors are easy to see
    for row, column in zip(*np.nonzero(cells if size else [[]]), strict=True):
        axes.text(
            column + 0.5, row + 0.5, f"{counts[row][column]}", ha="center", va="center", size=size,
            color=theme.paper if shares[row, column] > 0.5 else theme.ink,
        )  # fmt: skip
