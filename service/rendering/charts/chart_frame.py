"""The frame of a chart: its title, notes, legend, and the style of its axes."""

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from kan_engine.drawing.fitted_text import fit_label, text_width, wrap_sentences
from kan_engine.drawing.svg import DASHES, Theme, replace_invalid
from service.rendering.charts.svg_output import write_svg
from service.rendering.charts.tick_formats import format_log_ticks, format_ticks

MARGIN, TITLE_SIZE, NOTE_SIZE, LABEL_SIZE, LINE_HEIGHT = 16.0, 15.0, 11.5, 11.0, 16.0
LEGEND_NAME_WIDTH = 300.0
MAX_MAGNITUDE = 1e140  # of a shown value, so that squares and ratios stay finite
# Colours depend on the theme of the picture, so the axes get them one by one.
matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "kan-service",  # equal input gives equal bytes
        "text.parse_math": False,  # a column may be called "$x$"
        "font.family": "DejaVu Sans",  # it comes with Matplotlib, and is wide: other fonts fit into its room
        "font.size": 10.0,
        "axes.labelsize": LABEL_SIZE,
        "axes.titlesize": 12.0,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.linewidth": 1.0,
        "lines.linewidth": 1.8,
        "lines.scale_dashes": False,
        "legend.fontsize": NOTE_SIZE,
        "legend.frameon": False,
        "legend.handlelength": 2.6,
    }
)
# Readers have fonts for characters that the font of the layout lacks, such as Chinese.
warnings.filterwarnings("ignore", "Glyph .* missing from font")
Value = float | None


class Chart:
    """A picture of a given width: title and notes above the axes, remarks below them.

    Args:
        heading: The title, shortened to the width.
        notes: Sentences below the title.
        width, height: Of the picture, and of the axes with their labels, in pixels.
        theme: Colours and language.
        remarks: Sentences below the axes.
    """

    def __init__(
        self,
        heading: str,
        notes: Sequence[str],
        *,
        width: float,
        height: float,
        theme: Theme,
        remarks: Iterable[str] = (),
    ) -> None:
        room = width - 2 * MARGIN
        above, below = (
            [fit_label(line, room, NOTE_SIZE) for line in wrap_sentences(sentences, room, NOTE_SIZE)]
            for sentences in ([" ".join(filter(None, notes))], list(filter(None, remarks)))
        )
        # The texts determine the height of the picture; Matplotlib lays out the axes between them
        head, foot = 44 + LINE_HEIGHT * len(above), 14 + LINE_HEIGHT * len(below)
        self.theme, self._width, self._height, self._body = theme, width, head + height + foot, height
        self.figure = Figure((width / 72, self._height / 72), dpi=72, facecolor="none")
        self.figure.set_layout_engine(
            "constrained",
            rect=(0, foot / self._height, 1, height / self._height),
            w_pad=8 / 72, h_pad=6 / 72, wspace=0.03, hspace=0.03,
        )  # fmt: skip
        self._write(fit_label(heading, room, TITLE_SIZE), 28, TITLE_SIZE, theme.ink, weight="bold")
        for place, line in enumerate(above):
            self._write(line, 47 + LINE_HEIGHT * place, NOTE_SIZE, theme.quiet)
        for place, line in enumerate(below):
            self._write(line, head + height + LINE_HEIGHT * place + 16, NOTE_SIZE, theme.quiet)

    def _write(self, text: str, y: float, size: float, colour: str, **options: Any) -> None:
        place = MARGIN / self._width, 1 - y / self._height
        self.figure.text(*place, replace_invalid(text), size=size, color=colour, in_layout=False, **options)

    def make_axes(self, rows: int = 1, columns: int = 1, **options: Any) -> list[Axes]:
        """Make panels in the style of our pictures, row by row."""
        panels: list[Axes] = self.figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
        for axes in panels:
            axes.set_facecolor("none")
            axes.spines[:].set_color(self.theme.line)
            axes.grid(color=self.theme.grid)
            axes.tick_params(color=self.theme.line, labelcolor=self.theme.quiet)
            for axis in (axes.xaxis, axes.yaxis):
                format_ticks(axis, self.theme)
                axis.get_offset_text().set_color(self.theme.quiet)
        return panels

    def label(self, axes: Axes, x: str = "", y: str = "", title: str = "") -> None:
        """Label the axes of a panel, and the panel; long texts are shortened."""
        room, quiet = self._panel_width(axes), self.theme.quiet
        rows = axes.get_gridspec().nrows  # type: ignore[union-attr]
        axes.set_xlabel(replace_invalid(fit_label(x, room, LABEL_SIZE)), color=quiet)
        axes.set_ylabel(replace_invalid(fit_label(y, self._body / rows - 40, LABEL_SIZE)), color=quiet)
        axes.set_title(replace_invalid(fit_label(title, room, 12)), color=self.theme.ink)

    def add_legend(
        self, axes: Axes, names: Sequence[str], handles: Sequence[Any], *, is_below: bool = False
    ) -> None:
        """Name the series above or below the panel, in as many columns as fit; nothing without names."""
        if not names:
            return
        labels = [replace_invalid(fit_label(name, LEGEND_NAME_WIDTH, NOTE_SIZE)) for name in names]
        # Room for the longest name with its sample line, so that no column overlaps the next
        widest = max(text_width(name, NOTE_SIZE) for name in labels) + 52
        axes.legend(
            handles, labels, borderaxespad=0.2,
            loc="upper left" if is_below else "lower left", bbox_to_anchor=(0, -0.16 if is_below else 1.0),
            ncols=min(len(labels), max(1, int(self._panel_width(axes) / widest))), labelcolor=self.theme.ink,
        )  # fmt: skip

    def _panel_width(self, axes: Axes) -> float:
        """Estimate the width of a panel from below, in pixels."""
        return self._width / axes.get_gridspec().ncols - 60  # type: ignore[union-attr]

    def write(self, *, title: str, description: str) -> str:
        """Return the picture as SVG. Screen readers read ``title`` and ``description``."""
        return write_svg(self.figure, title=title, description=description, theme=self.theme)


def to_array(values: ArrayLike) -> Float[np.ndarray, "..."]:
    """Return values as an array: NaN where one is missing, infinite or undefined, magnitudes clipped."""
    # Matplotlib draws gaps for NaN; clipped magnitudes keep its squares and ratios finite
    array: NDArray[np.float64] = np.array(values, dtype=float)
    array[~np.isfinite(array)] = math.nan
    return array.clip(-MAX_MAGNITUDE, MAX_MAGNITUDE)


def use_log_axis(
    axes: Axes, values: Iterable[Value], theme: Theme, *, along: str = "y", room: float = 0.04
) -> None:
    """Make an axis logarithmic, around the positive ones of the values."""
    positive_values = [value for value in values if value is not None and 0 < value < math.inf]
    ends = (min(positive_values, default=1.0), max(positive_values, default=10.0))
    low, high = (math.log10(min(max(end, 1 / MAX_MAGNITUDE), MAX_MAGNITUDE)) for end in ends)
    # Half a decade on each side of a single magnitude, which has no range of its own
    wider = room * (high - low) if high - low > 1e-6 else 0.5
    if along == "x":
        axes.set_xscale("log")
        axes.set_xlim(10 ** (low - wider), 10 ** (high + wider))
    else:
        axes.set_yscale("log")
        axes.set_ylim(10 ** (low - wider), 10 ** (high + wider))
    axis = axes.xaxis if along == "x" else axes.yaxis
    format_log_ticks(axis, theme, decades=high - low + 2 * wider)


def draw_series(
    axes: Axes, xs: ArrayLike, ys: ArrayLike, theme: Theme, place: int, width: float = 1.8
) -> Any:
    """Draw a curve with gaps where it is undefined. A single value between gaps is a dot."""
    x, y = to_array(xs), to_array(ys)
    # A logarithmic axis has no place for 0 and below, which become gaps
    if axes.get_yscale() == "log":
        y[y <= 0] = math.nan
    # A line joins neighbours, so a value between two gaps would be invisible; the ends count as gaps
    is_finite = np.isfinite(x + y)
    mask = np.concatenate(([False], is_finite, [False]))
    is_single = is_finite & ~mask[:-2] & ~mask[2:]
    colour, dashes = series_colour(place, theme), series_dashes(place)
    (line,) = axes.plot(x, y, color=colour, linestyle=dashes, linewidth=width, gid="series")
    if is_single.any():
        draw_dots(axes, x[is_single], y[is_single], colour=colour, radius=2 * width)
    return line


def draw_dots(
    axes: Axes, xs: ArrayLike, ys: ArrayLike, *, colour: str, radius: float, opacity: float = 1.0
) -> None:
    """Draw a dot for every pair that is defined."""
    axes.plot(
        to_array(xs), to_array(ys), "o", color=colour, markersize=2 * radius, markeredgewidth=0,
        alpha=opacity, gid="dots",
    )  # fmt: skip


def series_colour(place: int, theme: Theme) -> str:
    """The colour of a series; with its dashes, the first 70 are distinct."""
    return theme.series[place % len(theme.series)]


def series_dashes(place: int) -> tuple[float, list[float] | None]:
    """The dashes of a series, as Matplotlib takes them."""
    return 0, [float(length) for length in DASHES[place % len(DASHES)].split()] or None
