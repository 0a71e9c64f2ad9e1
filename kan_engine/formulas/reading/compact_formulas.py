"""Formulas read off compact networks: every curve becomes the shortest function that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.compact.path import CompactPath
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TargetScaler
from kan_engine.expressions.constraints import MAX_HIDDEN_LAYERS, NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import Expression, apply_function, count_nodes, evaluate
from kan_engine.formulas.core.transforms import invert_transform
from kan_engine.formulas.reading.curve_form import PLACEHOLDER
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.network_curves import CurveByInput, NetworkCurves
from kan_engine.formulas.reading.univariate_fit import FitPoints, fit_plain_functions, suggest


def read_formulas(
    path: CompactPath,
    rows: LabelledRows,
    max_size: int,
    limits: FormulaConstraints = NO_CONSTRAINTS,
    *,
    max_curves: int = 12,
    tolerances: Sequence[float] = (0.01, 0.003),
) -> list[Expression]:
    """Read the networks of one output as formulas in the encoded columns, small networks first.

    The constants are those of the curves: they are not fitted to the target. Formulas that are too long or
    undefined at a row are left out, and so are networks with multiplication nodes or several hidden layers,
    which no search for compact networks returns. The work is bounded: a second or two.

    Args:
        path: Networks with one output.
        rows: At which the curves are read.
        max_size: Nodes of the longest formula.
        limits: What formulas may contain.
        max_curves: Of a network; with more, even short functions make a formula too long for a front.
        tolerances: Mean squared errors of a curve that are accepted beyond those of its best function, over
            the variance of the output. Every network is read once with each. With the smaller one alone, R²
            of the front of airfoil at 20 nodes falls from 0.735 to 0.698.
    """
    reader, z = _CurveReader(rows, limits), torch.from_numpy(path.inputs.forward(rows.x))
    trees: dict[Expression, None] = {}
    for entry in path.networks:
        if entry.curve_count > max_curves:
            break
        if len(entry.network.stack) > MAX_HIDDEN_LAYERS + 1 or entry.network.config.products:
            continue
        curves = NetworkCurves.compute(entry.network, z)
        for total in reader.read_network(curves, tolerances):
            tree = _undo_scale(total, path.scaler)
            is_short = count_nodes(tree) <= max_size and limits.allow_form(tree)
            if is_short and np.isfinite(evaluate(tree, rows.columns)).all():
                trees[tree] = None
    return list(trees)


def _undo_scale(total: LinearSum, scaler: TargetScaler | None) -> Expression:
    """The formula of the target itself; log-odds have no scale."""
    if scaler is None:
        return total.tree
    return invert_transform(scaler.transform, total.scale(float(scaler.std[0]), float(scaler.mean[0])).tree)


@dataclass(eq=False)
class _CurveReader:
    """Reads curves at fixed rows.

    Attributes:
        rows: The rows, in the client's units.
        limits: What formulas may contain.
        points: Fit points of the columns read so far.
    """

    rows: LabelledRows
    limits: FormulaConstraints
    points: dict[int, FitPoints] = field(default_factory=dict)

    def read_network(self, curves: NetworkCurves, tolerances: Sequence[float]) -> list[LinearSum]:
        """Read the output of a network once with every tolerance.

        The smaller the share of a hidden node of the variance of the output, the more coarsely the curves
        that enter it are read.
        """
        points, totals = [_make_points(node.values) for node in curves.nodes], list[LinearSum]()
        variance = float(np.var(sum([*curves.direct.values(), *(node.leaving for node in curves.nodes)])))
        for max_error in (tolerance * variance for tolerance in tolerances):
            total = self._read_columns(curves.direct, max_error)
            for node, node_points in zip(curves.nodes, points, strict=True):
                # An error of a curve into a node reaches the output reduced by the node's share of the
                # variance
                share = max_error / max(float(node.leaving.var()), max_error, 1e-300)
                argument = self._read_columns(node.entering, share * float(node.values.var()))
                total += self._read_curve(argument, node_points, node.leaving, max_error)
            totals.append(total)
        return totals

    def _read_columns(self, curves: CurveByInput, max_error: float) -> LinearSum:
        """The sum of curves of columns."""
        total = LinearSum({})
        for place, v in curves.items():
            if place not in self.points:
                self.points[place] = _make_points(self.rows.x[:, place])
            column = LinearSum.from_column(self.rows.names[place])
            total += self._read_curve(column, self.points[place], v, max_error)
        return total

    def _read_curve(
        self, argument: LinearSum, points: FitPoints, v: Float[np.ndarray, " rows"], max_error: float
    ) -> LinearSum:
        """The shortest function of a sum whose mean squared error exceeds the least by ``max_error``."""
        variance, mean = float(v.var()), LinearSum({}, float(v.mean()))
        if variance <= max_error or not argument.terms:
            return mean
        # The mean if it suffices, else a line, else the function that makes the shortest formula
        line = next((fit for fit in fit_plain_functions(points, v) if fit.function == "x"), None)
        if line is not None and (1 - line.r2) * variance <= max_error:
            return argument.apply(line)
        fits = [fit for fit in suggest(points, v) if self._allows(fit.function)]
        near = [fit for fit in fits if (fits[0].r2 - fit.r2) * variance <= max_error]
        read = [(argument.apply(fit), fit.complexity) for fit in near]
        simplest = min(
            (pair for pair in read if pair[0].is_finite),
            key=lambda pair: (count_nodes(pair[0].tree), pair[1]),
            default=(mean, 0),
        )
        return simplest[0]

    def _allows(self, function: str) -> bool:
        return self.limits.allow_part(apply_function(function, PLACEHOLDER), is_exponent=False)


def _make_points(u: Float[np.ndarray, " rows"]) -> FitPoints:
    """Few points and steps suffice, since the front fits all constants to the target afterwards."""
    return FitPoints(u, max_points=60, starts=1, rounds=1)
