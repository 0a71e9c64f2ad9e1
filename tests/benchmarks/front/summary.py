"""The figures of the section ``front`` as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

from tests.benchmarks.front.results import (
    FEWEST_POINTS,
    MEMBERS,
    METHODS,
    MODELS,
    OPERON,
    OURS,
    compare_with_operon,
    compute_median_loss,
    compute_near_share,
    find_row,
    list_short_fronts,
    read_figure,
    read_front,
    read_r2,
)
from tests.benchmarks.front.statistics import SIZES, PairThresholds, best_up_to
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.plan import number
from tests.benchmarks.report import table
from tests.benchmarks.rows import Measured

NONE = "–"


def summarize(results: Measured) -> str:
    """Tables of fronts, models and seconds; the shares that the goals are about; rows without figures."""
    parts = [
        "Best hold-out R² of a formula of at most so many nodes, ours / Operon's:",
        _write_fronts(results),
        "Hold-out R² of the members of our model and of models without a formula:",
        _write_models(results),
        "Seconds:",
        _write_seconds(results),
        "\n".join(f"- {line}" for line in _write_comparisons(results)),
        *([f"Without figures:\n\n{failures}"] if (failures := _write_failures(results)) else []),
    ]
    return "\n\n".join(parts)


def _write_fronts(results: Measured) -> str:
    head = ["table", *(f"≤ {size}" for size in SIZES), "formulas, ours / Operon's"]
    return table(head, [_write_front(results, name) for name in _names(results)])


def _write_front(results: Measured, name: str) -> list[str]:
    fronts = [read_front(results, name, method) for method in (OURS, OPERON)]
    bests = [[best_up_to(front or [], size) for front in fronts] for size in SIZES]
    is_compared = None not in fronts
    cells = [" / ".join(_emphasize(*pair) if is_compared else map(_write_r2, pair)) for pair in bests]
    counts = (read_figure(results, name, method, "points") for method in (OURS, OPERON))
    return [name, *cells, " / ".join(map(_write_count, counts))]


def _emphasize(ours: float | None, theirs: float | None) -> tuple[str, str]:
    """Both in print, the one that is clearly larger in bold."""
    clear = PairThresholds().clear
    is_ours = ours is not None and (theirs is None or ours - theirs > clear)
    is_other = theirs is not None and (ours is None or theirs - ours > clear)
    return _bold(ours, is_ours), _bold(theirs, is_other)


def _bold(r2: float | None, is_bold: bool) -> str:
    return f"**{_write_r2(r2)}**" if is_bold else _write_r2(r2)


def _write_count(count: float | None) -> str:
    return NONE if count is None else f"{count:,.0f}"


def _write_r2(r2: float | None) -> str:
    return NONE if r2 is None else f"{r2:.3f}"


def _write_models(results: Measured) -> str:
    head = ["table", *MEMBERS, *MODELS, "edges of compact / accurate"]
    lines = []
    for name in _names(results):
        edges = (read_figure(results, name, OURS, f"edges of {member}") for member in ("compact", "accurate"))
        cells = [_write_r2(read_r2(results, name, model)) for model in (*MEMBERS, *MODELS)]
        lines.append([name, *cells, " / ".join(map(_write_count, edges))])
    return table(head, lines)


def _write_seconds(results: Measured) -> str:
    lines = [
        [
            name,
            *(
                NONE
                if (seconds := read_figure(results, name, method, "seconds")) is None
                else number(seconds)
                for method in METHODS
            ),
        ]
        for name in _names(results)
    ]
    return table(["table", *METHODS], lines)


def _write_comparisons(results: Measured) -> Iterator[str]:
    """Sentences on the tables that are measured."""
    limits, pairs = PairThresholds(), compare_with_operon(results)
    if pairs.pairs:
        yield (
            f"Of {pairs.pairs} pairs of a table and a size of at most 10, 20, 30 or 40 nodes, our R² is "
            f"within {limits.near:g} of Operon's or above in {pairs.as_good:.0%}, above by more than "
            f"{limits.clear:g} in {pairs.better:.0%}. The mean difference is {pairs.difference:+.3f}."
        )
    for model, rival in (("compact", "EBM"), ("accurate", "boosting")):
        if not isnan(near := compute_near_share(results, model, rival)):
            above = f"within {limits.near:g} of {rival}'s or above on {near:.0%} of the tables"
            yield f"The R² of the {model} network is {above}."
    if not isnan(loss := compute_median_loss(results, "compact", "accurate")):
        yield f"The compact network loses {round(loss, 3) + 0.0:.3f} of the accurate network's R² (median)."
    short = list_short_fronts(results)
    yield (
        f"Tables with fewer than {FEWEST_POINTS} formulas of ours: {', '.join(short)}."
        if short
        else f"Every table has at least {FEWEST_POINTS} formulas of ours."
    )


def _write_failures(results: Measured) -> str:
    """The rows without figures; a method that is not installed once."""
    lines = [
        f"- {row.who}: not installed"
        if row.failure.startswith("ModuleNotFoundError")
        else f"- {row.work}, {row.who}: {row.failure}"
        for row in results.rows
        if row.failure
    ]
    return "\n".join(dict.fromkeys(lines))


def _names(results: Measured) -> list[str]:
    """Tables with a row of any method."""
    return [
        entry.name for entry in TABLES if any(find_row(results, entry.name, method) for method in METHODS)
    ]
