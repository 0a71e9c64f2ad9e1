"""The fronts as a picture: a panel per table, hold-out R² against the size of formulas."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

from tests.benchmarks.front.results import OPERON, OURS, read_front, read_r2
from tests.benchmarks.front.statistics import SIZES, Point, best_up_to, steps
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.rows import Measured

COLUMNS = 3
WIDTH_IN, PANEL_HEIGHT_IN = 11.0, 2.6
MOST_NODES = 62  # of the axis: formulas of up to 60 nodes, with a margin
LOWEST_R2 = -0.1  # of an axis: far worse than a constant is not drawn
ROOM = 0.06  # of the range of an axis, above and below
SMALLEST_RANGE = 0.1  # of R², between the ends of an axis
FRONTS = {OURS: ("ours", "#0072b2", "o"), OPERON: ("Operon", "#d55e00", "s")}  # Okabe and Ito's colours
LINES = {
    "accurate": ("accurate network", "#cc79a7", "-"),
    "compact": ("compact network", "#56b4e9", "--"),
    "EBM": ("EBM", "#009e73", "-."),
    "boosting": ("boosting", "#444444", ":"),
    "linear": ("linear", "#999999", (0, (1, 3))),
}


def draw_fronts(results: Measured, path: Path) -> None:
    """Write the picture; the suffix of the path decides its format."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [table.name for table in TABLES if any(row.work == table.name for row in results.rows)]
    rows = ceil((len(names) + 1) / COLUMNS)  # the last panel is the legend
    figure = Figure(figsize=(WIDTH_IN, rows * PANEL_HEIGHT_IN), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for name, panel in zip(names, panels, strict=False):
        _draw_panel(panel, results, name)
    for panel in panels[len(names) :]:
        panel.axis("off")
    _draw_legend(panels[len(names)])
    figure.supxlabel("nodes of the formula", fontsize=10)
    figure.supylabel("R² on the hold-out rows", fontsize=10)
    settings = {"svg.hashsalt": "front", "svg.fonttype": "none"}  # the same figures, the same file
    with mpl.rc_context(settings):
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_panel(panel: Any, results: Measured, name: str) -> None:
    r2_values: list[float] = []  # what the axis must show: a constant would leave little room for the others
    for method, (_, color, marker) in FRONTS.items():
        points = [point for point in read_front(results, name, method) or [] if point[0] <= MOST_NODES]
        front = steps(points)
        r2_values += [r2 for size in SIZES if (r2 := best_up_to(front, size)) is not None]
        _draw_front(panel, points, front, color, marker)
    for model, (_, color, style) in LINES.items():
        if (r2 := read_r2(results, name, model)) is not None:
            r2_values.append(r2)
            panel.axhline(r2, color=color, linestyle=style, linewidth=1.2, zorder=1)
    panel.set_title(name, fontsize=10)
    panel.set_xlim(0, MOST_NODES)
    panel.set_ylim(*_choose_range(r2_values))
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_front(panel: Any, points: list[Point], front: list[Point], color: str, marker: str) -> None:
    """All formulas as marks, and the best up to every size as steps."""
    panel.plot(*_coordinates(points), linestyle="", marker=marker, markersize=3.5, color=color, alpha=0.55)
    if front:
        nodes, r2 = _coordinates([*front, (MOST_NODES, front[-1][1])])
        panel.step(nodes, r2, where="post", color=color, linewidth=1.6)


def _coordinates(points: list[Point]) -> tuple[list[int], list[float]]:
    return [nodes for nodes, _ in points], [r2 for _, r2 in points]


def _choose_range(r2_values: list[float]) -> tuple[float, float]:
    low, high = max(min(r2_values, default=0.0), LOWEST_R2), max(r2_values, default=1.0)
    low = min(low, high - SMALLEST_RANGE)
    margin = ROOM * (high - low)
    return low - margin, high + margin


def _draw_legend(panel: Any) -> None:
    for text, color, marker in FRONTS.values():
        panel.plot(
            [], [], color=color, marker=marker, markersize=3.5, linewidth=1.6, label=f"formulas, {text}"
        )
    for text, color, style in LINES.values():
        panel.plot([], [], color=color, linestyle=style, linewidth=1.2, label=text)
    panel.legend(loc="center", fontsize=9, frameon=False)
