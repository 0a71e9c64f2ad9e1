"""Search for networks of few curves, from the rows and from an accurate network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.compact.conversion import build_network
from kan_engine.compact.curve_basis import CurveBasis, NodeBasis, build_curve_basis
from kan_engine.compact.curves import Curve, Curves, Edge
from kan_engine.compact.elimination import eliminate_curves
from kan_engine.compact.fit import Fit, fit_curves
from kan_engine.compact.losses import link
from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.compact.problem import Problem
from kan_engine.compact.screening import screen_sources
from kan_engine.compact.sources import Source, list_sources
from kan_engine.compact.thresholds import DEFAULT_COMPACT, CompactThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData

Array = np.ndarray
Teacher = Callable[[Float[Array, "rows columns"]], Float[Array, "rows outputs"]]


def find_compact_path(
    data: TrainingData,
    inputs: Standardizer,
    scaler: TargetScaler | None,
    teacher: Teacher,
    *,
    max_curves: int = 20,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: CompactThresholds = DEFAULT_COMPACT,
) -> CompactPath:
    """Return networks of 1, 2, … ``max_curves`` curves.

    Additive networks come first, since every curve of theirs has a meaning of its own.

    Args:
        data: Fit and validation rows; hold-out rows are not read.
        inputs: Scale of the encoded columns.
        scaler: Of the target; None for a classifier.
        teacher: Outputs of the accurate network at encoded rows: scaled targets, or logits.
        max_curves: Of the largest network. Every class needs one curve at least.
        seed: Of the samples of rows.
        should_stop: Once it returns true, the path so far is returned.
        thresholds: Decision numbers.
    """
    tables = _Tables(data, inputs, scaler, teacher, seed, thresholds)
    rows = data.fit.sample(thresholds.search_rows, seed)
    bases = tables.build_bases(rows, list_sources(data.encoding, rows.x))
    node_basis = NodeBasis.create(thresholds)
    problem = tables.make_problem(bases, node_basis, rows)
    kept = screen_sources(problem, thresholds)
    validation = tables.make_validation(bases, node_basis, data.validation)
    best: dict[int, tuple[float, Curves]] = {}

    def record(fit: Fit) -> None:
        count, loss = len(fit.curves), validation.mean_loss(fit.curves)
        if count not in best or loss < best[count][0]:
            best[count] = loss, fit.curves

    start = fit_curves(
        problem, make_additive(problem, kept, thresholds), thresholds.start_steps, thresholds, should_stop
    )
    for fit in eliminate_curves(problem, start, thresholds, should_stop, max_curves=max_curves):
        record(fit)
    smallest = min(best)
    chosen = {count: entry for count, entry in sorted(best.items()) if count <= max(max_curves, smallest)}
    everything = tables.make_problem(bases, node_basis, data.training.sample(thresholds.refit_rows, seed))
    networks = []
    for count, (loss, curves) in chosen.items():
        final = fit_curves(everything, curves, thresholds.refit_steps, thresholds, should_stop).curves
        network = build_network(final, bases, node_basis, data.rows.x.shape[1])
        networks.append(CompactNetwork(network=network, curve_count=count, loss=loss))
    return CompactPath(networks=tuple(networks), inputs=inputs, scaler=scaler)


@dataclass(frozen=True)
class _Tables:
    """Makes problems of rows in the client's units."""

    data: TrainingData
    inputs: Standardizer
    scaler: TargetScaler | None
    teacher: Teacher
    seed: int
    thresholds: CompactThresholds

    def build_bases(self, rows: LabelledRows, sources: Sequence[Source]) -> list[CurveBasis]:
        """Build the functions of all sources on the fit rows."""
        width = rows.x.shape[1]
        levels = self.inputs.forward(np.stack([np.zeros(width), np.ones(width)])).T
        z = self.inputs.forward(rows.x)
        return [build_curve_basis(source, z, rows.weights, levels, self.thresholds) for source in sources]

    def make_problem(self, bases: Sequence[CurveBasis], node_basis: NodeBasis, rows: LabelledRows) -> Problem:
        """Rows with targets that the teacher has smoothed."""
        taught = link(self.data.loss, self.teacher(rows.x))
        share = self.thresholds.teacher_share
        targets = (1 - share) * self._targets(rows) + share * taught
        return self._make(bases, node_basis, rows, targets)

    def make_validation(
        self, bases: Sequence[CurveBasis], node_basis: NodeBasis, rows: LabelledRows
    ) -> Problem:
        """Rows with the targets that were observed."""
        return self._make(bases, node_basis, rows, self._targets(rows))

    def _make(
        self, bases: Sequence[CurveBasis], node_basis: NodeBasis, rows: LabelledRows, targets: Array
    ) -> Problem:
        weights = rows.weights / rows.weights.mean()
        return Problem.build(bases, node_basis, self.inputs.forward(rows.x), targets, weights, self.data.loss)

    def _targets(self, rows: LabelledRows) -> Float[Array, "rows outputs"]:
        if self.scaler is not None:
            return self.scaler.forward(rows.y[:, None])
        if self.data.loss == "logistic":
            return rows.y[:, None]
        flags: Array = np.eye(self.data.output_count)[rows.classes]
        return flags


def make_additive(problem: Problem, sources: Sequence[int], thresholds: CompactThresholds) -> Curves:
    """Return a network with a direct curve from every source to every output, all 0."""
    outputs = problem.targets.shape[1]
    curves = {
        Edge("direct", s, o): Curve(np.zeros(problem.features[s].shape[1]), thresholds.start_smoothing)
        for s in sources
        for o in range(outputs)
    }
    return Curves(curves, np.zeros(outputs))
