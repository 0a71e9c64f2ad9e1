"""Screening of a wide table: which columns of the client the search reads, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from kan_engine.data.encoding import Encoding
from kan_engine.data.folds import assign_folds
from kan_engine.data.screening.basis import InputBasis, score_classes, score_numbers
from kan_engine.data.screening.line import compare_with_line, rank_by_line
from kan_engine.data.screening.screened_rows import ScreenedRows
from kan_engine.data.screening.screening import NO_COMPARISON, KeptColumn, LineComparison, Screening
from kan_engine.data.screening.selection import Effect, Selection
from kan_engine.data.screening.stability import measure_stability
from kan_engine.data.screening.thresholds import ScreeningThresholds


def screen_columns(
    encoding: Encoding,
    read: Callable[[Int[np.ndarray, " some"]], Float[np.ndarray, "some inputs"]],
    y: Float[np.ndarray, " rows"] | Int[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    *,
    is_classification: bool,
    required: Collection[str] = (),
    seed: int = 0,
    is_ordered: bool = False,
    is_late: Callable[[], bool] = lambda: False,
    thresholds: ScreeningThresholds,
) -> Screening | None:
    """Screen the columns of a wide table; None if it is not wide.

    The training rows alone are tested. The inputs are tested one by one: a category is an input for each of
    its values, and its column is kept if one of them stands out. Columns that act only in products of three
    or more are not found.

    Args:
        encoding: Of all columns.
        read: Encodes the training rows of these numbers.
        y: Target of the training rows: numbers, or the index of the class.
        weights: Of the training rows, positive.
        is_classification: Whether the target is a class.
        required: Columns that are kept in any case.
        seed: Of samples, folds and halves.
        is_ordered: Whether the rows are in time order.
        is_late: Once it returns true, only the tests of single inputs are finished.
        thresholds: Decision numbers.
    """
    owners = [column.feature for column in encoding.names]
    max_inputs = thresholds.max_inputs_of(len(y))
    if sum(owner not in required for owner in owners) <= max_inputs:
        return None
    sample = _draw_rows(encoding, len(y), seed, thresholds)
    # Shares of the rows in the weight of the sample: sums of squares are then weighted means
    x, share = read(sample), weights[sample] / weights[sample].sum()
    root = np.sqrt(share)
    scores = (
        score_classes(y[sample].astype(int), root, thresholds)
        if is_classification
        else score_numbers(y[sample], root)
    )
    rows = ScreenedRows(x=x, root=root, scores=scores, thresholds=thresholds)
    findings = _Findings()
    if scores.shape[1]:  # else no two classes have enough rows
        findings = _test_inputs(
            rows,
            max_inputs,
            seed,
            is_classification=is_classification,
            is_ordered=is_ordered,
            is_late=is_late,
        )
    return Screening(
        kept=_collect_columns(encoding, findings, required, max_inputs),
        columns=len(encoding.features),
        rows=len(sample),
        level=thresholds.level,
        min_stability=thresholds.min_stability,
        line=findings.line,
        is_cut=findings.is_cut,
    )


def _draw_rows(
    encoding: Encoding, rows: int, seed: int, thresholds: ScreeningThresholds
) -> Int[np.ndarray, " drawn"]:
    """Numbers of the rows to test: all, or a sample whose basis functions fit into memory."""
    functions = sum(
        len(feature.columns) * (1 if feature.type in ("category", "boolean") else max(thresholds.degrees))
        for feature in encoding.features
    )
    count = min(rows, thresholds.max_rows, thresholds.max_basis_numbers // functions)
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


@dataclass(frozen=True, kw_only=True)
class _Findings:
    """What the tests found.

    Attributes:
        effects: Inputs that stand out, by place.
        stability: Share of halves on which each is selected again, if there was time for that.
        line: A line through all inputs, compared with them.
        order: All inputs by their share of that line; empty unless it is better.
        is_cut: Whether the time did not suffice.
    """

    effects: Mapping[int, Effect] = field(default_factory=dict)
    stability: Mapping[int, float] = field(default_factory=dict)
    line: LineComparison = NO_COMPARISON
    order: Sequence[int] = ()
    is_cut: bool = False


def _test_inputs(
    rows: ScreenedRows,
    max_inputs: int,
    seed: int,
    *,
    is_classification: bool,
    is_ordered: bool,
    is_late: Callable[[], bool],
) -> _Findings:
    bases = rows.make_bases()
    limits, strongest = rows.set_limits(bases, seed, is_classification=is_classification)
    selection = rows.start(bases, limits)
    is_complete = selection.run(rows.make_products(bases, strongest), max_inputs, is_late)
    effects = selection.effects
    if not is_complete or is_late():
        return _Findings(effects=effects, is_cut=True)
    # A weak effect of many columns shows only in a line through all, so that no column stands out
    line, order = _compare_with_line(rows, bases, selection, seed, is_ordered=is_ordered)
    return _Findings(
        effects=effects,
        stability=measure_stability(rows, effects, limits, strongest, seed, is_late),
        line=line,
        order=order,
    )


def _compare_with_line(
    table: ScreenedRows,
    bases: Sequence[InputBasis],
    selection: Selection,
    seed: int,
    *,
    is_ordered: bool,
    line_folds: int = 5,
    line_rows: int = 1000,
) -> tuple[LineComparison, Sequence[int]]:
    """The comparison with a line through all inputs, and the inputs of that line if it is better.

    Args:
        line_folds: Of the cross-validation of a line through all columns.
        line_rows: Of the cross-validation of a line through all columns: its work grows with their cube.
    """
    thresholds = table.thresholds
    # A sample, as the work of the line grows with the cube of its rows
    rows = np.random.default_rng(seed).permutation(len(table.x))[:line_rows]
    rows = np.sort(rows)
    # The line counts all rows the same, so the roots of the shares are divided out
    scale = 1 / table.root[rows, None]
    inputs = np.concatenate([basis.values[rows, :, 0] for basis in bases], 1).astype(float) * scale
    places = np.concatenate([basis.places for basis in bases])
    scores = table.scores[rows] * scale
    folds = assign_folds(scores[:, 0], "regression", seed, line_folds, is_ordered=is_ordered)
    line = compare_with_line(inputs, selection.directions[rows] * scale, scores, folds, thresholds)
    if not line.is_better:
        return line, ()
    return line, places[rank_by_line(inputs, scores, thresholds)].tolist()


def _collect_columns(
    encoding: Encoding, findings: _Findings, required_columns: Collection[str], max_inputs: int
) -> tuple[KeptColumn, ...]:
    """The columns of the inputs, in the order of the table; at most ``max_inputs`` but for required ones."""
    owners = [column.feature for column in encoding.names]
    widths = {feature.name: len(feature.columns) for feature in encoding.features}
    columns = {name: KeptColumn(name=name, reason="required") for name in widths if name in required_columns}
    # The most significant inputs come first, then those of the line, until the limit is reached
    candidates = [
        KeptColumn(
            name=owners[place],
            reason=effect.reason,
            partner=None if effect.partner is None else owners[effect.partner],
            p_value=float(np.exp(effect.log_p)),
            stability=findings.stability.get(place),
        )
        for place, effect in sorted(findings.effects.items(), key=lambda item: item[1].log_p)
    ]
    candidates += [KeptColumn(name=owners[place], reason="line") for place in findings.order]
    for column in candidates:
        if column.name not in columns and widths[column.name] <= max_inputs:
            max_inputs -= widths[column.name]
            columns[column.name] = column
    if not columns:
        fallback = next(iter(widths))
        columns = {fallback: KeptColumn(name=fallback, reason="first")}
    return tuple(columns[name] for name in widths if name in columns)
