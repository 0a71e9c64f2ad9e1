"""The confusion matrix of a classifier."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.labels import format_label
from kan_engine.drawing.svg import Theme, escape_text, number, svg_document, text_element
from service.rendering.charts.axes import shorten_text, text_width
from service.rendering.charts.chart_frame import Subject, draw_footnote, draw_headline
from service.rendering.charts.chart_style import ChartStyle


@dataclass(frozen=True, kw_only=True)
class ConfusionLayout(ChartStyle):
    """Proportions of a confusion matrix.

    Attributes:
        min_cell_side, max_cell_side: Bounds of the side of a cell.
        min_counted_side: Of a cell that shows its count.
        max_name_width: Of the name of a class.
        max_matrix_side: Unless the cells have their minimum side.
        slant_degrees, steep_degrees: Angle of names that are wider than their columns, and
            steeper for columns below 20 pixels, so that the names do not overlap.
    """

    min_cell_side: float = 14.0
    max_cell_side: float = 66.0
    min_counted_side: float = 26.0
    max_name_width: float = 150.0
    max_matrix_side: float = 560.0
    slant_degrees: int = -40
    steep_degrees: int = -65


DEFAULT_LAYOUT = ConfusionLayout()


def draw_confusion(
    figures: Mapping[str, Any], subject: Subject, theme: Theme, *, layout: ConfusionLayout = DEFAULT_LAYOUT
) -> str:
    """Draw a row per true class and a column per predicted class. Opacity is the share of the row.

    Args:
        figures: ``confusion`` of a classifier, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    classes: list[str] = figures["confusion"]["classes"]
    counts: list[list[int]] = figures["confusion"]["counts"]
    side = max(layout.min_cell_side, min(layout.max_cell_side, layout.max_matrix_side / len(classes)))
    size = min(12.0, max(8.0, side - 3))
    labels = [shorten_text(name, size, layout.max_name_width) for name in classes]
    longest = max(text_width(label, size) for label in labels)
    left = 44 + longest
    is_slanted = longest > side - 6
    above = 34 + (longest * (0.68 if side >= 20 else 0.95) if is_slanted else 8)
    reach = longest * 0.78 if is_slanted else 0.0
    width = max(left + side * len(classes) + max(24.0, reach), 380.0)
    told = _summarise_counts(classes, counts, subject, theme)
    head, top = draw_headline(theme.say("Confusion matrix"), told, width, theme, layout)
    body = [*head, *_draw_names(labels, left, top + above, side, size, theme, layout, is_slanted=is_slanted)]
    body += _draw_cells(classes, counts, (left, top + above), side, theme, layout)
    bottom = top + above + side * len(classes)
    centre, middle = left + side * len(classes) / 2, top + above + side * len(classes) / 2
    body.append(
        text_element(
            theme.say("predicted class"), centre, top + 16, size=11, anchor="middle", fill=theme.quiet
        )
    )
    body.append(
        text_element(
            theme.say("true class"),
            layout.margin + 8,
            middle,
            size=11,
            anchor="middle",
            fill=theme.quiet,
            turn=-90,
        )
    )
    notes, end = draw_footnote(
        [
            theme.say(
                "The colour of a cell shows its share of the row; the diagonal has the correct predictions."
            )
        ],
        bottom + 6,
        width,
        theme,
        layout,
    )
    return svg_document(
        width,
        end,
        title=theme.say("Confusion matrix of {name} for {target}", name=subject.name, target=subject.target),
        description=" ".join(told),
        theme=theme,
        body=[*body, *notes],
    )


def _summarise_counts(
    classes: list[str], counts: list[list[int]], subject: Subject, theme: Theme
) -> list[str]:
    total, right = sum(map(sum, counts)), sum(counts[place][place] for place in range(len(classes)))
    told = [
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
        count, true, decided = max(wrong, key=lambda entry: entry[0])
        told.append(
            theme.say(
                "Most frequent error, {count} times: {true} predicted as {decided}.",
                count=count, true=format_label(true, {}), decided=format_label(decided, {}),
            )
        )  # fmt: skip
    return told


def _draw_names(
    labels: list[str],
    left: float,
    top: float,
    side: float,
    size: float,
    theme: Theme,
    layout: ConfusionLayout,
    *,
    is_slanted: bool,
) -> Iterator[str]:
    slant = layout.slant_degrees if side >= 20 else layout.steep_degrees
    for place, label in enumerate(labels):
        at = side * (place + 0.5)
        yield text_element(label, left - 8, top + at + size / 3, size=size, anchor="end", fill=theme.ink)
        if is_slanted:
            yield text_element(label, left + at + 2, top - 8, size=size, fill=theme.ink, turn=slant)
        else:
            yield text_element(label, left + at, top - 8, size=size, anchor="middle", fill=theme.ink)


def _draw_cells(
    classes: list[str],
    counts: list[list[int]],
    corner: tuple[float, float],
    side: float,
    theme: Theme,
    layout: ConfusionLayout,
) -> Iterator[str]:
    for t, row in enumerate(counts):
        total = sum(row)
        for d, count in enumerate(row):
            share = count / total if total else 0.0
            x, y = corner[0] + side * d, corner[1] + side * t
            told = theme.say(
                "{true}, predicted as {decided}: {count} of {all}",
                true=classes[t], decided=classes[d], count=count, all=total,
            )  # fmt: skip
            fill = f'{theme.spline}" fill-opacity="{0.06 + 0.9 * share:.2f}' if share else theme.paper
            yield (
                f"<g><title>{escape_text(told)}</title>"
                f'<rect x="{number(x)}" y="{number(y)}" width="{number(side)}" height="{number(side)}" '
                f'stroke="{theme.grid}" fill="{fill}"/>'
            )
            if side >= layout.min_counted_side and count:
                ink = theme.paper if share > 0.5 else theme.ink
                size = min(13.0, side / (0.72 * max(3, len(str(count)))))
                yield text_element(
                    str(count), x + side / 2, y + side / 2 + size / 3, size=size, anchor="middle", fill=ink
                )
            yield "</g>"
